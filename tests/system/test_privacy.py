"""Exports and erasures of a customer's personal data on a deployed shop, over HTTP and by the operators' commands."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.deployed import SECONDS, DeployedShop, User, order_id, tidings
from tidings.recovery import wait_until


@dataclass(frozen=True)
class Person:
    """A customer with a marked address who has placed an order.

    Attributes:
        user: The customer.
        order: The order's id.
        key: The idempotency key of its request.
        sku: The product.
        mark: A word in the name, the street and the city, which nothing else contains.
    """

    user: User
    order: str
    key: str
    sku: str
    mark: str

    @property
    def address(self) -> dict[str, str]:
        """The address of the order."""
        return address_of(self.mark)

    @property
    def email(self) -> str:
        """The address of the account."""
        return f"{self.user.name}@example.com"

    def request(self, kind: str, key: str | None = None) -> dict[str, Any]:
        """Request an export or an erasure, and return the job."""
        answer = self.user.http.post(f"/me/{kind}", headers={"Idempotency-Key": key or str(uuid.uuid4())})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def job(self, job: str) -> dict[str, Any]:
        """Return a job."""
        return dict(self.user.http.get(f"/me/jobs/{job}").raise_for_status().json())


def address_of(mark: str) -> dict[str, str]:
    """Return an address that contains a mark."""
    return {
        "name": f"Zebulon {mark}",
        "street": f"17 {mark} Mews",
        "city": f"New {mark}",
        "postal_code": "9000",
        "country": "BE",
    }


@pytest.fixture
def person(shop: DeployedShop, sku: str) -> Person:
    user, key = shop.user(), str(uuid.uuid4())
    # Letters only: a name with digits could be part of an id.
    mark = "Q" + "".join("ghijklmnopqrstuv"[int(digit, 16)] for digit in uuid.uuid4().hex[:12])
    order = order_id(user.place({sku: 1}, key, address=address_of(mark)))
    assert user.outcome(order)["status"] == "CONFIRMED"
    user.timeline(order, "EmailSent")
    return Person(user, order, key, sku, mark)


def run(shop: DeployedShop, *arguments: str) -> str:
    """Run a command that succeeds, and return what it printed."""
    done = tidings(shop.cloud.directory, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def reached(shop: DeployedShop, person: Person, job: str, status: str) -> dict[str, Any]:
    """Run the jobs again and again, as a schedule does, until a job has a status. Return the job."""

    def found() -> dict[str, Any] | None:
        run(shop, "privacy", "run", "--all")
        current = person.job(job)
        return current if current["status"] == status else None

    return wait_until(found, SECONDS, f"the status {status} of the job {job}", every=1)


def dispatch(operator: User, order: str) -> None:
    """Dispatch an order, once it can be."""

    def done() -> bool:
        return operator.http.post(f"/operators/shipments/{order}/dispatch", json={}).status_code == 202

    wait_until(done, SECONDS, f"the dispatch of {order}")


def erased(shop: DeployedShop, operator: User, person: Person) -> None:
    """Have the data of a customer whose order was dispatched erased."""
    dispatch(operator, person.order)
    person.user.timeline(person.order, "OrderDispatched")
    reached(shop, person, person.request("erasure")["id"], "done")
    shop.wait_until_idle()


def holding(shop: DeployedShop, *marks: str) -> set[str]:
    """Return the tables that hold one of these texts."""
    client = shop.client("dynamodb")
    return {
        name
        for name in client.list_tables()["TableNames"]
        for page in client.get_paginator("scan").paginate(TableName=name)
        if any(mark in json.dumps(page["Items"], default=str) for mark in marks)
    }


def item(shop: DeployedShop, service: str, order: str) -> Mapping[str, Any]:
    """Return a service's item of an order."""
    key = {"pk": {"S": order}}
    found = shop.client("dynamodb").get_item(TableName=shop.outputs.table(service), Key=key, ConsistentRead=True)
    return dict(found.get("Item", {}))


def test_a_customer_gets_a_file_with_their_data_and_a_stranger_gets_nothing(shop: DeployedShop, person: Person) -> None:
    key = str(uuid.uuid4())
    job = person.request("export", key)["id"]
    done = reached(shop, person, job, "done")
    assert (done["kind"], done["orders"], done["requested_by"]) == ("export", 1, "customer")
    text = httpx.get(done["url"]).raise_for_status().text
    assert all(mark in text for mark in (*person.address.values(), person.order, person.email))
    (exported,) = json.loads(text)["orders"]
    assert exported["services"].keys() == {"loyalty", "notification", "orders", "payment", "warehouse"}
    assert person.request("export", key)["id"] == job
    assert shop.user().http.get(f"/me/jobs/{job}").status_code == 404
    assert shop.http().get(f"/me/jobs/{job}").status_code == 401
    assert httpx.get(done["url"].partition("?")[0]).status_code in (400, 401, 403, 404)


def test_an_operator_exports_a_customers_data_to_a_file(shop: DeployedShop, person: Person, tmp_path: Path) -> None:
    customer = run(shop, "customer", "id", person.email).strip()
    file = tmp_path / "export.json"
    printed = run(shop, "customer", "export", customer, "--to", str(file))
    assert ": done, 1 order, requested by an operator at " in printed
    assert all(value in file.read_text() for value in person.address.values())
    assert not [mark for mark in (person.mark, person.email) if mark in printed]
    # The customer sees the record.
    assert person.job(printed.split()[1].rstrip(":"))["requested_by"] == "operator"


def test_an_erasure_reports_an_order_that_is_under_way_and_ends_with_the_account(
    shop: DeployedShop, operator: User, person: Person
) -> None:
    job = person.request("erasure")["id"]
    waiting = reached(shop, person, job, "waiting")
    assert [each["order"] for each in waiting["under_way"]] == [person.order]
    assert "shipment" in waiting["under_way"][0]["what"]
    assert shop.outputs.table("warehouse") in holding(shop, person.mark)

    dispatch(operator, person.order)
    person.user.timeline(person.order, "OrderDispatched")
    done = reached(shop, person, job, "done")

    assert done["under_way"] == []
    person.user.timeline(person.order, "PersonalDataErased")
    shop.wait_until_idle()
    assert holding(shop, person.mark, person.email) == set()
    assert tidings(shop.cloud.directory, "customer", "id", person.email).returncode == 1
    # The order remains, without its person, and the request that placed it still gets its answer.
    again = person.user.place({person.sku: 1}, person.key, address=person.address)
    assert (again.status_code, again.json()["id"]) == (202, person.order)
    assert holding(shop, person.mark) == set()


def test_a_dead_letter_that_is_redriven_after_an_erasure_brings_nothing_back(
    shop: DeployedShop, operator: User, person: Person
) -> None:
    outbox = [json.loads(event["S"]) for event in item(shop, "orders", person.order)["outbox"]["L"]]
    assert all(person.mark in json.dumps(event) for event in outbox)
    services = {
        "notification": {"OrderPlaced", "OrderConfirmed"},
        "warehouse": {"OrderConfirmed"},
        "fraud": {"OrderPlaced"},
    }
    erased(shop, operator, person)
    sqs = shop.client("sqs")
    for service, handled in services.items():
        dlq = str(shop.outputs.services[service].dlq)
        for event in (event for event in outbox if event["type"] in handled):
            fifo = {"MessageGroupId": person.order, "MessageDeduplicationId": uuid.uuid4().hex}
            sqs.send_message(
                QueueUrl=dlq,
                # A new event, so that no inbox has it.
                MessageBody=json.dumps(event | {"id": event["id"] + "7"}),
                **(fifo if dlq.endswith(".fifo") else {}),
            )
    for service in services:
        run(shop, "dlq", "redrive", service, "--order", person.order)
    shop.wait_until_idle()
    assert f"orders/{outbox[0]['id'].rpartition('/')[2]}7" in json.dumps(item(shop, "notification", person.order))
    assert holding(shop, person.mark) == set()


def test_a_replay_into_a_new_consumer_after_an_erasure_brings_nothing_back(
    shop: DeployedShop, operator: User, person: Person
) -> None:
    erased(shop, operator, person)
    for service in ("warehouse", "notification"):
        # The table of a consumer that was never there.
        shop.client("dynamodb").delete_item(TableName=shop.outputs.table(service), Key={"pk": {"S": person.order}})
        printed = run(shop, "replay", service, "--order", person.order, "--from", "30d")
        assert "PersonalDataErased 1" in printed

    def handled() -> bool:
        return all("erased" in item(shop, service, person.order) for service in ("warehouse", "notification"))

    wait_until(handled, SECONDS, "the replayed erasure")
    shop.wait_until_idle()
    assert "OrderConfirmed" not in json.dumps(item(shop, "warehouse", person.order).get("outbox", {}))
    assert holding(shop, person.mark) == set()
    # Who received the order first, and nobody else, was written to.
    assert len(shop.emails(person.order)) == len(set(shop.emails(person.order)))
