from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.aws import QueueOutlet
from ops.failure import Failure
from ops.sending import MAX_ATTEMPTS, Sender
from tidings.relay import MAX_BYTES, Entry, Head

QUEUE = "https://queue.example/consumer"
Refuse = Callable[[Mapping[str, Any]], bool]


class Client:
    """Takes batches as SQS does, and refuses those entries that a test says."""

    def __init__(self, refuse: Refuse = lambda _request: False) -> None:
        self.refuse = refuse
        self.calls: list[Sequence[Mapping[str, Any]]] = []
        self.accepted: list[Mapping[str, Any]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert QueueUrl == QUEUE
        self.calls.append(Entries)
        refused = [entry for entry in Entries if self.refuse(entry)]
        self.accepted += [entry for entry in Entries if entry not in refused]
        return {"Failed": [{"Id": entry["Id"], "Code": "Busy", "SenderFault": False} for entry in refused]}


def entry(order: str, n: int, size: int = 10) -> Entry:
    return Entry(Head(f"orders/{order}/{n}", "OrderPlaced", order), f"{order}/{n} ".ljust(size, "."))


def sender(client: Any, **options: Any) -> Sender:
    chosen: dict[str, Any] = {"run": "run", "pause": lambda _seconds: None} | options
    outlet = QueueOutlet(client, QUEUE, chosen.pop("kind", "fifo"))
    return Sender(outlet, executor=ThreadPoolExecutor(1), **chosen)


def bodies(requests: Sequence[Mapping[str, Any]]) -> list[str]:
    return [request["MessageBody"].rstrip(". ") for request in requests]


def test_messages_go_by_ten() -> None:
    client = Client()
    sender(client).send([entry(f"o{n}", 1) for n in range(25)])
    assert [len(call) for call in client.calls] == [10, 10, 5]


def test_a_batch_is_no_larger_than_sqs_takes() -> None:
    client = Client()
    sender(client).send([entry(f"o{n}", 1, 60_000) for n in range(9)])
    assert [len(call) for call in client.calls] == [4, 4, 1]
    assert all(sum(len(request["MessageBody"]) for request in call) <= MAX_BYTES for call in client.calls)


def test_a_batch_holds_one_event_of_an_order() -> None:
    client = Client()
    sender(client).send([entry("a", 1), entry("a", 2), entry("b", 1), entry("a", 3)])
    assert [bodies(call) for call in client.calls] == [["a/1", "b/1"], ["a/2"], ["a/3"]]


def test_what_is_refused_is_sent_again_alone_under_a_new_id_before_its_orders_next() -> None:
    refusals = iter([True, True])
    client = Client(lambda request: request["MessageBody"].startswith("a/1") and next(refusals, False))
    sender(client).send([entry("a", 1), entry("b", 1), entry("a", 2)])
    assert [bodies(call) for call in client.calls] == [["a/1", "b/1"], ["a/1"], ["a/1"], ["a/2"]]
    assert bodies(client.accepted) == ["b/1", "a/1", "a/2"]
    tried = [request["MessageDeduplicationId"] for call in client.calls[:3] for request in call]
    assert tried == ["orders/a/1#run#1", "orders/b/1#run#1", "orders/a/1#run#2", "orders/a/1#run#3"]


def test_a_call_that_fails_is_made_again() -> None:
    class Broken(Client):
        def send_message_batch(self, **request: Any) -> dict[str, Any]:
            if not self.calls:
                self.calls.append(request["Entries"])
                raise ClientError({"Error": {"Code": "RequestThrottled", "Message": "slow down"}}, "SendMessageBatch")
            return super().send_message_batch(**request)

    client = Broken()
    sender(client).send([entry("a", 1), entry("b", 1)])
    assert bodies(client.accepted) == ["a/1", "b/1"]


def test_what_is_always_refused_ends_the_replay_with_the_reason_and_lets_nothing_overtake() -> None:
    client = Client(lambda request: request["MessageBody"].startswith("a/1"))
    with pytest.raises(Failure, match="1 messages were refused 6 times"):
        sender(client).send([entry("a", 1), entry("a", 2)])
    assert len(client.calls) == MAX_ATTEMPTS
    assert client.accepted == []


def test_only_a_fifo_queue_is_told_of_groups() -> None:
    client = Client()
    sender(client, kind="standard").send([entry("a", 1)])
    (request,) = client.accepted
    assert set(request) == {"Id", "MessageBody", "MessageAttributes"}
    assert request["MessageAttributes"] == {"type": {"DataType": "String", "StringValue": "OrderPlaced"}}
    sender(client).send([entry("a", 1)])
    assert client.accepted[1]["MessageGroupId"] == "a"


def test_a_rate_is_kept() -> None:
    time = 0.0

    def pause(seconds: float) -> None:
        nonlocal time
        time += seconds

    client = Client()
    slow = sender(client, rate=20, clock=lambda: time, pause=pause)
    slow.send([entry(f"o{n}", 1) for n in range(100)])
    assert time == pytest.approx(4.5)
    slow.send([entry("last", 1)])
    assert time == pytest.approx(5)
