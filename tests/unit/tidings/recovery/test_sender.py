from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tidings.aws.recovery import QueueDestination
from tidings.core.entity import EventHead
from tidings.messaging.relay import MAX_PUBLISH_BYTES
from tidings.recovery import OutgoingMessage, RecoveryError, Sender
from tidings.recovery.sender import MAX_SEND_ATTEMPTS

QUEUE = "https://queue.example/consumer"
Refuses = Callable[[Mapping[str, Any]], bool]


class SqsClient:
    """A client that accepts batches like SQS, and refuses the entries that a test selects."""

    def __init__(self, refuses: Refuses = lambda _entry: False) -> None:
        self.refuses = refuses
        self.calls: list[Sequence[Mapping[str, Any]]] = []
        self.accepted: list[Mapping[str, Any]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert QueueUrl == QUEUE
        self.calls.append(Entries)
        refused = [entry for entry in Entries if self.refuses(entry)]
        self.accepted += [entry for entry in Entries if entry not in refused]
        return {"Failed": [{"Id": entry["Id"], "Code": "Busy", "SenderFault": False} for entry in refused]}


def message(subject: str, n: int, size: int = 10) -> OutgoingMessage:
    return OutgoingMessage(
        EventHead(f"tickets/{subject}/{n}", "TicketClosed", subject), f"{subject}/{n} ".ljust(size, ".")
    )


def sender(client: Any, **options: Any) -> Sender:
    chosen: dict[str, Any] = {"run": "run", "pause": lambda _seconds: None} | options
    destination = QueueDestination(client, QUEUE, chosen.pop("kind", "fifo"))
    return Sender(destination, threads=ThreadPoolExecutor(1), **chosen)


def bodies(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return [entry["MessageBody"].rstrip(". ") for entry in entries]


def test_a_request_contains_ten_messages() -> None:
    client = SqsClient()
    sender(client).send([message(f"e{n}", 1) for n in range(25)])
    assert [len(call) for call in client.calls] == [10, 10, 5]


def test_a_request_is_no_larger_than_sqs_accepts() -> None:
    client = SqsClient()
    sender(client).send([message(f"e{n}", 1, 60_000) for n in range(9)])
    assert [len(call) for call in client.calls] == [4, 4, 1]
    assert all(sum(len(entry["MessageBody"]) for entry in call) <= MAX_PUBLISH_BYTES for call in client.calls)


def test_a_request_contains_one_event_of_an_entity() -> None:
    client = SqsClient()
    sender(client).send([message("a", 1), message("a", 2), message("b", 1), message("a", 3)])
    assert [bodies(call) for call in client.calls] == [["a/1", "b/1"], ["a/2"], ["a/3"]]


def test_a_refused_message_is_sent_again_alone_under_a_new_id_before_the_next_of_its_entity() -> None:
    refusals = iter([True, True])
    client = SqsClient(lambda entry: entry["MessageBody"].startswith("a/1") and next(refusals, False))
    sender(client).send([message("a", 1), message("b", 1), message("a", 2)])
    assert [bodies(call) for call in client.calls] == [["a/1", "b/1"], ["a/1"], ["a/1"], ["a/2"]]
    assert bodies(client.accepted) == ["b/1", "a/1", "a/2"]
    tried = [entry["MessageDeduplicationId"] for call in client.calls[:3] for entry in call]
    assert tried == ["tickets/a/1#run#1", "tickets/b/1#run#1", "tickets/a/1#run#2", "tickets/a/1#run#3"]


def test_a_failed_request_is_repeated() -> None:
    class ThrottledClient(SqsClient):
        def send_message_batch(self, **request: Any) -> dict[str, Any]:
            if not self.calls:
                self.calls.append(request["Entries"])
                raise ClientError({"Error": {"Code": "RequestThrottled", "Message": "slow down"}}, "SendMessageBatch")
            return super().send_message_batch(**request)

    client = ThrottledClient()
    sender(client).send([message("a", 1), message("b", 1)])
    assert bodies(client.accepted) == ["a/1", "b/1"]


def test_a_message_that_is_always_refused_ends_the_run_and_no_later_one_overtakes_it() -> None:
    client = SqsClient(lambda entry: entry["MessageBody"].startswith("a/1"))
    with pytest.raises(RecoveryError, match="1 messages were refused 6 times"):
        sender(client).send([message("a", 1), message("a", 2)])
    assert len(client.calls) == MAX_SEND_ATTEMPTS
    assert client.accepted == []


def test_only_a_fifo_queue_receives_groups() -> None:
    client = SqsClient()
    sender(client, kind="standard").send([message("a", 1)])
    (entry,) = client.accepted
    assert set(entry) == {"Id", "MessageBody", "MessageAttributes"}
    assert entry["MessageAttributes"] == {"type": {"DataType": "String", "StringValue": "TicketClosed"}}
    sender(client).send([message("a", 1)])
    assert client.accepted[1]["MessageGroupId"] == "a"


def test_a_rate_is_kept() -> None:
    time = 0.0

    def pause(seconds: float) -> None:
        nonlocal time
        time += seconds

    slow = sender(SqsClient(), rate=20, clock=lambda: time, pause=pause)
    slow.send([message(f"e{n}", 1) for n in range(100)])
    assert time == pytest.approx(4.5)
    slow.send([message("last", 1)])
    assert time == pytest.approx(5)
