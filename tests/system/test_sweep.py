"""An order that payment does not hear of in time is swept; once payment hears, its customer has paid nothing."""

from collections.abc import Iterator

import pytest

from ops.waiting import wait_until
from tests.system.deployed import SECONDS, Deployed, User, order_id, tidings, types_of


@pytest.fixture
def stopped_payment(shop: Deployed) -> Iterator[None]:
    """Payment's consumer, stopped; it runs again afterwards, whatever came between."""
    switch(shop, on=False)
    yield
    switch(shop, on=True)


def switch(shop: Deployed, *, on: bool) -> None:
    client = shop.client("lambda")
    (mapping,) = client.list_event_source_mappings(FunctionName="tidings-local-payment-consumer")["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
    state = "Enabled" if on else "Disabled"
    wait_until(
        lambda: client.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state, SECONDS, f"payment {state}"
    )


def test_an_order_that_nobody_charges_is_swept_and_a_late_charge_is_given_back(
    shop: Deployed, customer: User, sku: str, stopped_payment: None
) -> None:
    assert stopped_payment is None
    order = order_id(customer.place({sku: 1}))
    wait_until(
        lambda: customer.http.get(f"/orders/{order}").json()["waiting_for"] == ["payment"], SECONDS, "the reservation"
    )

    def swept() -> str | None:
        done = tidings(shop.cloud.directory, "sweep", "--older-than", "1s", "--yes")
        assert done.returncode == 0, done.stderr
        return done.stdout if not done.stdout.startswith("0 cancelled") else None

    assert wait_until(swept, SECONDS, "the order's being old enough") == "1 cancelled, 0 failed\n"
    ended = customer.ended(order)
    assert (ended["status"], ended["reason"]) == ("CANCELLED", "timeout")
    customer.timeline(order, "OrderCancelled", "StockReleased")
    wait_until(lambda: len(shop.letters(order)) == 1, SECONDS, "the e-mail about the cancellation")

    switch(shop, on=True)
    # Payment's queue keeps an order's events in their order: it charges first, and then hears of the cancellation.
    types = types_of(customer.timeline(order, "PaymentCaptured", "PaymentRefunded"))
    assert "OrderConfirmed" not in types
    assert customer.ended(order)["status"] == "CANCELLED"


def test_a_time_that_is_none_is_refused_and_sweeps_nothing(shop: Deployed) -> None:
    answer = tidings(shop.cloud.directory, "sweep", "--older-than", "soon")
    assert answer.returncode == 2
    assert "no time like" in answer.stderr
