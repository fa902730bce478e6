"""What is announced is published, and what is reacted to is announced."""

from infra.contracts.flow import misfits
from infra.contracts.schemas import catalogue
from infra.services import Found
from tests.contracts.made_up import contract, service

LOST = contract(("parcel", str))
FOUND = contract(("parcel", str), name="ParcelFound")


def test_the_shops_services_fit_together(services: tuple[Found, ...]) -> None:
    assert misfits((found.service for found in services), catalogue()) == []


def test_an_announced_event_without_a_published_contract_is_a_misfit() -> None:
    assert misfits([service("post", announces=(LOST, FOUND))], [FOUND]) == [
        "post announces ParcelLost, which tidings/contracts.py does not define: "
        "nobody can read what has no published contract"
    ]


def test_another_contract_of_the_same_name_is_not_the_published_one() -> None:
    assert misfits([service("post", announces=(contract(("weight", int)),))], [LOST]) != []


def test_reacting_to_what_nobody_announces_is_a_misfit() -> None:
    services = [service("post", announces=(LOST,)), service("claims", reacts=(LOST, FOUND))]
    assert misfits(services, [LOST, FOUND]) == ["claims reacts to urn:tidings:ParcelFound:1, which nobody announces"]


def test_reacting_to_a_major_version_that_nobody_announces_is_a_misfit() -> None:
    newer = contract(("parcel", int), major=2)
    services = [service("post", announces=(newer,)), service("claims", reacts=(LOST,))]
    assert misfits(services, [newer]) == ["claims reacts to urn:tidings:ParcelLost:1, which nobody announces"]


def test_who_asks_for_thin_events_takes_any_major_version() -> None:
    newer = contract(("parcel", int), major=2)
    services = [service("post", announces=(newer,)), service("board", reacts=(LOST, FOUND), thin=True)]
    assert misfits(services, [newer]) == ["board reacts to ParcelFound, which nobody announces"]


def test_services_that_fit_together_are_no_misfits() -> None:
    services = [service("post", announces=(LOST, FOUND)), service("claims", reacts=(LOST,))]
    assert misfits(services, [LOST, FOUND]) == []
