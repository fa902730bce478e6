from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tidings.aws.throttling import is_throttled
from tidings.core.errors import RetryableError, ThrottledError, causes
from tidings.core.ports import TransactionConflictError


def refusal(code: str, text: str = "", **members: Any) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}, **members}, "Operation")  # type: ignore[typeddict-item]  # tests choose the members


def canceled(*codes: str) -> ClientError:
    return refusal("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


@pytest.mark.parametrize(
    "error",
    [
        ThrottledError("slow down"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("ThrottlingException"),
        refusal("RequestLimitExceeded"),
        canceled("None", "ThrottlingError"),
        canceled("ProvisionedThroughputExceeded", "ConditionalCheckFailed"),
        refusal("Throttling", "Maximum sending rate exceeded."),
        refusal("Throttling", "Daily message quota exceeded."),
        refusal("TooManyRequestsException", "Secrets Manager"),
        refusal("RequestThrottled", "SQS"),
        refusal("AWS.SimpleQueueService.KmsThrottled"),
        refusal("KMSThrottling", "SNS"),
        refusal("Unheard", ResponseMetadata={"HTTPStatusCode": 429}),
    ],
    ids=str,
)
def test_an_answer_that_asks_to_slow_down_is_recognized(error: Exception) -> None:
    assert is_throttled(error)


@pytest.mark.parametrize(
    "error",
    [
        RetryableError("no answer"),
        TimeoutError("no answer"),
        ReadTimeoutError(endpoint_url="https://example.com"),
        refusal("InternalServerError", ResponseMetadata={"HTTPStatusCode": 500}),
        refusal("ConditionalCheckFailedException"),
        refusal("TransactionInProgressException"),
        canceled("None", "TransactionConflict"),
        refusal("MessageRejected"),
        refusal(""),
        ClientError({}, "Operation"),
    ],
    ids=str,
)
def test_another_failure_is_not_throttling(error: Exception) -> None:
    assert not is_throttled(error)


def test_the_causes_of_an_error_are_searched() -> None:
    conflict, failure = TransactionConflictError("the transaction was canceled"), RetryableError("not written")
    conflict.__cause__, failure.__cause__ = canceled("ThrottlingError"), conflict
    assert is_throttled(failure)


def handled(error: Exception, *, replaced: bool) -> None:
    """Handle an error with a bug, or replace it on purpose."""
    try:
        raise error
    except ClientError:
        if replaced:
            raise ValueError("another failure") from None
        raise ValueError("a bug in the handler")  # noqa: B904 - the context is the point


@pytest.mark.parametrize("replaced", [False, True])
def test_the_error_that_was_being_handled_is_a_cause_unless_it_was_replaced_on_purpose(replaced: bool) -> None:
    with pytest.raises(ValueError, match="another failure" if replaced else "a bug") as caught:
        handled(refusal("Throttling"), replaced=replaced)
    assert is_throttled(caught.value) is not replaced


def test_errors_that_caused_each_other_are_searched_once() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert list(causes(first)) == [first, second]
