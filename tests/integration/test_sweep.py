"""Orders that stay pending are found by an index of their own, and cancelled by the same write as by any reaction."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.orders.pending import SHARDS
from tests.integration.cloud import Cloud
from tests.integration.facts import fact
from tests.integration.shop import Shop
from tidings.contracts import Money, PaymentCaptured, StockReserved, Units
from tidings.decisions import Adjust
from tidings.table import DynamoTable, Write

CAPTURED = PaymentCaptured(payment="pay_1", amount=Money(1000, "EUR"))
RESERVED = StockReserved(lines=(Units("mug", 1),))


class Minute:
    """A function's context with time left."""

    def __init__(self, millis: int = 60_000) -> None:
        self._millis = millis

    def get_remaining_time_in_millis(self) -> int:
        return self._millis


def sweep(cloud: Cloud, older_than: float | None = -1, *, millis: int = 60_000) -> dict[str, Any]:
    """Runs the sweep; unless told otherwise every pending order is too old for it."""
    event = {} if older_than is None else {"older_than": older_than}
    return cloud.handler("orders", "sweep")(event, Minute(millis))


def in_index(cloud: Cloud) -> dict[str, set[str]]:
    """The orders in the index of the pending ones, each with its attributes there."""
    found = cloud.dynamodb.scan(TableName=cloud.table("orders"), IndexName="pending")["Items"]
    return {item["pk"]["S"]: set(item) for item in found}


def last_events(cloud: Cloud, order: str) -> list[dict[str, Any]]:
    return [json.loads(event["S"]) for event in cloud.item("orders", order)["events"]["L"]]


@pytest.fixture
def order(shop: Shop) -> str:
    shop.stock("mug", 10)
    return shop.place(("mug", 1))


def test_only_pending_orders_stand_in_the_index_and_their_keys_alone(shop: Shop, order: str) -> None:
    assert in_index(shop.cloud) == {order: {"pk", "pending", "since"}}
    shop.cloud.hand("orders", fact(order, "payment", CAPTURED))
    assert list(in_index(shop.cloud)) == [order]
    shop.cloud.hand("orders", fact(order, "inventory", RESERVED))
    assert shop.show(order)["status"] == "CONFIRMED"
    assert in_index(shop.cloud) == {}


def test_an_order_that_waits_too_long_is_cancelled_and_its_stock_and_money_given_back(shop: Shop, order: str) -> None:
    shop.cloud.settle(without=("payment",))
    assert sweep(shop.cloud)["cancelled"] == 1
    shop.cloud.settle()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "timeout")
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert "captured" not in [payment["status"]["S"] for payment in shop.cloud.payments()]


def test_the_cancellation_says_what_was_waited_for_and_belongs_to_the_request_that_began_it(
    shop: Shop, order: str
) -> None:
    shop.cloud.hand("orders", fact(order, "inventory", RESERVED))
    sweep(shop.cloud)
    placed, cancelled = last_events(shop.cloud, order)
    assert cancelled["data"] == {"reason": "timeout", "detail": "payment"}
    assert "causationid" not in cancelled
    assert (cancelled["correlationid"], cancelled["traceparent"]) == (placed["correlationid"], placed["traceparent"])


def test_an_order_younger_than_the_stages_limit_is_left_alone(shop: Shop, order: str) -> None:
    assert sweep(shop.cloud, None) == {
        "cancelled": 0,
        "failed": 0,
        "finished": True,
        "oldest": pytest.approx(0, abs=60),
    }
    assert shop.show(order)["status"] == "PENDING"


def test_a_confirmed_order_is_never_swept(shop: Shop, order: str) -> None:
    shop.cloud.settle()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert sweep(shop.cloud) == {"cancelled": 0, "failed": 0, "finished": True, "oldest": 0}
    assert shop.show(order)["status"] == "CONFIRMED"


def test_a_confirmation_that_comes_between_the_sweeps_reading_and_its_write_wins(
    shop: Shop, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = shop.cloud
    cloud.hand("orders", fact(order, "payment", CAPTURED))
    commit = DynamoTable.commit
    late: list[str] = [fact(order, "inventory", RESERVED)]

    def confirm_first(table: DynamoTable, writes: Sequence[Write], adjusts: Sequence[Adjust] = ()) -> None:
        if "timeout" in writes[0].item["state"]["S"] and late:
            cloud.hand("orders", late.pop())
        commit(table, writes, adjusts)

    monkeypatch.setattr(DynamoTable, "commit", confirm_first)
    assert sweep(cloud)["cancelled"] == 0
    assert late == []
    assert shop.show(order)["status"] == "CONFIRMED"
    assert [event["type"] for event in last_events(cloud, order)] == ["OrderPlaced", "OrderConfirmed"]


def test_two_sweeps_at_once_cancel_each_order_once(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 100)
    orders = [shop.place(("mug", 1)) for _ in range(20)]
    handler = cloud.handler("orders", "sweep")
    both = threading.Barrier(2)
    answers: list[dict[str, Any]] = []

    def run() -> None:
        both.wait()
        answers.append(handler({"older_than": -1}, Minute()))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Both may take a write for their own where they made the very same one, in the same millisecond.
    assert sum(answer["cancelled"] for answer in answers) >= len(orders)
    assert all(answer["failed"] == 0 for answer in answers)
    for order in orders:
        assert [event["type"] for event in last_events(cloud, order)] == ["OrderPlaced", "OrderCancelled"]


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_swept(shop: Shop, order: str) -> None:
    cloud = shop.cloud
    broken = shop.place(("mug", 1))
    cloud.dynamodb.update_item(
        TableName=cloud.table("orders"),
        Key={"pk": {"S": broken}},
        UpdateExpression="SET #state = :nonsense",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":nonsense": {"S": "nonsense"}},
    )
    answer = sweep(cloud)
    assert (answer["cancelled"], answer["failed"]) == (1, 1)
    assert shop.show(order)["status"] == "CANCELLED"


def test_a_sweep_without_time_left_begins_none_and_the_next_one_goes_on(shop: Shop, order: str) -> None:
    assert sweep(shop.cloud, millis=0) == {
        "cancelled": 0,
        "failed": 0,
        "finished": False,
        "oldest": pytest.approx(0, abs=60),
    }
    assert sweep(shop.cloud)["cancelled"] == 1
    assert shop.show(order)["status"] == "CANCELLED"


def test_finding_no_order_costs_one_query_of_each_part_of_the_index(shop: Shop) -> None:
    shop.cloud.handler("orders", "sweep")
    with shop.cloud.calls.counted() as calls:
        sweep(shop.cloud)
    assert calls.names() == {"Query": SHARDS}


def test_sweeping_an_order_is_one_read_and_one_write(shop: Shop, order: str) -> None:
    assert order
    shop.cloud.handler("orders", "sweep")
    with shop.cloud.calls.counted() as calls:
        sweep(shop.cloud)
    assert calls.names() == {"Query": SHARDS, "GetItem": 1, "PutItem": 1}


def test_more_orders_than_a_page_of_the_index_holds_are_all_swept_oldest_first(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 1000)
    cloud.handler("orders", "sweep")
    orders = [shop.place(("mug", 1)) for _ in range(2 * 60)]
    cloud.calls.made.clear()
    assert sweep(cloud)["cancelled"] == len(orders)
    first, *_ = [request["Item"]["pk"]["S"] for name, request in cloud.calls.made if name == "PutItem"]
    assert first in orders[:60]
    assert in_index(cloud) == {}


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The lines of metrics that were written since the last look."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_a_sweep_tells_the_oldest_even_where_none_is_pending_and_nothing_where_it_crashes(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.cloud.handler("orders", "sweep")
    capsys.readouterr()
    sweep(shop.cloud)
    assert [line["OldestPending"] for line in metrics(capsys)] == [0]
    shop.cloud.dynamodb.delete_table(TableName=shop.cloud.table("orders"))
    with pytest.raises(ClientError):
        sweep(shop.cloud)
    assert metrics(capsys) == []


def test_a_sweep_says_in_its_log_what_it_did_and_in_metrics_how_many(
    shop: Shop, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.cloud.handler("orders", "sweep")
    capsys.readouterr()
    sweep(shop.cloud)
    (line,) = metrics(capsys)
    assert (line["OrdersSwept"], line["SweepFailed"]) == (1, 0)
    assert line["OldestPending"] >= 0
    assert (line["Stage"], line["Service"]) == ("local", "orders")
    assert {metric["Name"]: metric["Unit"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == {
        "OrdersSwept": "Count",
        "SweepFailed": "Count",
        "OldestPending": "Seconds",
    }
    assert order
