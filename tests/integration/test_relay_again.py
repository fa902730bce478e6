"""The command `tidings relay`: what the tables hold is published again, in the order in which it happened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from ops.cli import app
from tests.integration.cloud import Cloud
from tests.integration.desk import Desk, never
from tests.integration.shop import Shop
from tidings.clock import now, rfc3339

Run = Callable[..., Result]


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, on the test's own cloud."""
    desk = Desk(cloud, tmp_path)
    monkeypatch.setattr("ops.cli.stage_named", lambda _name, _cloud: desk.stage)
    monkeypatch.setattr("ops.cli.outputs_of", lambda _stage: desk.outputs)
    return lambda *arguments: CliRunner().invoke(app, ["--local", str(desk.directory), "relay", *arguments])


@pytest.fixture
def published(cloud: Cloud) -> Callable[[], list[str]]:
    """The ids of what the topic was given since the last look, in order."""

    def published() -> list[str]:
        batches = [
            request["PublishBatchRequestEntries"] for name, request in cloud.calls.made if name == "PublishBatch"
        ]
        cloud.calls.made.clear()
        return [entry["MessageDeduplicationId"] for batch in batches for entry in batch]

    return published


def skip_the_relay(cloud: Cloud, service: str) -> None:
    """What stands in a service's stream by now is given up."""
    arn = cloud.dynamodb.describe_table(TableName=cloud.table(service))["Table"]["LatestStreamArn"]
    shard = cloud.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    first = cloud.streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    cloud._seen[arn] = len(cloud.streams.get_records(ShardIterator=first["ShardIterator"], Limit=10_000)["Records"])


def test_an_order_whose_events_were_never_published_goes_on_once_they_are(shop: Shop, run: Run) -> None:
    shop.stock("mug", 10)
    order, other = shop.place(("mug", 1)), shop.place(("mug", 1))
    skip_the_relay(shop.cloud, "orders")
    shop.cloud.settle()
    assert shop.show(order)["status"] == "PENDING"
    assert run("--order", order).stdout == "1 event published (OrderPlaced 1)\n"
    shop.cloud.settle()
    assert shop.show(order)["status"] == "CONFIRMED"
    assert shop.show(other)["status"] == "PENDING"


def test_all_orders_since_a_time_go_on_and_a_dry_run_only_counts(shop: Shop, run: Run) -> None:
    shop.stock("mug", 50)
    early = shop.place(("mug", 1))
    begun = rfc3339(now() + 1)
    while rfc3339(now()) <= begun:
        pass
    orders = [shop.place(("mug", 1)) for _ in range(12)]
    skip_the_relay(shop.cloud, "orders")
    assert run("--since", begun, "--dry-run").stdout == "12 events would be published (OrderPlaced 12)\n"
    shop.cloud.settle()
    assert {shop.show(order)["status"] for order in orders} == {"PENDING"}
    assert run("--since", begun).stdout == "12 events published (OrderPlaced 12)\n"
    shop.cloud.settle()
    assert {shop.show(order)["status"] for order in orders} == {"CONFIRMED"}
    assert shop.show(early)["status"] == "PENDING"


def test_an_orders_events_by_all_services_are_published_in_causal_order_under_their_own_ids(
    shop: Shop, run: Run, published: Callable[[], list[str]]
) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.settle()
    published()
    assert run("--order", order).exit_code == 0
    timeline = [event["id"] for event in shop.timeline(order)]
    assert published() == timeline
    assert run("--order", order, "--service", "payment").stdout == "1 event published (PaymentCaptured 1)\n"
    assert published() == [f"payment/{order}/1"]


def test_what_is_published_again_changes_nothing(shop: Shop, run: Run) -> None:
    shop.stock("mug", 20)
    orders = [shop.place(("mug", 1)) for _ in range(4)]
    shop.cloud.settle()
    shop.cancel(orders[0])
    shop.cloud.settle()
    before = {
        service: sorted(map(repr, shop.cloud.items(shop.cloud.table(service)))) for service in shop.cloud.services
    }
    assert run("--since", "2026-01-01").exit_code == 0
    moved = sum(shop.cloud.deliver(service) for service in shop.cloud.services)
    assert moved > 20
    shop.cloud.settle()
    assert known(shop.cloud) == before


def known(cloud: Cloud) -> dict[str, list[str]]:
    """What the services know."""
    return {service: sorted(map(repr, cloud.items(cloud.table(service)))) for service in cloud.services}


def test_each_orders_events_of_a_whole_table_keep_their_order_and_no_batch_holds_two_of_one(
    shop: Shop, run: Run
) -> None:
    shop.stock("mug", 50)
    orders = [shop.place(("mug", 1)) for _ in range(13)]
    shop.cloud.settle()
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
    monkeypatch.setattr("ops.relaying.PAGE", 2)
    shop.stock("mug", 50)
    for _ in range(15):
        shop.place(("mug", 1))
    with shop.cloud.calls.counted() as calls:
        answer = run("--since", "2026-01-01", "--service", "orders")
    assert answer.stdout == "15 events published (OrderPlaced 15)\n"
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
def test_what_aws_refuses_is_told_in_one_line(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch, call: str, arguments: list[str]
) -> None:
    monkeypatch.setattr("ops.sending.MAX_ATTEMPTS", 2)
    shop.stock("mug", 10)
    order = shop.place(("mug", 1))
    shop.cloud.calls.before = refuses(call)
    answer = run(*arguments, *([order] if arguments == ["--order"] else []))
    shop.cloud.calls.before = never
    assert answer.exit_code == 1
    assert "not allowed" in answer.stderr.splitlines()[-1]
    assert answer.stderr.splitlines()[-1].startswith("Error: ")
    assert run("--order", order).exit_code == 0


def test_an_event_that_the_topic_will_never_take_is_told_and_holds_up_no_other(
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
    assert f"1 of them will never be taken by the topic: orders/{order}/1: " in answer.stderr
    assert f"orders/{other}/1" in published()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--order", "nobody"], "announced nothing about order 'nobody'"),
        (["--order", "nobody", "--since", "2026-01-01"], "announced nothing about order 'nobody' since 2026-01-01"),
        (["--order", "nobody", "--service", "history"], "history announces nothing; these announce events: fraud,"),
        (["--order", "nobody", "--service", "nobody"], "nobody is not deployed; these announce events: fraud,"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(run: Run, arguments: list[str], told: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code == 1
    assert told in answer.stderr.splitlines()[-1]
