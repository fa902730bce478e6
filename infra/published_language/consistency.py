"""The check that services fit together: every announced event has a contract, and every handled one is announced."""

from collections.abc import Collection, Iterable
from typing import Any

from tidings.core.contract import Contract
from tidings.core.service import Service


def inconsistencies(services: Iterable[Service[Any]], contracts: Collection[type[Contract]]) -> list[str]:
    """Return the events that are announced without a published contract, or handled but never announced.

    Also return the contracts whose folder is not named for their producer.

    Args:
        services: All services of an application.
        contracts: All its published contracts; see `discover_contracts`.
    """
    services = tuple(services)
    announced = {contract.schema() for service in services for contract in service.announces}
    misplaced = [
        f"{contract.__name__} is in the folder {_folder(contract)}, but its producer is {contract.producer}"
        for contract in contracts
        if _folder(contract) != contract.producer
    ]
    unpublished = [
        f"{service.name} announces {contract.__name__}, which is not among the published contracts"
        for service in services
        for contract in service.announces
        if contract not in contracts
    ]
    unannounced = [
        f"{service.name} handles {contract.schema()}, which no service announces"
        for service in services
        for contract in service.contracts
        if contract.schema() not in announced
    ]
    return misplaced + unpublished + unannounced


def _folder(contract: type[Contract]) -> str:
    return contract.__module__.split(".")[-2]
