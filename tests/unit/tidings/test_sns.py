"""The topic on SNS: which failures are an event's own, and which are faults of the deployment or of the moment."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tidings.aws.sns import SnsTopic
from tidings.core.entity import OutboxEvent
from tidings.core.ports import Unpublished

Entry = Mapping[str, Any]


class SnsClient:
    """A client that answers with the failures that a test chooses, and records its calls."""

    def __init__(self, failure: Callable[[Entry], Mapping[str, Any] | None] = lambda _entry: None) -> None:
        self.failure = failure
        self.refuses: Callable[[Sequence[Entry]], Exception | None] = lambda _entries: None
        self.calls: list[list[str]] = []
        self.silent: set[str] = set()

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: Sequence[Entry]) -> dict[str, Any]:  # noqa: N803 - boto3's names
        assert TopicArn == "arn"
        self.calls.append([entry["MessageDeduplicationId"] for entry in PublishBatchRequestEntries])
        if error := self.refuses(PublishBatchRequestEntries):
            raise error
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            if failure := self.failure(entry):
                answer["Failed"].append({"Id": entry["Id"], **failure})
            elif entry["MessageDeduplicationId"] not in self.silent:
                answer["Successful"].append({"Id": entry["Id"], "MessageId": "1"})
        return answer


def event(key: str) -> OutboxEvent:
    return OutboxEvent(json.dumps({"id": f"s/{key}/1", "type": "T", "subject": key, "source": "s"}))


def publish(client: Any, *keys: str) -> Sequence[Unpublished]:
    return SnsTopic(client, "arn").publish([event(key) for key in keys])


def call_error(code: str, text: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "PublishBatch")


def names(*keys: str) -> Callable[[Sequence[Entry]], bool]:
    """Return whether a batch contains an event of one of these entities."""
    return lambda entries: any(entry["MessageGroupId"] in keys for entry in entries)


def test_a_batch_that_is_published_takes_one_call_and_leaves_nothing() -> None:
    client = SnsClient()
    assert publish(client, "a", "b") == []
    assert client.calls == [["s/a/1", "s/b/1"]]


@pytest.mark.parametrize("code", ["InvalidParameter", "ParameterValueInvalid", "InvalidMessageContents", "Whatever"])
def test_an_entry_that_fails_by_the_senders_fault_is_refused(code: str) -> None:
    client = SnsClient(lambda entry: {"Code": code, "SenderFault": True} if entry["Id"] == "1" else None)
    assert publish(client, "a", "b", "c") == [Unpublished(event("b"), True, code)]


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("InternalError", False),
        ("InvalidParameter", False),
        ("ServiceUnavailable", False),
        ("Throttled", True),
        ("ThrottlingException", True),
        ("NotFound", True),
        ("AuthorizationError", True),
        ("AccessDenied", True),
        ("EndpointDisabled", True),
        ("InvalidSecurity", True),
        ("KMSAccessDenied", True),
        ("KMSDisabled", True),
        ("KMSInvalidState", True),
        ("KMSNotFound", True),
        ("KMSOptInRequired", True),
        ("KMSThrottling", True),
        ("OptInRequired", True),
        ("ExpiredToken", True),
        ("InvalidClientTokenId", True),
        ("SignatureDoesNotMatch", True),
        ("RequestExpired", True),
    ],
)
def test_an_entry_that_fails_for_another_reason_may_be_taken_later(code: str, fault: bool) -> None:
    client = SnsClient(lambda _entry: {"Code": code, "SenderFault": fault})
    assert publish(client, "a") == [Unpublished(event("a"), False, code)]


TOPIC_ERRORS = (
    "Invalid parameter: TopicArn Reason: no value for required parameter",
    "Invalid parameter: MessageGroupId Reason: The request includes MessageGroupId parameter that is not valid for "
    "this topic type",
)


@pytest.mark.parametrize("text", TOPIC_ERRORS)
def test_a_parameter_that_is_invalid_because_of_the_topic_refuses_no_event(text: str) -> None:
    client = SnsClient(lambda _entry: {"Code": "InvalidParameter", "SenderFault": True, "Message": text})
    assert publish(client, "a") == [Unpublished(event("a"), False, "InvalidParameter")]
    client.refuses = lambda _entries: call_error("InvalidParameter", text)
    with pytest.raises(ClientError):
        publish(client, "a", "b")


def test_an_event_about_which_the_answer_says_nothing_may_be_taken_later() -> None:
    client = SnsClient()
    client.silent = {"s/b/1"}
    assert publish(client, "a", "b") == [Unpublished(event("b"), False, "NoAnswer")]


@pytest.mark.parametrize("code", ["InvalidParameter", "ParameterValueInvalid", "BatchRequestTooLong"])
def test_a_batch_that_is_refused_because_of_one_event_is_published_without_it(code: str) -> None:
    client = SnsClient()
    client.refuses = lambda entries: call_error(code) if names("b")(entries) else None
    assert publish(client, "a", "b", "c") == [Unpublished(event("b"), True, code)]
    assert client.calls == [["s/a/1", "s/b/1", "s/c/1"], ["s/a/1"], ["s/b/1"], ["s/c/1"]]


def test_an_outage_while_a_refused_batch_is_published_one_by_one_refuses_nothing_more() -> None:
    client = SnsClient()

    def refuses(entries: Sequence[Entry]) -> Exception | None:
        if names("c")(entries) and len(entries) == 1:
            return EndpointConnectionError(endpoint_url="https://sns.example")
        return call_error("InvalidParameter") if names("b")(entries) else None

    client.refuses = refuses
    assert publish(client, "a", "b", "c", "d") == [
        Unpublished(event("b"), True, "InvalidParameter"),
        Unpublished(event("c"), False, "EndpointConnectionError"),
    ]


@pytest.mark.parametrize(
    "code",
    ["AuthorizationError", "NotFound", "KMSDisabled", "KMSThrottling", "Throttling", "TooManyEntriesInBatchRequest"],
)
def test_any_other_error_of_a_call_refuses_no_event(code: str) -> None:
    client = SnsClient()
    client.refuses = lambda _entries: call_error(code)
    for keys in ("a", "ab"):
        with pytest.raises(ClientError):
            publish(client, *keys)
