"""The alarms. What stands in a stack decides which it has: whatever is added to the shop has its own without more."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from infra.stack import StageStack
from infra.stages import Stage
from tidings.metrics import NAMESPACE

RUNBOOK = "docs/runbook.md"

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)

QUEUE_AGE = 15 * 60
"""Seconds: longer than all attempts at a message take, with the delays between them."""

RELAY_LAG = 60
"""Seconds that a relay may be behind its table; it is behind by less than one as a rule."""

FAILED = 0.05
"""The part of the requests that may fail by our fault (Amazon CloudWatch User Guide, "Recommended alarms")."""

LATENCY = 3
"""Seconds that one request in a hundred may take, with a cold start."""

REFUSED = 25
"""Percent of requests that may be the callers' mistakes, where there are more than a handful."""

NOTHING_HAPPENED = cloudwatch.TreatMissingData.NOT_BREACHING
"""For what is told only where something happens: no data is no trouble."""

UNCHANGED = cloudwatch.TreatMissingData.IGNORE
"""For what stays as it was while nobody tells: SQS falls silent about a queue that nobody has touched for six hours,
whatever lies in it (Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS")."""

TROUBLE = cloudwatch.TreatMissingData.BREACHING
"""For what must happen by itself: silence is the trouble."""

DEAD = {
    "dlq": "Messages that {service} could not handle wait to be looked at.",
    "undelivered": "Messages that the topic could not deliver to {service} wait to be looked at.",
    "relay-dlq": "The relay of {service} gave up writes: what these announced is not published.",
}


class AlarmStack(StageStack):
    """The topic that tells the stage's operators of every alarm, and of its end."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "alarms", stage, "Tidings: who is told of alarms")
        # The one that SNS has by itself cannot be used by CloudWatch.
        key = self.own_key("the alarms on their topic")
        self.topic = sns.Topic(
            self, "topic", topic_name=self.stack_name, master_key=key, enforce_ssl=not stage.emulated
        )
        alarms = iam.ServicePrincipal(
            "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": self.account}}
        )
        key.grant(alarms, "kms:Decrypt", "kms:GenerateDataKey*")
        # A policy of our own takes the place of SNS's, which had let the whole account publish.
        self.topic.grant_publish(alarms)
        for address in stage.alarm_addresses:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
        self.output("AlarmTopic", self.topic.topic_arn)


def alarm(
    stack: StageStack,
    what: str,
    kind: str,
    means: str,
    metric: cloudwatch.IMetric,
    threshold: float,
    missing: cloudwatch.TreatMissingData,
    *,
    periods: tuple[int, int] = (1, 1),
    below: bool = False,
) -> cloudwatch.Alarm:
    """An alarm where the metric is above the threshold (or `below` it) in so many of the last so many `periods`.

    `kind` is its entry in the runbook; its name is the stack's and `what`.
    """
    needed, looked_at = periods
    operator = cloudwatch.ComparisonOperator
    return cloudwatch.Alarm(
        stack,
        f"{what}-alarm",
        alarm_name=f"{stack.stack_name}-{what}",
        alarm_description=f"{means} What to do: {RUNBOOK}#{kind}",
        metric=metric,
        threshold=threshold,
        comparison_operator=operator.LESS_THAN_THRESHOLD if below else operator.GREATER_THAN_THRESHOLD,
        datapoints_to_alarm=needed,
        evaluation_periods=looked_at,
        treat_missing_data=missing,
    )


def watch(stack: StageStack, told: AlarmStack) -> None:
    """Gives everything in a stack its alarms, and tells the operators of these and of what the stack has by itself."""
    for construct in stack.node.find_all():
        if isinstance(construct, sqs.Queue):
            _watch_queue(stack, construct)
        elif isinstance(construct, lambda_.Function):
            _watch_function(stack, construct)
        elif isinstance(construct, lambda_.CfnEventSourceMapping):
            _watch_mapping(stack, construct)
        elif isinstance(construct, apigateway.HttpApi):
            _watch_api(stack, construct)
    action = actions.SnsAction(told.topic)
    for each in alarms_of(stack):
        each.add_alarm_action(action)
        each.add_ok_action(action)


def alarms_of(stack: IConstruct) -> list[cloudwatch.Alarm]:
    """The alarms in a stack."""
    return [construct for construct in stack.node.find_all() if isinstance(construct, cloudwatch.Alarm)]


def _service(stack: StageStack) -> str:
    return stack.stack_name.removeprefix(stack.stage.named(""))


def _watch_queue(stack: StageStack, queue: sqs.Queue) -> None:
    role, service = queue.node.id, _service(stack)
    if queue.dead_letter_queue:
        age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE)
        means = f"{service} does not keep up with its queue, or does not run."
        alarm(stack, f"{role}-age", "queue-age", means, age, QUEUE_AGE, UNCHANGED, periods=(3, 3))
        return
    # Not how many were sent to it: a message that comes from a redrive policy is not counted as sent.
    depth = queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE)
    means = DEAD.get(role, DEAD["dlq"]).format(service=service)
    alarm(stack, f"{role}-depth", f"{role if role in DEAD else 'dlq'}-depth", means, depth, 0, UNCHANGED)


def _watch_function(stack: StageStack, function: lambda_.Function) -> None:
    role, name = function.node.id, f"{_service(stack)}'s function {function.node.id}"
    timeout = function.timeout
    if timeout is None:
        raise ValueError(f"{name} has no time-out")
    # Two of three: what fails once is tried again, and nobody need get up for it.
    lasting = (2, 3)
    errors = function.metric_errors(statistic="Sum", period=FIVE_MINUTES)
    alarm(stack, f"{role}-errors", "errors", f"{name} crashes.", errors, 0, NOTHING_HAPPENED, periods=lasting)
    throttles = function.metric_throttles(statistic="Sum", period=FIVE_MINUTES)
    means = f"{name} is held back: the account's concurrency is used up."
    alarm(stack, f"{role}-throttles", "throttles", means, throttles, 0, NOTHING_HAPPENED, periods=lasting)
    duration = function.metric_duration(statistic="Maximum", period=FIVE_MINUTES)
    means = f"{name} comes near its time-out of {timeout.to_seconds()} seconds."
    near = 0.8 * timeout.to_milliseconds()
    alarm(stack, f"{role}-duration", "duration", means, duration, near, NOTHING_HAPPENED, periods=lasting)


def _watch_mapping(stack: StageStack, mapping: lambda_.CfnEventSourceMapping) -> None:
    if mapping.starting_position is None:
        return  # A queue's, whose age is watched at the queue.
    age = cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name="IteratorAge",
        dimensions_map={"FunctionName": mapping.function_name},
        statistic="Maximum",
        period=MINUTE,
    )
    scope = mapping.node.scope
    role = (scope or mapping).node.id.removesuffix("-mapping")
    means = f"What {_service(stack)} announces is published late, or not at all."
    alarm(stack, f"{role}-lag", "relay-lag", means, age, 1000 * RELAY_LAG, NOTHING_HAPPENED, periods=(3, 3))


def _watch_api(stack: StageStack, api: apigateway.HttpApi) -> None:
    # Each request counts, as one or as nothing: the average is the part that failed.
    failed = api.metric_server_error(statistic="Average", period=MINUTE)
    means = f"The API answers more than {FAILED:.0%} of the requests with 5xx."
    # Three minutes of an outage, with some without a request among them; single failures are no outage.
    alarm(stack, "5xx", "api-5xx", means, failed, FAILED, NOTHING_HAPPENED, periods=(3, 5))
    latency = api.metric_latency(statistic="p99", period=FIVE_MINUTES)
    means = f"One request in a hundred takes longer than {LATENCY} seconds."
    alarm(stack, "latency", "api-latency", means, latency, 1000 * LATENCY, NOTHING_HAPPENED, periods=(3, 3))
    refused = api.metric_client_error(statistic="Sum", period=FIVE_MINUTES)
    share = cloudwatch.MathExpression(
        expression="IF(requests > 50, 100 * refused / requests, 0)",
        label="requests refused, in percent",
        using_metrics={"requests": api.metric_count(statistic="Sum", period=FIVE_MINUTES), "refused": refused},
        period=FIVE_MINUTES,
    )
    means = f"More than {REFUSED} % of the requests are refused."
    # The emulator computes nothing from metrics: there it is a number, which is never told.
    metric = refused if stack.stage.emulated else share
    alarm(stack, "4xx", "api-4xx", means, metric, REFUSED, NOTHING_HAPPENED, periods=(3, 3))


def own_metric(stage: Stage, service: str, name: str, statistic: str, period: Duration) -> cloudwatch.Metric:
    """A metric that a service's functions write themselves."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"Stage": stage.name, "Service": service},
        statistic=statistic,
        period=period,
    )
