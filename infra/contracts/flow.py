"""Whether what the services say of themselves fits together: what is announced is published, nobody waits in vain."""

from collections.abc import Collection, Iterable
from typing import Any

from tidings.events import Contract
from tidings.service import Service


def misfits(services: Iterable[Service[Any]], published: Collection[type[Contract]]) -> list[str]:
    """The events that are announced without a published contract, or reacted to and announced by nobody."""
    services = tuple(services)
    announced = [contract for service in services for contract in service.announces]
    unpublished = [
        f"{service.name} announces {contract.__name__}, which tidings/contracts.py does not define: "
        "nobody can read what has no published contract"
        for service in services
        for contract in service.announces
        if contract not in published
    ]
    unannounced = [
        f"{service.name} reacts to {_asked(service, contract)}, which nobody announces"
        for service in services
        for contract in service.reactions
        if _asked(service, contract) not in {_asked(service, each) for each in announced}
    ]
    return unpublished + unannounced


def _asked(service: Service[Any], contract: type[Contract]) -> str:
    """What must be announced for a service to be heard: who asks for thin events takes any version."""
    return contract.__name__ if service.thin else contract.schema()
