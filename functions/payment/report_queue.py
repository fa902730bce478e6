"""The queue of the gateway's reports, on Amazon SQS."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from functions.payment.reports import Report

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsReportQueue:
    """Payment's own queue, by its URL.

    Args:
        client: Returns the client. It is created when the first report is sent.
        queue: The queue's URL.
    """

    def __init__(self, client: "Callable[[], SQSClient]", queue: str) -> None:
        self._client = client
        self._queue = queue

    def send(self, report: Report) -> None:
        """Send a report. A repeat within five minutes is dropped."""
        self._client().send_message(
            QueueUrl=self._queue,
            MessageBody=msgspec.json.encode(report).decode(),
            MessageGroupId=report.group,
            MessageDeduplicationId=report.deduplication_id,
        )
