"""The expiry of pending orders: found by their index, and cancelled by the same write as by any handler."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.inventory.stock_reserved import StockReserved
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.values.goods import Units
from contracts.values.money import Money
from functions.orders.expiry.brake import KEY
from functions.orders.expiry.job import CHUNK
from tests.integration.cloud import Cloud, Handler, load_handler
from tests.integration.facts import fact
from tests.integration.shop import Shop
from tidings.aws.dynamodb import DynamoTable
from tidings.aws.lambdas import FunctionError
from tidings.core.decisions import Increment
from tidings.core.pending import SHARDS
from tidings.core.ports import EntityWrite

AUTHORIZED = PaymentAuthorized(payment="pay_1", amount=Money(1000, "EUR"))
RESERVED = StockReserved(lines=(Units("mug", 1),))


NOTHING = {"cancelled": 0, "failed": 0, "finished": True, "oldest": 0, "stopped": False, "resumed": False}
"""The answer of a run that finds no pending order."""


class Minute:
    """A function's context with a minute left."""

    def __init__(self, millis: int = 60_000) -> None:
        self._millis = millis

    def get_remaining_time_in_millis(self) -> int:
        return self._millis


def expire(
    cloud: Cloud, older_than: float | None = -1, *, millis: int = 60_000, resume: bool = False
) -> dict[str, Any]:
    """Run the expiry job. By default every pending order is too old."""
    event: dict[str, Any] = {} if older_than is None else {"older_than": older_than}
    event |= {"resume": True} if resume else {}
    return cloud.handler("orders", "expiry")(event, Minute(millis))


def in_index(cloud: Cloud) -> dict[str, set[str]]:
    """Return the orders in the index of pending ones, each with its attributes."""
    found = cloud.dynamodb.scan(TableName=cloud.table("orders"), IndexName="pending")["Items"]
    return {item["pk"]["S"]: set(item) for item in found}


def last_events(cloud: Cloud, order: str) -> list[dict[str, Any]]:
    return [json.loads(event["S"]) for event in cloud.item("orders", order)["outbox"]["L"]]


@pytest.fixture
def order(shop: Shop) -> str:
    shop.stock("mug", 10)
    return shop.place(("mug", 1))


def test_the_index_contains_pending_orders_only_and_their_keys_only(shop: Shop, order: str) -> None:
    assert in_index(shop.cloud) == {order: {"pk", "pending", "since"}}
    shop.cloud.hand("orders", fact(order, AUTHORIZED))
    assert list(in_index(shop.cloud)) == [order]
    shop.cloud.hand("orders", fact(order, RESERVED))
    assert shop.show(order)["status"] == "CONFIRMED"
    assert in_index(shop.cloud) == {}


def test_an_expired_order_is_cancelled_and_its_stock_and_money_are_returned(shop: Shop, order: str) -> None:
    shop.cloud.drain(without=("payment",))
    assert expire(shop.cloud)["cancelled"] == 1
    shop.cloud.drain()
    shown = shop.show(order)
    assert (shown["status"], shown["reason"]) == ("CANCELLED", "timeout")
    assert shop.level("mug") == {"sku": "mug", "on_hand": 10, "reserved": 0, "available": 10}
    assert "captured" not in [payment["status"]["S"] for payment in shop.cloud.payments()]


def test_an_entry_whose_time_cannot_be_read_holds_up_no_other(shop: Shop, order: str) -> None:
    others = [shop.place(("mug", 1)) for _ in range(3)]
    for shard in range(SHARDS):
        item = {"pk": {"S": f"broken-{shard}"}, "pending": {"S": str(shard)}, "since": {"S": "0000 in former times"}}
        shop.cloud.dynamodb.put_item(TableName=shop.cloud.table("orders"), Item=item)
    shop.cloud.drain(without=("payment",))
    assert expire(shop.cloud)["cancelled"] == 4
    assert {shop.show(each)["status"] for each in [order, *others]} == {"CANCELLED"}


def test_the_cancellation_records_what_was_missing_and_belongs_to_the_request_that_placed_the_order(
    shop: Shop, order: str
) -> None:
    shop.cloud.hand("orders", fact(order, RESERVED))
    expire(shop.cloud)
    placed, cancelled = last_events(shop.cloud, order)
    assert cancelled["data"] == {"reason": "timeout", "detail": "payment"}
    assert "causationid" not in cancelled
    assert (cancelled["correlationid"], cancelled["traceparent"]) == (placed["correlationid"], placed["traceparent"])


def test_an_order_younger_than_the_stages_limit_stays_pending(shop: Shop, order: str) -> None:
    assert expire(shop.cloud, None) == {
        "cancelled": 0,
        "failed": 0,
        "finished": True,
        "oldest": pytest.approx(0, abs=60),
        "stopped": False,
        "resumed": False,
    }
    assert shop.show(order)["status"] == "PENDING"


def test_a_confirmed_order_never_expires(shop: Shop, order: str) -> None:
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert expire(shop.cloud) == NOTHING
    assert shop.show(order)["status"] == "CONFIRMED"


def test_a_confirmation_between_the_jobs_read_and_its_write_wins(
    shop: Shop, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = shop.cloud
    cloud.hand("orders", fact(order, AUTHORIZED))
    commit = DynamoTable.commit
    late: list[str] = [fact(order, RESERVED)]

    def confirm_first(table: DynamoTable, writes: Sequence[EntityWrite], increments: Sequence[Increment] = ()) -> None:
        if "timeout" in writes[0].entity.state and late:
            cloud.hand("orders", late.pop())
        commit(table, writes, increments)

    monkeypatch.setattr(DynamoTable, "commit", confirm_first)
    assert expire(cloud)["cancelled"] == 0
    assert late == []
    assert shop.show(order)["status"] == "CONFIRMED"
    assert [event["type"] for event in last_events(cloud, order)] == ["OrderPlaced", "OrderConfirmed"]


def test_two_concurrent_jobs_cancel_each_order_once(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 100)
    orders = [shop.place(("mug", 1)) for _ in range(20)]
    handler = cloud.handler("orders", "expiry")
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
    # Both may count a write that they made identically, in the same millisecond.
    assert sum(answer["cancelled"] for answer in answers) >= len(orders)
    assert all(answer["failed"] == 0 for answer in answers)
    for order in orders:
        assert [event["type"] for event in last_events(cloud, order)] == ["OrderPlaced", "OrderCancelled"]


def test_an_unreadable_order_does_not_prevent_the_expiry_of_others(shop: Shop, order: str) -> None:
    cloud = shop.cloud
    broken = shop.place(("mug", 1))
    cloud.dynamodb.update_item(
        TableName=cloud.table("orders"),
        Key={"pk": {"S": broken}},
        UpdateExpression="SET #state = :nonsense",
        ExpressionAttributeNames={"#state": "state"},
        ExpressionAttributeValues={":nonsense": {"S": "nonsense"}},
    )
    answer = expire(cloud)
    assert (answer["cancelled"], answer["failed"]) == (1, 1)
    assert shop.show(order)["status"] == "CANCELLED"


def test_a_job_without_time_begins_no_order_and_the_next_run_continues(shop: Shop, order: str) -> None:
    assert expire(shop.cloud, millis=0) == {
        "cancelled": 0,
        "failed": 0,
        "finished": False,
        "oldest": pytest.approx(0, abs=60),
        "stopped": False,
        "resumed": False,
    }
    assert expire(shop.cloud)["cancelled"] == 1
    assert shop.show(order)["status"] == "CANCELLED"


def test_finding_no_order_costs_one_query_of_each_shard_and_one_read_of_the_brake(shop: Shop) -> None:
    shop.cloud.handler("orders", "expiry")
    with shop.cloud.calls.counted() as calls:
        expire(shop.cloud)
    assert calls.names() == {"Query": SHARDS, "GetItem": 1}


def test_the_expiry_of_orders_costs_one_read_and_one_write_of_each_and_of_the_brake(shop: Shop, order: str) -> None:
    assert [order, shop.place(("mug", 1))]
    shop.cloud.handler("orders", "expiry")
    with shop.cloud.calls.counted() as calls:
        expire(shop.cloud)
    assert calls.names() == {"Query": SHARDS, "GetItem": 3, "PutItem": 3}


def test_more_than_one_page_of_orders_expire_the_oldest_among_the_first(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 1000)
    cloud.set_environment("orders", "expiry", EXPIRED_PER_HOUR="1000")
    cloud.handler("orders", "expiry")
    orders = [shop.place(("mug", 1)) for _ in range(2 * 60)]
    cloud.calls.made.clear()
    assert expire(cloud)["cancelled"] == len(orders)
    written = [request["Item"]["pk"]["S"] for name, request in cloud.calls.made if name == "PutItem"]
    assert orders[0] in [key for key in written if key != KEY][:CHUNK]
    assert in_index(cloud) == {}


def test_a_job_that_has_cancelled_as_many_orders_as_the_stage_allows_cancels_no_more_until_an_operator_resumes_it(
    shop: Shop,
) -> None:
    cloud = shop.cloud
    shop.stock("mug", 100)
    cloud.set_environment("orders", "expiry", EXPIRED_PER_HOUR="3")
    orders = [shop.place(("mug", 1)) for _ in range(8)]
    first = expire(cloud)
    assert (first["cancelled"], first["stopped"], first["finished"]) == (3, True, False)
    cloud.forget("orders", "expiry")
    assert (expire(cloud)["cancelled"], expire(cloud)["stopped"]) == (0, True)
    assert [shop.show(each)["status"] for each in orders].count("CANCELLED") == 3
    resumed = expire(cloud, resume=True)
    assert (resumed["cancelled"], resumed["stopped"], resumed["resumed"]) == (3, True, True)
    last = expire(cloud, resume=True)
    assert (last["cancelled"], last["stopped"], last["resumed"]) == (2, False, True)
    assert expire(cloud, resume=True)["resumed"] is False
    assert in_index(cloud) == {}


def test_two_concurrent_jobs_cancel_no_more_orders_than_the_stage_allows(shop: Shop) -> None:
    cloud = shop.cloud
    shop.stock("mug", 100)
    cloud.set_environment("orders", "expiry", EXPIRED_PER_HOUR="7")
    orders = [shop.place(("mug", 1)) for _ in range(20)]
    both = threading.Barrier(2)
    # Each is a process with its state.
    handlers = [
        load_handler(cloud.handler_name("orders", "expiry"), cloud.environment("orders", "expiry")) for _ in "ab"
    ]

    def run(handler: Handler) -> None:
        both.wait()
        handler({"older_than": -1}, Minute())

    threads = [threading.Thread(target=run, args=[handler]) for handler in handlers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [shop.show(each)["status"] for each in orders].count("CANCELLED") == 7
    assert expire(cloud)["stopped"] is True


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the metrics written since the last call."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_a_job_reports_the_oldest_order_even_if_none_is_pending_and_nothing_if_it_crashes(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.cloud.handler("orders", "expiry")
    capsys.readouterr()
    expire(shop.cloud)
    assert [line["OldestPending"] for line in metrics(capsys)] == [0]
    shop.cloud.set_environment("orders", "expiry", TABLE="nowhere")
    with pytest.raises(FunctionError, match="ResourceNotFoundException of GetItem"):
        expire(shop.cloud)
    assert metrics(capsys) == []


def test_a_job_reports_the_numbers_of_orders_as_metrics(
    shop: Shop, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.cloud.handler("orders", "expiry")
    capsys.readouterr()
    expire(shop.cloud)
    (line,) = metrics(capsys)
    assert (line["OrdersExpired"], line["ExpiryFailed"], line["ExpiryStopped"]) == (1, 0, 0)
    assert line["OldestPending"] >= 0
    assert (line["Stage"], line["Service"]) == ("local", "orders")
    assert {metric["Name"]: metric["Unit"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == {
        "OrdersExpired": "Count",
        "ExpiryFailed": "Count",
        "ExpiryStopped": "Count",
        "OldestPending": "Seconds",
    }
    assert order


def test_each_run_of_a_stopped_job_reports_that_it_is_stopped(
    shop: Shop, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.cloud.set_environment("orders", "expiry", EXPIRED_PER_HOUR="1")
    for _ in range(3):
        expire(shop.cloud)
    expire(shop.cloud, resume=True)
    assert [line["ExpiryStopped"] for line in metrics(capsys) if "OldestPending" in line] == [1, 1, 1, 0]
    assert order
