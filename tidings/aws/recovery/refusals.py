"""Refused calls to AWS, as errors of a recovery."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

import tidings.aws.clients  # noqa: F401 - it registers the description of AWS's errors
from tidings.core.errors import as_code, described
from tidings.recovery.errors import RecoveryError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef


@contextmanager
def reporting(failure: str) -> Iterator[None]:
    """Raise `RecoveryError` with a text, such as `the table cannot be read`, if AWS refuses a call.

    AWS's own text may contain what was sent, so the error is described by its codes.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise RecoveryError(f"{failure}: {described(error)}") from error


def reason_of(failure: "BatchResultErrorEntryTypeDef") -> str:
    """Return the reason of one refused entry of a batch request: its code, because its text may quote the entry."""
    return as_code(failure["Code"])
