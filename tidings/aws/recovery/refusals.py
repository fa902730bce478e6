"""Refused calls to AWS, as errors of a recovery."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidings.recovery.errors import RecoveryError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef


@contextmanager
def reporting(failure: str) -> Iterator[None]:
    """Raise `RecoveryError` with a text, such as `the table cannot be read`, if AWS refuses a call."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(f"{failure}: {error}") from error


def reason_of(failure: "BatchResultErrorEntryTypeDef") -> str:
    """Return the reason of one refused entry of a batch request."""
    return f"{failure['Code']} {failure.get('Message', '')}".strip()
