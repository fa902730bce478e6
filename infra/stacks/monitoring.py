"""The monitoring stack: the watch, the composite alarm over all critical alarms, and the stage's dashboard."""

from collections.abc import Iterable, Sequence

import msgspec
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import assets
from infra.application import Application
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_BAD, RUNBOOK, Alarm
from infra.constructs.function import Function
from infra.constructs.schedule import invoke_on_schedule
from infra.stacks.alarms import AlarmStack, add_alarms, reads_stream, role_of
from infra.stacks.api import ApiStack
from infra.stacks.base import ApplicationStack
from infra.stacks.service import ServiceStack
from tidings.aws.watch import RUN, SERVICE, WatchedService

MAX_CHILDREN = 100
"""Maximum number of alarms in a composite alarm (Amazon CloudWatch User Guide, "Create a composite alarm").

If there are more, the composite alarm is one over others.
"""

QUARTER, THIRD = 6, 8
"""Widths of a graph; a dashboard is 24 wide."""

Metrics = Sequence[cloudwatch.IMetric]


class MonitoringStack(ApplicationStack):
    """The watch, the dashboard and the composite alarm.

    They refer to services' resources by name, so the stack comes last.
    """

    def __init__(
        self,
        scope: Construct,
        application: Application,
        alarms: AlarmStack,
        api: ApiStack,
        services: Sequence[ServiceStack],
    ) -> None:
        super().__init__(scope, SERVICE, application, "the watch, the dashboard and the composite alarm")
        for service in services:
            self.add_stack_dependency(service)
        self._add_watch(services)
        add_alarms(self, alarms)
        # The emulator has no composite alarms.
        if not self.stage.emulated:
            self._add_composite_alarm(alarms, [api, *services, self])
        self._add_dashboard(api, services)

    def _add_watch(self, services: Sequence[ServiceStack]) -> None:
        """Add the function that looks for what stops events, its schedule, and the alarm that it does not run."""
        watched = [_watched(service) for service in services]
        stage = self.stage
        watch = Function(
            self,
            "watch",
            stage=stage,
            description="Looks for what stops events: event source mappings, streams, iterators",
            handler="function.handler",
            code=lambda_.Code.from_asset(str(assets.watch_function())),
            layers=[
                lambda_.LayerVersion(
                    self,
                    "layer",
                    description="The library tidings and the packages that it needs",
                    code=lambda_.Code.from_asset(str(assets.layer(stage))),
                    compatible_runtimes=[lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)],
                )
            ],
            environment={
                "STAGE": stage.name,
                "POWERTOOLS_SERVICE_NAME": self.name,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "PREFIX": self.application.resource_name(""),
                "WATCHED": msgspec.json.encode(watched).decode(),
                # As much time is left to repair the relay before it gives up the oldest event.
                "MAX_ITERATOR_SECONDS": str(stage.relay_record_age_hours * 3600 // 2),
            },
        )
        # These support no resource (Service Authorization Reference, AWS Lambda and Amazon CloudWatch).
        watch.allow("lambda:ListEventSourceMappings", "cloudwatch:GetMetricData", on=["*"])
        tables = [service.table for service in watched if service.relays]
        if tables:
            arns = [self.format_arn(service="dynamodb", resource="table", resource_name=name) for name in tables]
            watch.allow("dynamodb:DescribeTable", on=arns)
        invoke_on_schedule(self, "watch", watch, "Runs the watch over mappings, streams and iterators", FIVE_MINUTES)
        Alarm(
            self,
            "watch-missing",
            problem="No run of the watch has finished for a quarter of an hour.",
            metric=self.metric(RUN, "SampleCount", FIVE_MINUTES),
            threshold=1,
            missing=MISSING_IS_BAD,
            periods=(3, 3),
            below=True,
            critical=True,
        )

    def _add_composite_alarm(self, alarms: AlarmStack, stacks: Iterable[ApplicationStack]) -> None:
        critical = [alarm.full_name for stack in stacks for alarm in stack.alarms if alarm.critical]
        groups = [critical[start : start + MAX_CHILDREN] for start in range(0, len(critical), MAX_CHILDREN)]
        if len(groups) == 1:
            composite = self._composite_alarm("critical", critical)
        else:
            parts = [self._composite_alarm(f"critical-{n}", group) for n, group in enumerate(groups, 1)]
            names = [self.application.resource_name(f"critical-{n}") for n, _ in enumerate(groups, 1)]
            composite = self._composite_alarm("critical", names)
            composite.node.add_dependency(*parts)
        action = actions.SnsAction(alarms.topic)
        composite.add_alarm_action(action)
        composite.add_ok_action(action)

    def _composite_alarm(self, name: str, children: Iterable[str]) -> cloudwatch.CompositeAlarm:
        """Add a composite alarm that is on while any of its children is, by their names."""
        return cloudwatch.CompositeAlarm(
            self,
            name,
            composite_alarm_name=self.application.resource_name(name),
            alarm_description=(
                "A critical alarm is on: events or work may be lost. The alarms behind this one name the cause. "
                f"See {RUNBOOK}#critical"
            ),
            alarm_rule=cloudwatch.AlarmRule.from_string(" OR ".join(f'ALARM("{child}")' for child in children)),
        )

    def _add_dashboard(self, api: ApiStack, services: Sequence[ServiceStack]) -> None:
        dashboard = cloudwatch.Dashboard(
            self, "dashboard", dashboard_name=self.application.resource_name(), default_interval=Duration.hours(3)
        )
        queues = _queues(services)
        consumed = {name: queue for name, queue in queues.items() if queue.dead_letter_queue}
        dead_letters = [name for name in queues if name not in consumed]
        functions = _functions([api, *services, self])
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


def _watched(stack: ServiceStack) -> WatchedService:
    """Return what the watch must know of a service, by the literal names of its resources."""
    mappings = [each for each in stack.node.find_all() if isinstance(each, lambda_.CfnEventSourceMapping)]
    table = stack.table.node.default_child
    return WatchedService(
        stack.name,
        tuple(role_of(mapping) for mapping in mappings if not reads_stream(mapping)),
        tuple(role_of(mapping) for mapping in mappings if reads_stream(mapping)),
        str(table.table_name) if isinstance(table, dynamodb.CfnTable) else "",
    )


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
        table = stack.application.table_name(stack.name)
        found.append(_metric("AWS/DynamoDB", metric, "Sum", TableName=table))
        for index in stack.service.indexes:
            names = {"TableName": table, "GlobalSecondaryIndexName": index.name}
            found.append(_metric("AWS/DynamoDB", metric, "Sum", **names))
    return found


def _gigabyte_seconds(functions: Sequence[str], memory_mb: int) -> cloudwatch.IMetric:
    """Return what Lambda charges for. All functions have the stage's memory."""
    times = {f"m{n}": metric for n, metric in enumerate(_lambda(functions, "Duration", "Sum"))}
    expression = f'SUM(METRICS("m")) / 1000 * {memory_mb / 1024}'
    return cloudwatch.MathExpression(expression=expression, using_metrics=times, label="GB-seconds", period=MINUTE)
