"""Exports and erasures on the local cloud, with the permissions that their functions have."""

import uuid
from typing import Any

import httpx

from tests.system.deployed import SECONDS, DeployedShop, User, order_id, problem_of
from tidings.recovery import wait_until


def requested(user: User, path: str, key: str = "") -> dict[str, Any]:
    answer = user.http.post(path, headers={"Idempotency-Key": key or str(uuid.uuid4())})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


def ended(shop: DeployedShop, user: User, job: str) -> dict[str, Any]:
    """Run the jobs until one is done, and return it."""
    client = shop.client("lambda")

    def done() -> dict[str, Any] | None:
        run = client.invoke(FunctionName="tidings-local-privacy-jobs:live", Payload=b'{"all": true}')
        assert "FunctionError" not in run, run["Payload"].read()
        found: dict[str, Any] = user.http.get(f"/me/jobs/{job}").raise_for_status().json()
        return found if found["status"] == "done" else None

    return wait_until(done, SECONDS, f"the end of job {job}")


def dispatched(shop: DeployedShop, customer: User, operator: User, sku: str) -> str:
    """Return an order that was dispatched, and about which all e-mails are sent."""
    order = order_id(customer.place({sku: 1}))
    assert customer.outcome(order)["status"] == "CONFIRMED"
    wait_until(
        lambda: (
            operator.http.post(f"/operators/shipments/{order}/dispatch", json={"tracking": "T1"}).status_code == 202
        ),
        SECONDS,
        "the dispatch",
    )
    wait_until(lambda: len(shop.emails(order)) == 2, SECONDS, "both e-mails")
    shop.wait_until_idle()
    return order


def test_an_export_contains_every_service_that_answers_and_is_behind_a_link(
    shop: DeployedShop, operator: User, sku: str
) -> None:
    customer = shop.user()
    order = dispatched(shop, customer, operator, sku)
    job = ended(shop, customer, requested(customer, "/me/export")["id"])
    assert job["orders"] == 1
    exported = httpx.get(job["url"]).raise_for_status().json()
    (found,) = exported["orders"]
    assert found["order"] == order
    assert found["services"].keys() == {"loyalty", "notification", "orders", "payment", "warehouse"}
    assert exported["account"]["email"].startswith(customer.name)
    assert found["services"]["notification"]["state"]["personal"]["email"].startswith(customer.name)
    other = shop.user()
    problem_of(other.http.get(f"/me/jobs/{job['id']}"))


def test_an_erasure_reports_what_is_under_way_and_ends_with_the_account(
    shop: DeployedShop, operator: User, sku: str
) -> None:
    customer = shop.user()
    order = dispatched(shop, customer, operator, sku)
    with shop.consumer_stopped("payment"):
        pending = order_id(customer.place({sku: 1}))
        job = requested(customer, "/me/erasure")["id"]
        client = shop.client("lambda")

        def reported() -> list[Any]:
            client.invoke(FunctionName="tidings-local-privacy-jobs:live", Payload=b'{"all": true}')
            found: list[Any] = customer.http.get(f"/me/jobs/{job}").raise_for_status().json()["under_way"]
            return found

        assert wait_until(reported, SECONDS, "the report") == [{"order": pending, "what": "order"}]
    customer.timeline(order, "PersonalDataErased")
    assert customer.outcome(pending)["status"] == "CONFIRMED"
    customer.cancel(pending)
    customer.timeline(pending, "OrderCancelled")
    shop.wait_until_idle()
    assert ended(shop, customer, job)["under_way"] == []
    customer.timeline(pending, "PersonalDataErased")
    users = shop.client("cognito-idp").list_users(UserPoolId=shop.outputs.users.pool)["Users"]
    assert not [user for user in users if customer.name in str(user)]
