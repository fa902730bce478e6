"""After an erasure nothing personal of the order is stored, and nothing brings it back."""

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from contracts.privacy.personal_data_erased import PersonalDataErased
from infra.shop import shop_services
from tests.integration.cli_driver import CAPTURED, CliDriver
from tests.integration.cloud import Cloud
from tests.integration.erasure import erase
from tests.integration.facts import ADDRESS, confirmed, fact, new_order, placed
from tests.integration.shop import Shop
from tidings.core.personal import redacted

ERASED = PersonalDataErased(reason="customer")
PERSONAL = (ADDRESS.name, ADDRESS.street, ADDRESS.city, "customer@example.com")
KEEPERS = [folder.name for folder in shop_services() if folder.service.keeps]


def personal_places(cloud: Cloud, order: str) -> Iterator[str]:
    """Find personal data in what is stored of an order: in tables, queues and dead-letter queues."""
    for service in cloud.services:
        texts = [json.dumps(item) for item in cloud.items(cloud.table(service))]
        for queue in (cloud.queue(service), cloud.dlq(service)) if service in cloud.consumers else ():
            texts += [json.dumps(record) for record in cloud.receive(queue)]
        if any(word in text for text in texts if order in text for word in PERSONAL):
            yield service


def test_an_erasure_removes_the_personal_data_of_one_order_from_every_service(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    erased, kept = shop.place(("mug", 1)), shop.place(("mug", 2))
    cloud.drain()
    assert set(personal_places(cloud, erased)) == {*KEEPERS, "history"}
    erase(cloud, erased)
    cloud.drain()
    assert set(personal_places(cloud, erased)) == set()
    assert set(personal_places(cloud, kept)) == {*KEEPERS, "history"}
    shipments = {item["id"]: item["address"] for item in shop.call("GET", "/operators/shipments").body["items"]}
    assert (shipments[erased], shipments[kept]["street"]) == (None, ADDRESS.street)


def test_an_order_goes_on_after_its_erasure_without_further_emails(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    erase(cloud, order)
    cloud.drain()
    dispatch = shop.call("POST", f"/operators/shipments/{order}/dispatch", {"tracking": "T1"})
    assert dispatch.status == 202
    cloud.drain()
    assert shop.show(order)["status"] == "DISPATCHED"
    assert cloud.item("notification", order)["state"]["emails"]["dispatch"]["status"] == "withheld"
    assert set(personal_places(cloud, order)) == set()


@pytest.mark.parametrize("service", ["notification", "warehouse", "history"])
def test_nothing_personal_is_left_in_any_sequence_of_events_with_an_erasure(cloud: Cloud, service: str) -> None:
    personal = confirmed if service == "warehouse" else placed
    for sequence in permutations(range(3)):
        order = new_order()
        events = personal(order, ("mug", 1)), fact(order, CAPTURED), fact(order, ERASED)
        bodies = [events[position] for position in sequence]
        assert cloud.hand(service, *(body for body in bodies for _ in range(2)), *bodies) == []
        assert set(personal_places(cloud, order)) == set(), sequence


def test_a_replay_into_a_new_consumer_after_an_erasure_brings_nothing_back(cloud: Cloud, tmp_path: Path) -> None:
    driver = CliDriver(cloud, tmp_path)
    erased, kept = new_order(), new_order()
    bodies = [placed(erased, ("mug", 1)), fact(erased, CAPTURED), placed(kept, ("mug", 1))]
    driver.record(*bodies, fact(erased, ERASED))
    driver.replay("notification", start="2026-01-01")
    records = driver.take_all("notification")
    assert {record["body"] for record in records} == {
        redacted(bodies[0]),
        bodies[1],
        bodies[2],
        fact(erased, ERASED),
    }
    assert cloud.hand("notification", *(record["body"] for record in records)) == []
    assert set(personal_places(cloud, erased)) == set()
    assert set(personal_places(cloud, kept)) == {"notification", "history"}
    assert cloud.mails() == []


def test_a_dead_letter_that_is_redriven_after_an_erasure_brings_nothing_back(cloud: Cloud) -> None:
    order = new_order()
    assert cloud.hand("notification", fact(order, CAPTURED), fact(order, ERASED)) == []
    cloud.sqs.send_message(QueueUrl=cloud.dlq("notification"), MessageBody=placed(order, ("mug", 1)))
    assert cloud.redrive("notification") == 1
    cloud.drain()
    assert set(personal_places(cloud, order)) == set()
    assert cloud.item("notification", order)["state"]["emails"]["receipt"]["status"] == "withheld"
    assert cloud.mails() == []
