"""The Lambda function that runs the jobs and the retention, on a schedule or when an operator asks."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import msgspec

from functions.privacy.files import S3Files, s3
from functions.privacy.jobs.accounts import CognitoAccounts
from functions.privacy.jobs.erasure import Erasure
from functions.privacy.jobs.export import Export
from functions.privacy.jobs.people import LambdaPeople
from functions.privacy.jobs.retention import Retention
from functions.privacy.jobs.runner import Runner
from functions.privacy.service import JOBS, RETENTION, service
from tidings.aws import clients, lambdas
from tidings.aws.pending import PendingEntities
from tidings.core import clock

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_table = os.environ["TABLE"]
_jobs = PendingEntities(clients.dynamodb(), _table, os.environ[JOBS.variable])
_retained = PendingEntities(clients.dynamodb(), _table, os.environ[RETENTION.variable])
_period = float(os.environ["RETENTION_SECONDS"])
_metrics = lambdas.metrics()
_records = lambdas.executor(service)
_threads = ThreadPoolExecutor(clients.WORKERS)
_people = LambdaPeople(
    boto3.client("lambda", config=clients.CONFIG),
    msgspec.json.decode(os.environ["PERSONAL_FUNCTIONS"], type=dict[str, str]),
    os.environ["LISTING_SERVICE"],
    _threads,
)
_accounts = CognitoAccounts(boto3.client("cognito-idp", config=clients.CONFIG), os.environ["USER_POOL"])
_files = S3Files(s3(), os.environ["BUCKET"])
_runner = Runner(
    _records,
    {
        "erasure": Erasure(_records, _people, _accounts, _files, _threads, float(os.environ["PASS_INTERVAL_SECONDS"])),
        "export": Export(_people, _accounts, _files),
    },
)
_retention = Retention(_records, _people)


@lambdas.without_texts
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Go on with the jobs that are due, and end the retention of orders.

    If the event says `all`, go on with the jobs that are not due yet, too. `older_than` replaces the stage's period of
    retention by a number of seconds.
    """
    # A third of the time each, and the last third remains for a step that was begun.
    third = context.get_remaining_time_in_millis() // 3
    now = clock.now()
    jobs = _runner.run(_jobs.oldest_first(), now + third, early=bool(event.get("all")))
    retention = _retention.run(_retained.oldest_first(), event.get("older_than", _period), clock.now() + third)
    _metrics.emit(
        {
            "JobsDone": jobs.done,
            "JobsFailed": jobs.failed,
            "JobsStuck": jobs.stuck,
            "RetentionsEnded": retention.erased,
            "RetentionsPostponed": retention.postponed,
            "RetentionsFailed": retention.failed,
        },
        {"OldestJob": jobs.oldest},
    )
    return {"jobs": msgspec.to_builtins(jobs), "retention": msgspec.to_builtins(retention)}
