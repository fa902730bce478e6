"""Every announced event has a published contract, and every handled event is announced."""

import pytest

from infra.application import Application
from infra.published_language.consistency import inconsistencies
from tests.contracts.sample_contracts import contract, service

LOST = contract(("parcel", str))
FOUND = contract(("parcel", str), name="ParcelFound")


def test_the_shops_services_are_consistent(application: Application) -> None:
    assert inconsistencies((folder.service for folder in application.services), application.contracts) == []


def test_an_announced_event_needs_a_published_contract() -> None:
    assert inconsistencies([service("post", announces=(LOST, FOUND))], [FOUND]) == [
        "post announces ParcelLost, which is not among the published contracts"
    ]


def test_another_contract_of_the_same_name_is_not_the_published_one() -> None:
    assert inconsistencies([service("post", announces=(contract(("weight", int)),))], [LOST]) != []


def test_a_handled_event_must_be_announced() -> None:
    services = [service("post", announces=(LOST,)), service("depot", handles=(LOST, FOUND))]
    assert inconsistencies(services, [LOST, FOUND]) == [
        "depot handles urn:tidings:ParcelFound:1, which no service announces"
    ]


def test_a_handled_major_version_must_be_announced() -> None:
    newer = contract(("parcel", int), major=2)
    services = [service("post", announces=(newer,)), service("depot", handles=(LOST,))]
    assert inconsistencies(services, [newer]) == ["depot handles urn:tidings:ParcelLost:1, which no service announces"]


def test_a_contract_is_in_the_folder_that_is_named_for_its_producer() -> None:
    moved = contract(("parcel", str), producer="depot")
    moved.__module__ = "contracts.post.parcel_lost"
    assert inconsistencies([service("depot", announces=(moved,))], [moved]) == [
        "ParcelLost is in the folder post, but its producer is depot"
    ]


def test_a_service_that_announces_another_services_contract_cannot_be_declared() -> None:
    with pytest.raises(ValueError, match="depot announces ParcelLost, whose producer is post"):
        service("depot", announces=(LOST,))


def test_services_that_announce_all_handled_events_are_consistent() -> None:
    services = [service("post", announces=(LOST, FOUND)), service("depot", handles=(LOST,))]
    assert inconsistencies(services, [LOST, FOUND]) == []
