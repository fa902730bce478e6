"""Recognizes AWS's answers that ask to slow down."""

from typing import Any, cast

from botocore.exceptions import ClientError

from tidings.core.errors import ThrottledError, causes

THROTTLING_CODES = frozenset(
    {
        # Common to several services
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "RequestThrottled",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "TooManyRequestsException",
        "TooManyRequests",
        "LimitExceededException",
        "SlowDown",
        # DynamoDB, as an error and as the reason of a canceled transaction
        "ProvisionedThroughputExceededException",
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        # SNS, and the KMS key of a queue or a topic
        "Throttled",
        "KmsThrottled",
        "KMSThrottling",
        "KMSThrottlingException",
    }
)
"""The codes of errors that ask to slow down.

They are those of botocore (`ThrottledRetryableChecker`) and of the services' API references. SES reports both of its
sending quotas, that of a second and that of a day, as `Throttling`.
"""

TOO_MANY_REQUESTS = 429
"""The HTTP status (RFC 6585)."""


def is_throttled(error: BaseException) -> bool:
    """Return whether an error, or one that caused it, asks to slow down."""
    return any(
        isinstance(cause, ThrottledError) or (isinstance(cause, ClientError) and _asks_to_slow_down(cause))
        for cause in causes(error)
    )


def _asks_to_slow_down(error: ClientError) -> bool:
    # An emulator or a proxy may leave out any member.
    response = cast("dict[str, Any]", error.response)
    codes = {response.get("Error", {}).get("Code", "").rpartition(".")[2]}
    codes |= {reason.get("Code") for reason in response.get("CancellationReasons", ())}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == TOO_MANY_REQUESTS or not codes.isdisjoint(THROTTLING_CODES)
