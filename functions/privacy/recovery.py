"""The recovery of privacy: an order's record once its personal data was erased."""

from typing import Any

from msgspec.structs import replace

from contracts.privacy.personal_data_erased import PersonalDataErased
from functions.privacy.service import service
from functions.privacy.state import Record, Retained
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_erased(record: Record | None, event: Event[PersonalDataErased], _cause: Event[Any] | None) -> Record:
    known = (record.order if record else None) or Retained()
    return Record(order=replace(known, since="", erased=event.data.reason))


recovery = Recovery(service=service, recalls=(recall(PersonalDataErased, _after_erased),))
