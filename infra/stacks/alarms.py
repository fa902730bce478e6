"""The alarms that every resource gets, and the topic that notifies operators.

Alarms are derived from the resources in each stack, so a new resource is covered automatically.
"""

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.application import Application
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_GOOD, MISSING_KEEPS_STATE, Alarm
from infra.constructs.function import Function
from infra.constructs.traffic import shift_traffic
from infra.stacks.base import ApplicationStack
from tidings.aws.watch import METRICS, ProblemKind
from tidings.messaging.consumer import WAITING

MAX_QUEUE_AGE = 15 * 60
"""Seconds. A message that is this old has failed or waited at several deliveries."""

MAX_RELAY_LAG = 60
"""Seconds that a relay may be behind its table. It is usually less than one second behind."""

MAX_FAILED = 0.05
"""The part of the requests that may fail with 5xx (Amazon CloudWatch User Guide, "Recommended alarms")."""

MAX_LATENCY = 3
"""Seconds that one request in a hundred may take, including a cold start."""

MAX_REFUSED = 25
"""Percent of the requests that may fail with 4xx."""

DEAD_LETTERS = {
    "dlq": "{service} has dead letters: messages that it could not handle.",
    "undelivered": "The topic could not deliver messages to {service}.",
    "relay-dlq": "The relay of {service} refused events, or gave up writes. The events are not published.",
}
"""The problem of each role of dead-letter queue."""


class AlarmStack(ApplicationStack):
    """The topic that notifies the stage's operators when an alarm begins and ends.

    Attributes:
        topic: The topic.
    """

    def __init__(self, scope: Construct, application: Application) -> None:
        super().__init__(scope, "alarms", application, "the topic of all alarms")
        # CloudWatch cannot use the key that SNS provides.
        key = self.add_key("the alarms on their topic")
        self.topic = sns.Topic(
            self, "topic", topic_name=self.stack_name, master_key=key, enforce_ssl=not self.stage.emulated
        )
        cloudwatch_service = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
        )
        key.grant(cloudwatch_service, "kms:Decrypt", "kms:GenerateDataKey*")
        # This replaces the default policy of SNS, which lets the whole account publish.
        self.topic.grant_publish(cloudwatch_service)
        for address in application.alarm_addresses:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
        self.add_output("AlarmTopic", self.topic.topic_arn)


def add_alarms(stack: ApplicationStack, alarms: AlarmStack) -> None:
    """Add alarms to all resources of a stack, and notify the operators of all the stack's alarms.

    A function that serves requests gets its deployment group here, which rolls back on such an alarm.
    """
    for construct in stack.node.find_all():
        if isinstance(construct, sqs.Queue):
            _add_queue_alarm(stack, construct)
        elif isinstance(construct, lambda_.Function):
            _add_function_alarms(stack, construct)
            if isinstance(construct, Function) and construct.serves:
                shift_traffic(stack, construct)
        elif isinstance(construct, lambda_.CfnEventSourceMapping):
            _add_mapping_alarms(stack, construct)
        elif isinstance(construct, apigateway.HttpApi):
            _add_api_alarms(stack, construct)
    action = actions.SnsAction(alarms.topic)
    for alarm in stack.alarms:
        alarm.add_alarm_action(action)
        alarm.add_ok_action(action)


def _add_queue_alarm(stack: ApplicationStack, queue: sqs.Queue) -> None:
    role = queue.node.id
    if queue.dead_letter_queue:
        Alarm(
            stack,
            f"{role}-age",
            kind="queue-age",
            problem=f"{stack.name} does not keep up with its queue, or does not run.",
            metric=queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE),
            threshold=MAX_QUEUE_AGE,
            missing=MISSING_KEEPS_STATE,
            periods=(3, 3),
            critical=True,
        )
        return
    Alarm(
        stack,
        f"{role}-depth",
        kind=f"{role if role in DEAD_LETTERS else 'dlq'}-depth",
        problem=DEAD_LETTERS.get(role, DEAD_LETTERS["dlq"]).format(service=stack.name),
        # SQS does not count a message that a redrive policy moves as sent, so the depth is watched.
        metric=queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE),
        threshold=0,
        missing=MISSING_KEEPS_STATE,
        critical=True,
    )


def _add_function_alarms(stack: ApplicationStack, function: lambda_.Function) -> None:
    role, name = function.node.id, f"The function {function.node.id} of {stack.name}"
    timeout = function.timeout
    if timeout is None:
        raise ValueError(f"{name} has no timeout")
    for kind, problem, metric, threshold in (
        ("errors", "fails.", function.metric_errors(statistic="Sum", period=FIVE_MINUTES), 0.0),
        (
            "throttles",
            "is throttled: the account's concurrency is used up.",
            function.metric_throttles(statistic="Sum", period=FIVE_MINUTES),
            0.0,
        ),
        (
            "duration",
            f"almost reaches its timeout of {timeout.to_seconds()} seconds.",
            function.metric_duration(statistic="Maximum", period=FIVE_MINUTES),
            0.8 * timeout.to_milliseconds(),
        ),
    ):
        Alarm(
            stack,
            f"{role}-{kind}",
            kind=kind,
            problem=f"{name} {problem}",
            metric=metric,
            threshold=threshold,
            missing=MISSING_IS_GOOD,
            # A single failure is retried and needs no operator.
            periods=(2, 3),
        )


def role_of(mapping: lambda_.CfnEventSourceMapping) -> str:
    """Return the role of the function that a mapping invokes: `consumer`."""
    return (mapping.node.scope or mapping).node.id.removesuffix("-mapping")


def reads_stream(mapping: lambda_.CfnEventSourceMapping) -> bool:
    """Return whether a mapping's source is a stream: only a stream's mapping has a starting position."""
    return mapping.starting_position is not None


def _add_mapping_alarms(stack: ApplicationStack, mapping: lambda_.CfnEventSourceMapping) -> None:
    role = role_of(mapping)
    _add_watch_alarm(
        stack,
        f"{role}-mapping-stopped",
        "mapping",
        f"The {role} of {stack.name} receives nothing: its event source mapping is disabled, fails, or does not exist.",
        critical=True,
    )
    if not reads_stream(mapping):
        _add_waiting_alarm(stack, mapping)
        return
    _add_relay_alarm(stack, mapping)
    _add_watch_alarm(
        stack,
        f"{role}-stream-changed",
        "stream",
        f"The {role} of {stack.name} does not read the stream of its table. Its events are not published.",
        critical=True,
    )
    _add_watch_alarm(
        stack,
        f"{role}-iterator-behind",
        "iterator",
        f"The {role} of {stack.name} will soon give up events that it could not publish.",
        # The critical alarm on the relay's lag is on long before this one.
        critical=False,
    )


def _add_watch_alarm(stack: ApplicationStack, name: str, kind: ProblemKind, problem: str, *, critical: bool) -> None:
    """Add an alarm on problems that the watch finds."""
    Alarm(
        stack,
        name,
        kind=name.partition("-")[2],
        problem=problem,
        metric=stack.metric(METRICS[kind], "Maximum", FIVE_MINUTES),
        threshold=0,
        # The watch reports problems only. The alarm `watch-missing` is on if it does not run.
        missing=MISSING_IS_GOOD,
        # A deployment changes a mapping within minutes.
        periods=(2, 3),
        critical=critical,
    )


def _add_waiting_alarm(stack: ApplicationStack, mapping: lambda_.CfnEventSourceMapping) -> None:
    Alarm(
        stack,
        f"{role_of(mapping)}-waiting",
        kind="messages-waiting",
        problem=f"Something asks {stack.name} to slow down, and its messages wait.",
        metric=stack.metric(WAITING, "Sum", FIVE_MINUTES),
        threshold=0,
        missing=MISSING_IS_GOOD,
        # A peak that passes within a few minutes needs no operator.
        periods=(3, 3),
    )


def _add_relay_alarm(stack: ApplicationStack, mapping: lambda_.CfnEventSourceMapping) -> None:
    Alarm(
        stack,
        f"{role_of(mapping)}-lag",
        kind="relay-lag",
        problem=f"The events of {stack.name} are published late, or not at all.",
        metric=cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="IteratorAge",
            # Lambda reports it by the function's name, for all versions together.
            dimensions_map={"FunctionName": f"{stack.stack_name}-{role_of(mapping)}"},
            statistic="Maximum",
            period=MINUTE,
        ),
        threshold=1000 * MAX_RELAY_LAG,
        missing=MISSING_IS_GOOD,
        periods=(3, 3),
        critical=True,
    )


def _add_api_alarms(stack: ApplicationStack, api: apigateway.HttpApi) -> None:
    Alarm(
        stack,
        "5xx",
        kind="api-5xx",
        problem=f"The API answers more than {MAX_FAILED:.0%} of the requests with 5xx.",
        # Each request counts as 0 or 1, so the average is the part that failed.
        metric=api.metric_server_error(statistic="Average", period=MINUTE),
        threshold=MAX_FAILED,
        missing=MISSING_IS_GOOD,
        # Three minutes of an outage, among them some without a request. Single failures are no outage.
        periods=(3, 5),
        critical=True,
    )
    Alarm(
        stack,
        "latency",
        kind="api-latency",
        problem=f"One request in a hundred takes longer than {MAX_LATENCY} seconds.",
        metric=api.metric_latency(statistic="p99", period=FIVE_MINUTES),
        threshold=1000 * MAX_LATENCY,
        missing=MISSING_IS_GOOD,
        periods=(3, 3),
    )
    refused = api.metric_client_error(statistic="Sum", period=FIVE_MINUTES)
    share = cloudwatch.MathExpression(
        expression="IF(requests > 50, 100 * refused / requests, 0)",
        label="refused requests in percent",
        using_metrics={"requests": api.metric_count(statistic="Sum", period=FIVE_MINUTES), "refused": refused},
        period=FIVE_MINUTES,
    )
    Alarm(
        stack,
        "4xx",
        kind="api-4xx",
        problem=f"The API answers more than {MAX_REFUSED} % of the requests with 4xx.",
        # The emulator does not evaluate expressions.
        metric=refused if stack.stage.emulated else share,
        threshold=MAX_REFUSED,
        missing=MISSING_IS_GOOD,
        periods=(3, 3),
    )
