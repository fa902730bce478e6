"""The monitoring stack: the composite alarm over all critical alarms, and the stage's dashboard."""

from collections.abc import Iterable, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.application import Application
from infra.constructs.alarm import MINUTE, RUNBOOK
from infra.stacks.alarms import AlarmStack
from infra.stacks.api import ApiStack
from infra.stacks.base import ApplicationStack
from infra.stacks.service import ServiceStack

MAX_CHILDREN = 100
"""Maximum number of alarms in a composite alarm (Amazon CloudWatch User Guide, "Create a composite alarm")."""

QUARTER, THIRD = 6, 8
"""Widths of a graph; a dashboard is 24 wide."""

Metrics = Sequence[cloudwatch.IMetric]


class MonitoringStack(ApplicationStack):
    """The dashboard and the composite alarm. They refer to services' resources by name, so the stack comes last."""

    def __init__(
        self,
        scope: Construct,
        application: Application,
        alarms: AlarmStack,
        api: ApiStack,
        services: Sequence[ServiceStack],
    ) -> None:
        super().__init__(scope, "monitoring", application, "the dashboard and the composite alarm")
        for service in services:
            self.add_stack_dependency(service)
        # The emulator has no composite alarms.
        if not self.stage.emulated:
            self._add_composite_alarm(alarms, [api, *services])
        self._add_dashboard(api, services)

    def _add_composite_alarm(self, alarms: AlarmStack, stacks: Iterable[ApplicationStack]) -> None:
        critical = [alarm.full_name for stack in stacks for alarm in stack.alarms if alarm.critical]
        if len(critical) > MAX_CHILDREN:
            raise ValueError(f"a composite alarm has {MAX_CHILDREN} alarms at most; these are {len(critical)}")
        composite = cloudwatch.CompositeAlarm(
            self,
            "critical",
            composite_alarm_name=self.application.resource_name("critical"),
            alarm_description=(
                "A critical alarm is on: events or work may be lost. The alarms behind this one name the cause. "
                f"See {RUNBOOK}#critical"
            ),
            alarm_rule=cloudwatch.AlarmRule.from_string(" OR ".join(f'ALARM("{name}")' for name in critical)),
        )
        action = actions.SnsAction(alarms.topic)
        composite.add_alarm_action(action)
        composite.add_ok_action(action)

    def _add_dashboard(self, api: ApiStack, services: Sequence[ServiceStack]) -> None:
        dashboard = cloudwatch.Dashboard(
            self, "dashboard", dashboard_name=self.application.resource_name(), default_interval=Duration.hours(3)
        )
        queues = _queues(services)
        consumed = {name: queue for name, queue in queues.items() if queue.dead_letter_queue}
        dead_letters = [name for name in queues if name not in consumed]
        functions = _functions([api, *services])
        published = [
            service.metric(contract.__name__, "Sum", MINUTE)
            for service in services
            for contract in service.service.announces
        ]
        # As `highlights` lists them, whichever service publishes them.
        highlights = [
            metric for name in self.application.highlights for metric in published if metric.metric_name == name
        ]
        others = [metric for metric in published if metric.metric_name not in self.application.highlights]
        for row in (
            _flow(api, functions, highlights or published),
            _events(highlights, others),
            [graph for service in services for graph in service.graphs],
            [
                _graph("Consumers: age of the oldest message (s)", _sqs(consumed, "ApproximateAgeOfOldestMessage")),
                _graph("Consumers: waiting messages", _sqs(consumed, "ApproximateNumberOfMessagesVisible")),
                _graph("Dead letters", _sqs(dead_letters, "ApproximateNumberOfMessagesVisible")),
            ],
            _performance(api, services, functions),
            self._cost(services, functions, consumed),
        ):
            dashboard.add_widgets(*row)

    def _cost(
        self, services: Sequence[ServiceStack], functions: Sequence[str], consumed: Iterable[str]
    ) -> list[cloudwatch.IWidget]:
        topic = f"{self.application.resource_name()}.fifo"
        published = _metric("AWS/SNS", "NumberOfMessagesPublished", "Sum", TopicName=topic)
        return [
            _graph("Cost: Lambda, GB-seconds", [_gigabyte_seconds(functions, self.stage.memory_mb)]),
            _graph(
                "Cost: DynamoDB, consumed write and read units",
                _dynamodb(services, "ConsumedWriteCapacityUnits"),
                right=_dynamodb(services, "ConsumedReadCapacityUnits"),
            ),
            _graph("Cost: messages", [*_sqs(consumed, "NumberOfMessagesSent", "Sum"), published]),
        ]


def _flow(api: ApiStack, functions: Iterable[str], events: Metrics) -> list[cloudwatch.IWidget]:
    """Return the graphs that follow a request through the application."""
    relays = [name for name in functions if name.endswith("-relay")]
    consumers = [name for name in functions if name.endswith("-consumer")]
    http = api.http_api
    requests = [
        count(statistic="Sum") for count in (http.metric_count, http.metric_client_error, http.metric_server_error)
    ]
    return [
        _graph("1. Requests", requests, width=QUARTER),
        _graph("2. Events", events, width=QUARTER),
        _graph("3. Relays: lag behind their tables (ms)", _lambda(relays, "IteratorAge", "Maximum"), width=QUARTER),
        _graph("4. Consumers: invocations", _lambda(consumers, "Invocations", "Sum"), width=QUARTER),
    ]


def _events(highlights: Metrics, others: Metrics) -> list[cloudwatch.IWidget]:
    if not highlights:
        return []
    return [
        cloudwatch.SingleValueWidget(
            title="Events in the whole period",
            metrics=list(highlights),
            width=THIRD,
            height=6,
            set_period_to_time_range=True,
        ),
        _graph("Other published events", others),
    ]


def _performance(api: ApiStack, services: Iterable[ServiceStack], functions: Iterable[str]) -> list[cloudwatch.IWidget]:
    latencies = [api.http_api.metric_latency(statistic=percentile) for percentile in ("p50", "p90", "p99")]
    return [
        _graph("API: latency (ms)", latencies, width=QUARTER),
        _graph("Functions: longest runs (ms)", _lambda(functions, "Duration", "Maximum"), width=QUARTER),
        _graph(
            "Functions: errors and throttles",
            _lambda(functions, "Errors", "Sum"),
            right=_lambda(functions, "Throttles", "Sum"),
            width=QUARTER,
        ),
        _graph(
            "DynamoDB: throttled reads and writes",
            _dynamodb(services, "ReadThrottleEvents"),
            right=_dynamodb(services, "WriteThrottleEvents"),
            width=QUARTER,
        ),
    ]


def _queues(stacks: Iterable[ApplicationStack]) -> dict[str, sqs.Queue]:
    """Return the stacks' queues by their literal names. A reference would make the stacks depend on each other."""
    return {
        str(child.queue_name): construct
        for stack in stacks
        for construct in stack.node.find_all()
        if isinstance(construct, sqs.Queue) and isinstance(child := construct.node.default_child, sqs.CfnQueue)
    }


def _functions(stacks: Iterable[ApplicationStack]) -> list[str]:
    """Return the literal names of the stacks' functions."""
    return [
        str(child.function_name)
        for stack in stacks
        for construct in stack.node.find_all()
        if isinstance(construct, lambda_.Function)
        and isinstance(child := construct.node.default_child, lambda_.CfnFunction)
    ]


def _graph(title: str, left: Metrics, right: Metrics = (), *, width: int = THIRD) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), width=width, height=6)


def _metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=MINUTE,
        label="/".join(dimensions.values()) or name,
    )


def _lambda(names: Iterable[str], metric: str, statistic: str) -> Metrics:
    return [_metric("AWS/Lambda", metric, statistic, FunctionName=name) for name in names]


def _sqs(names: Iterable[str], metric: str, statistic: str = "Maximum") -> Metrics:
    return [_metric("AWS/SQS", metric, statistic, QueueName=name) for name in names]


def _dynamodb(stacks: Iterable[ServiceStack], metric: str) -> Metrics:
    """Return a metric of each service's table and of its indexes, which DynamoDB reports separately."""
    found: list[cloudwatch.IMetric] = []
    for stack in stacks:
        found.append(_metric("AWS/DynamoDB", metric, "Sum", TableName=stack.stack_name))
        for index in stack.service.indexes:
            names = {"TableName": stack.stack_name, "GlobalSecondaryIndexName": index.name}
            found.append(_metric("AWS/DynamoDB", metric, "Sum", **names))
    return found


def _gigabyte_seconds(functions: Sequence[str], memory_mb: int) -> cloudwatch.IMetric:
    """Return what Lambda charges for. All functions have the stage's memory."""
    times = {f"m{n}": metric for n, metric in enumerate(_lambda(functions, "Duration", "Sum"))}
    expression = f'SUM(METRICS("m")) / 1000 * {memory_mb / 1024}'
    return cloudwatch.MathExpression(expression=expression, using_metrics=times, label="GB-seconds", period=MINUTE)
