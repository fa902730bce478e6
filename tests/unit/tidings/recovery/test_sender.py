from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from tidings.aws.recovery import QueueDestination, queue_sender
from tidings.core.entity import EventHead
from tidings.messaging.relay import MAX_PUBLISH_BYTES
from tidings.recovery import OutgoingMessage, RecoveryError, Sender
from tidings.recovery.sender import MAX_SEND_ATTEMPTS

QUEUE = "https://queue.example/consumer"
Refuses = Callable[[Mapping[str, Any]], bool]


class SqsClient:
    """A client that accepts batches like SQS, and refuses the entries that a test selects."""

    def __init__(
        self,
        refuses: Refuses = lambda _entry: False,
        code: str = "Busy",
        *,
        sender_fault: bool = False,
        queue: str = QUEUE,
    ) -> None:
        self.queue = queue
        self.refuses = refuses
        self.code = code
        self.sender_fault = sender_fault
        self.calls: list[Sequence[Mapping[str, Any]]] = []
        self.accepted: list[Mapping[str, Any]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert QueueUrl == self.queue
        self.calls.append(Entries)
        refused = [entry for entry in Entries if self.refuses(entry)]
        self.accepted += [entry for entry in Entries if entry not in refused]
        return {
            "Failed": [{"Id": entry["Id"], "Code": self.code, "SenderFault": self.sender_fault} for entry in refused]
        }


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
    with pytest.raises(RecoveryError, match="1 message was refused 6 times"):
        sender(client).send([message("a", 1), message("a", 2)])
    assert len(client.calls) == MAX_SEND_ATTEMPTS
    assert client.accepted == []


def test_a_sender_with_less_time_makes_fewer_attempts() -> None:
    client = SqsClient(lambda _entry: True)
    with pytest.raises(RecoveryError, match="1 message was refused 2 times"):
        sender(client, attempts=2).send([message("a", 1)])
    assert len(client.calls) == 2


@pytest.mark.parametrize(("name", "is_fifo"), [("consumer.fifo", True), ("consumer", False)])
def test_the_sender_to_a_queue_knows_its_kind_by_its_name_and_each_has_its_own_ids(name: str, is_fifo: bool) -> None:
    client = SqsClient(queue=f"https://queue.example/{name}")
    for _ in range(2):
        queue_sender(cast("Any", client), client.queue, ThreadPoolExecutor(1)).send([message("a", 1)])
    ids = [entry.get("MessageDeduplicationId") for entry in client.accepted]
    assert len(set(ids)) == (2 if is_fifo else 1)
    assert [entry.get("MessageGroupId") for entry in client.accepted] == (["a", "a"] if is_fifo else [None, None])


def is_first_of_a(entry: Mapping[str, Any]) -> bool:
    return bool(entry["MessageBody"].startswith("a/1"))


def test_a_message_that_sqs_will_never_accept_is_reported_and_the_others_are_sent() -> None:
    client = SqsClient(is_first_of_a, "InvalidMessageContents", sender_fault=True)
    bad = message("a", 1)
    assert sender(client).send([bad, message("b", 1), message("a", 2)]) == {bad: "InvalidMessageContents"}
    assert [bodies(call) for call in client.calls] == [["a/1", "b/1"], ["a/2"]]
    assert bodies(client.accepted) == ["b/1", "a/2"]


class WholeCallClient(SqsClient):
    """A client that refuses a batch as a whole if it contains a message that a test selects."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        if any(map(self.refuses, Entries)):
            self.calls.append(Entries)
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "SendMessageBatch")
        return super().send_message_batch(QueueUrl=QueueUrl, Entries=Entries)


@pytest.mark.parametrize("code", ["InvalidMessageContents", "AWS.SimpleQueueService.BatchRequestTooLong"])
def test_of_a_batch_that_sqs_refuses_as_a_whole_only_the_cause_is_reported(code: str) -> None:
    client = WholeCallClient(is_first_of_a, code)
    bad = message("a", 1)
    refused = sender(client).send([bad, message("b", 1), message("c", 1), message("a", 2)])
    assert list(refused) == [bad]
    assert code in refused[bad]
    assert bodies(client.accepted) == ["b/1", "c/1", "a/2"]


@pytest.mark.parametrize(
    "code",
    ["KmsAccessDenied", "RequestThrottled", "AWS.SimpleQueueService.NonExistentQueue", "AccessDenied", "OverLimit"],
)
@pytest.mark.parametrize("client", [SqsClient, WholeCallClient])
def test_a_fault_of_the_deployment_is_no_messages_own_though_sqs_calls_it_the_senders(
    client: type[SqsClient], code: str
) -> None:
    with pytest.raises(RecoveryError, match=f"2 messages were refused 6 times .*{code}"):
        sender(client(lambda _entry: True, code, sender_fault=True)).send([message("a", 1), message("b", 1)])


def test_a_message_that_fails_only_now_is_tried_again_beside_one_that_is_refused_for_good() -> None:
    failures = iter([True, True])

    class MixedClient(SqsClient):
        def send_message_batch(self, **request: Any) -> dict[str, Any]:
            self.refuses = is_first_of_a
            answer = super().send_message_batch(**request)
            busy = [entry for entry in request["Entries"] if not is_first_of_a(entry) and next(failures, False)]
            self.accepted = [entry for entry in self.accepted if entry not in busy]
            return {
                "Failed": answer["Failed"]
                + [{"Id": entry["Id"], "Code": "Busy", "SenderFault": False} for entry in busy]
            }

    client = MixedClient(code="InvalidParameterValue", sender_fault=True)
    bad = message("a", 1)
    assert sender(client).send([bad, message("b", 1)]) == {bad: "InvalidParameterValue"}
    assert [bodies(call) for call in client.calls] == [["a/1", "b/1"], ["b/1"], ["b/1"]]
    assert bodies(client.accepted) == ["b/1"]


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
