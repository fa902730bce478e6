"""What operators look at first: the one alarm that says the promise is in danger, and the dashboard of a stage."""

from collections.abc import Iterable, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.alarms import RUNBOOK, AlarmStack, alarms_of, own_metric
from infra.api import ApiStack
from infra.service import ServiceStack
from infra.stack import StageStack
from infra.stages import Stage

PROMISE = (
    "dlq-depth",
    "undelivered-depth",
    "relay-dlq-depth",
    "queue-age",
    "relay-lag",
    "sweep-swept",
    "sweep-pending",
    "sweep-silent",
    "api-5xx",
)
"""The kinds of alarms that mean that something may be lost or come to nothing; the others tell why, or warn."""

MOST_CHILDREN = 100
"""Alarms that one composite alarm may ask (Amazon CloudWatch User Guide, "Create a composite alarm")."""

QUARTER, THIRD = 6, 8
"""Of a dashboard's width."""

PERIOD = Duration.minutes(1)
WAY = ("OrderPlaced", "OrderConfirmed", "OrderDispatched", "OrderCancelled")
"""What becomes of orders, whichever service announces it."""

Metrics = Sequence[cloudwatch.IMetric]


class MonitoringStack(StageStack):
    """Looks at all services by the names of their things, and so is deployed after them."""

    def __init__(
        self, scope: Construct, stage: Stage, told: AlarmStack, api: ApiStack, services: Sequence[ServiceStack]
    ) -> None:
        super().__init__(scope, "monitoring", stage, "Tidings: the dashboard, and the alarm over all alarms")
        for service in services:
            self.add_stack_dependency(service)
        # The emulator knows no such alarms.
        if not stage.emulated:
            self._promise(told, [api, *services])
        self._dashboard(api, services)

    def _promise(self, told: AlarmStack, stacks: Iterable[StageStack]) -> None:
        asked = [name for stack in stacks for name, kind in _kinds(stack).items() if kind in PROMISE]
        if len(asked) > MOST_CHILDREN:
            raise ValueError(f"a composite alarm asks {MOST_CHILDREN} alarms at most; these are {len(asked)}")
        promise = cloudwatch.CompositeAlarm(
            self,
            "promise",
            composite_alarm_name=self.stage.named("shop", "promise"),
            alarm_description=(
                "Something may be lost, or come to nothing: the alarms behind this one say what. "
                f"What to do: {RUNBOOK}#promise"
            ),
            alarm_rule=cloudwatch.AlarmRule.from_string(" OR ".join(f'ALARM("{name}")' for name in asked)),
        )
        action = actions.SnsAction(told.topic)
        promise.add_alarm_action(action)
        promise.add_ok_action(action)

    def _dashboard(self, api: ApiStack, services: Sequence[ServiceStack]) -> None:
        stage = self.stage
        board = cloudwatch.Dashboard(
            self, "dashboard", dashboard_name=stage.named("shop"), default_interval=Duration.hours(3)
        )
        queues = _queues(services)
        inboxes = {name: queue for name, queue in queues.items() if queue.dead_letter_queue}
        dead = [name for name in queues if name not in inboxes]
        functions = _functions([api, *services])
        relays = [name for name in functions if name.endswith("-relay")]
        consumers = [name for name in functions if name.endswith("-consumer")]
        http = api.http_api
        asked = [
            count(statistic="Sum") for count in (http.metric_count, http.metric_client_error, http.metric_server_error)
        ]
        published = [
            own_metric(stage, stack.service.name, event.__name__, "Sum", PERIOD)
            for stack in services
            for event in stack.service.announces
        ]
        way = [metric for name in WAY for metric in published if metric.metric_name == name]
        board.add_widgets(
            _graph("1. Asked", asked, width=QUARTER),
            _graph("2. Placed, and ended", way, width=QUARTER),
            _graph("3. Relays behind their tables (ms)", _lambda(relays, "IteratorAge", "Maximum"), width=QUARTER),
            _graph("4. Consumers at work", _lambda(consumers, "Invocations", "Sum"), width=QUARTER),
        )
        board.add_widgets(
            # Numbers, and no shares: what was placed is the whole, and what was dispatched had been confirmed.
            cloudwatch.SingleValueWidget(
                title="Orders, in the whole time", metrics=way, width=THIRD, height=6, set_period_to_time_range=True
            ),
            _graph(
                "Pending: age of the oldest (s); swept, and failed to be",
                [own_metric(stage, "orders", "OldestPending", "Maximum", PERIOD)],
                right=[own_metric(stage, "orders", name, "Sum", PERIOD) for name in ("OrdersSwept", "SweepFailed")],
            ),
            _graph("Other events published", [metric for metric in published if metric.metric_name not in WAY]),
        )
        board.add_widgets(
            _graph("Lag per consumer: age of the oldest message (s)", _sqs(inboxes, "ApproximateAgeOfOldestMessage")),
            _graph("Lag per consumer: messages waiting", _sqs(inboxes, "ApproximateNumberOfMessagesVisible")),
            _graph("Dead letters", _sqs(dead, "ApproximateNumberOfMessagesVisible")),
        )
        board.add_widgets(
            _graph(
                "Latency of the API, ms",
                [http.metric_latency(statistic=p) for p in ("p50", "p90", "p99")],
                width=QUARTER,
            ),
            _graph("Functions' longest runs, ms", _lambda(functions, "Duration", "Maximum"), width=QUARTER),
            _graph(
                "Functions: errors, and throttles",
                _lambda(functions, "Errors", "Sum"),
                right=_lambda(functions, "Throttles", "Sum"),
                width=QUARTER,
            ),
            _graph(
                "DynamoDB: reads throttled, and writes",
                _dynamodb(services, "ReadThrottleEvents"),
                right=_dynamodb(services, "WriteThrottleEvents"),
                width=QUARTER,
            ),
        )
        topic = _metric("AWS/SNS", "NumberOfMessagesPublished", "Sum", TopicName=f"{stage.named()}.fifo")
        board.add_widgets(
            _graph("Cost: Lambda, GB-seconds", [_gigabyte_seconds(functions, stage.memory_mb)], width=QUARTER),
            _graph(
                "Cost: DynamoDB, units written, and read",
                _dynamodb(services, "ConsumedWriteCapacityUnits"),
                right=_dynamodb(services, "ConsumedReadCapacityUnits"),
                width=QUARTER,
            ),
            _graph("Cost: messages", [*_sqs(inboxes, "NumberOfMessagesSent", "Sum"), topic], width=QUARTER),
            # SES counts for the account as a whole, unless it is paid for counting by dimensions of one's own.
            _graph("Cost: e-mails of the account", [_metric("AWS/SES", "Send", "Sum")], width=QUARTER),
        )


def _kinds(stack: StageStack) -> dict[str, str]:
    """The names of a stack's alarms, each with its entry in the runbook."""
    found = [each.node.default_child for each in alarms_of(stack)]
    return {
        str(each.alarm_name): str(each.alarm_description).rpartition("#")[2]
        for each in found
        if isinstance(each, cloudwatch.CfnAlarm)
    }


def _queues(stacks: Sequence[StageStack]) -> dict[str, sqs.Queue]:
    """The stacks' queues by name: the literal one, for a reference would tie the stacks together."""
    return {
        str(child.queue_name): construct
        for stack in stacks
        for construct in stack.node.find_all()
        if isinstance(construct, sqs.Queue) and isinstance(child := construct.node.default_child, sqs.CfnQueue)
    }


def _functions(stacks: Sequence[StageStack]) -> list[str]:
    """The literal names of the stacks' functions."""
    return [
        str(child.function_name)
        for stack in stacks
        for construct in stack.node.find_all()
        if isinstance(construct, lambda_.Function)
        and isinstance(child := construct.node.default_child, lambda_.CfnFunction)
    ]


def _graph(title: str, left: Metrics, right: Metrics = (), *, width: int = THIRD) -> cloudwatch.GraphWidget:
    """Lines over time."""
    return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), width=width, height=6)


def _metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=PERIOD,
        label="/".join(dimensions.values()) or name,
    )


def _lambda(names: Iterable[str], metric: str, statistic: str) -> Metrics:
    return [_metric("AWS/Lambda", metric, statistic, FunctionName=name) for name in names]


def _sqs(names: Iterable[str], metric: str, statistic: str = "Maximum") -> Metrics:
    return [_metric("AWS/SQS", metric, statistic, QueueName=name) for name in names]


def _dynamodb(stacks: Iterable[ServiceStack], metric: str) -> Metrics:
    """A metric of each service's table, and of its indexes, which are counted by themselves."""
    found: list[cloudwatch.IMetric] = []
    for stack in stacks:
        table = stack.stage.named(stack.service.name)
        found.append(_metric("AWS/DynamoDB", metric, "Sum", TableName=table))
        for index in stack.service.indexes:
            names = {"TableName": table, "GlobalSecondaryIndexName": index.name}
            found.append(_metric("AWS/DynamoDB", metric, "Sum", **names))
    return found


def _gigabyte_seconds(functions: Sequence[str], memory_mb: int) -> cloudwatch.IMetric:
    """What Lambda is paid for; all functions have the stage's memory."""
    times = {f"m{n}": metric for n, metric in enumerate(_lambda(functions, "Duration", "Sum"))}
    expression = f'SUM(METRICS("m")) / 1000 * {memory_mb / 1024}'
    return cloudwatch.MathExpression(expression=expression, using_metrics=times, label="GB-seconds", period=PERIOD)
