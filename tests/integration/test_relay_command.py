"""The command `tidings relay`: announced events are published again from the tables, in sequence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from ops.cli import app
from tests.integration.cli_driver import CliDriver, never
from tests.integration.cloud import Cloud
from tests.integration.shop import Shop
from tidings.core.clock import now, to_rfc3339

Run = Callable[..., Result]


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on the test's cloud."""
    driver = CliDriver(cloud, tmp_path)
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: driver.stage)
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: driver.outputs)
    return lambda *arguments: CliRunner().invoke(app, ["--local", str(driver.directory), "relay", *arguments])


@pytest.fixture
def published(cloud: Cloud) -> Callable[[], list[str]]:
    """A function that returns the ids of the events published since its last call, in sequence."""

    def published() -> list[str]:
        batches = [
            request["PublishBatchRequestEntries"] for name, request in cloud.calls.made if name == "PublishBatch"
        ]
        cloud.calls.made.clear()
        return [entry["MessageDeduplicationId"] for batch in batches for entry in batch]

    return published


def skip_the_relay(cloud: Cloud, service: str) -> None:
    """Give up the records in a service's stream."""
    arn = cloud.dynamodb.describe_table(TableName=cloud.table(service))["Table"]["LatestStreamArn"]
    shard = cloud.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    first = cloud.streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    cloud._seen[arn] = len(cloud.streams.get_records(ShardIterator=first["ShardIterator"], Limit=10_000)["Records"])


def test_an_order_continues_once_its_unpublished_events_are_published(shop: Shop, run: Run) -> None:
    shop.stock("mug", 10)
    order, other = shop.place(("mug", 1)), shop.place(("mug", 1))
    skip_the_relay(shop.cloud, "orders")
    shop.cloud.drain()
    assert shop.show(order)["status"] == "PENDING"
    assert run("--order", order).stdout == "1 event published (OrderPlaced 1)\n"
    shop.cloud.drain()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert shop.show(other)["status"] == "PENDING"


def test_all_orders_since_a_time_continue_and_a_dry_run_only_counts(shop: Shop, run: Run) -> None:
    shop.stock("mug", 50)
    early = shop.place(("mug", 1))
    begun = to_rfc3339(now() + 1)
    while to_rfc3339(now()) <= begun:
        pass
    orders = [shop.place(("mug", 1)) for _ in range(12)]
    skip_the_relay(shop.cloud, "orders")
    assert run("--since", begun, "--dry-run").stdout == "12 events would be published (OrderPlaced 12)\n"
    shop.cloud.drain()
    assert {shop.show(order)["status"] for order in orders} == {"PENDING"}
    assert run("--since", begun).stdout == "12 events published (OrderPlaced 12)\n"
    shop.cloud.drain()
    assert {shop.show(order)["status"] for order in orders} == {"CONFIRMED"}
    assert shop.show(early)["status"] == "PENDING"


def test_an_orders_events_of_all_services_are_published_in_causal_sequence_under_their_ids(
    shop: Shop, run: Run, published: Callable[[], list[str]]
) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.drain()
    published()
    assert run("--order", order).exit_code == 0
    timeline = [event["id"] for event in shop.timeline(order)]
    assert published() == timeline
    answer = run("--order", order, "--service", "payment")
    assert answer.stdout == "2 events published (PaymentAuthorized 1, PaymentCaptured 1)\n"
    assert published() == [f"payment/{order}/1", f"payment/{order}/2"]


def test_events_that_are_published_again_change_nothing(shop: Shop, run: Run) -> None:
    shop.stock("mug", 20)
    orders = [shop.place(("mug", 1)) for _ in range(4)]
    shop.cloud.drain()
    shop.cancel(orders[0])
    shop.cloud.drain()
    before = stored_items(shop.cloud)
    assert run("--since", "2026-01-01").exit_code == 0
    moved = sum(shop.cloud.deliver(service) for service in shop.cloud.consumers)
    assert moved > 20
    shop.cloud.drain()
    assert stored_items(shop.cloud) == before


def stored_items(cloud: Cloud) -> dict[str, list[str]]:
    """Return the items of all services' tables."""
    return {service: sorted(map(repr, cloud.items(cloud.table(service)))) for service in cloud.services}


def test_each_orders_events_of_a_whole_table_stay_in_sequence_and_no_batch_contains_two_of_one(
    shop: Shop, run: Run
) -> None:
    shop.stock("mug", 50)
    orders = [shop.place(("mug", 1)) for _ in range(13)]
    shop.cloud.drain()
    with shop.cloud.calls.counted() as calls:
        assert run("--since", "2026-01-01", "--service", "orders").exit_code == 0
    batches = [request["PublishBatchRequestEntries"] for name, request in calls.made if name == "PublishBatch"]
    sent = [entry["MessageDeduplicationId"] for batch in batches for entry in batch]
    for order in orders:
        assert [each for each in sent if order in each] == [f"orders/{order}/1", f"orders/{order}/2"]
    for batch in batches:
        groups = [entry["MessageGroupId"] for entry in batch]
        assert len(groups) == len(set(groups)) <= 10


def test_a_table_of_several_pages_is_read_to_its_end(shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidings.aws.recovery.tables.PAGE_ITEMS", 2)
    shop.stock("mug", 50)
    for _ in range(15):
        shop.place(("mug", 1))
    with shop.cloud.calls.counted() as calls:
        answer = run("--since", "2026-01-01", "--service", "orders")
    assert answer.stdout == "16 events published (OrderPlaced 15, ProductListed 1)\n"
    assert calls.names()["Scan"] > 4


def refuses(call: str) -> Callable[[str, Any], bool]:
    def before(name: str, _request: Any) -> bool:
        if name == call:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, name)
        return False

    return before


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("PublishBatch", ["--since", "2026-01-01"]),
        ("PublishBatch", ["--order"]),
        ("Scan", ["--since", "2026-01-01"]),
        ("Query", ["--order"]),
        ("GetQueueAttributes", ["--order"]),
    ],
)
def test_the_error_about_a_call_that_aws_refuses_is_one_line(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch, call: str, arguments: list[str]
) -> None:
    monkeypatch.setattr("tidings.recovery.sender.MAX_SEND_ATTEMPTS", 2)
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.calls.before = refuses(call)
    answer = run(*arguments, *([order] if arguments == ["--order"] else []))
    shop.cloud.calls.before = never
    assert answer.exit_code == 1
    error = answer.stderr.splitlines()[-1]
    assert error.startswith("Error: ")
    assert "AccessDenied" in error
    assert call in error
    assert "not allowed" not in answer.stderr
    assert run("--order", order).exit_code == 0


def test_an_event_that_the_topic_never_accepts_is_reported_and_holds_up_no_other(
    shop: Shop, run: Run, published: Callable[[], list[str]]
) -> None:
    shop.stock("mug", 10)
    order, other = shop.place(("mug", 1)), shop.place(("mug", 1))

    def refuse(name: str, request: Any) -> bool:
        if name == "PublishBatch" and any(order in each["Message"] for each in request["PublishBatchRequestEntries"]):
            raise ClientError({"Error": {"Code": "InvalidParameter", "Message": "no such characters"}}, name)
        return False

    published()
    shop.cloud.calls.before = refuse
    answer = run("--since", "2026-01-01", "--service", "orders")
    shop.cloud.calls.before = never
    assert answer.exit_code == 1
    assert f"the topic will never accept 1 of them: orders/{order}/1: " in answer.stderr
    assert f"orders/{other}/1" in published()


UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--order", "nobody"], "'nobody' is not an order's id"),
        (["--order", UNKNOWN], f"announced nothing about order '{UNKNOWN}'"),
        (["--order", UNKNOWN, "--since", "2026-01-01"], f"announced nothing about order '{UNKNOWN}' since 2026-01-01"),
        (
            ["--order", UNKNOWN, "--service", "history"],
            "history announces no events; these services announce events: fraud,",
        ),
        (
            ["--order", UNKNOWN, "--service", "nobody"],
            "nobody is not deployed; these services announce events: fraud,",
        ),
    ],
)
def test_the_error_about_invalid_arguments_is_one_line(run: Run, arguments: list[str], text: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 1
    assert text in answer.stderr.splitlines()[-1]
