"""The part of the service `privacy` that announces erasures."""

from msgspec import Struct

from contracts.privacy.personal_data_erased import PersonalDataErased
from tidings.core.decisions import Decision, Save, Skip
from tidings.core.entity import Entity
from tidings.core.service import Service


class Erasure(Struct, frozen=True):
    """The erasure of an order's personal data. It is announced once."""


def erase(entity: Entity[Erasure]) -> Decision[Erasure]:
    """Announce that the order's personal data is erased, unless it was announced before."""
    return Skip() if entity.state else Save(Erasure(), announce=(PersonalDataErased(reason="customer"),))


service = Service(name="privacy", state=Erasure, announces=(PersonalDataErased,))
