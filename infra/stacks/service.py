"""The stack of one service: its table, queues and functions. It depends on bus, API and users, on no other service."""

from collections.abc import Mapping, Sequence

import msgspec
from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import assets
from infra.application import Application
from infra.constructs.alarm import FIVE_MINUTES, MISSING_IS_GOOD, Alarm
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.constructs.queue import add_queue
from infra.constructs.table import add_table
from infra.discovery import ServiceFolder
from infra.stacks.api import ApiStack
from infra.stacks.base import ApplicationStack
from infra.stacks.bus import BusStack
from infra.stacks.users import UsersStack
from tidings.aws.names import QueueRole
from tidings.aws.personal_answers import lists_index
from tidings.core.contract import Contract
from tidings.core.strategy import Batched, Log, Observer, Projection, Strategy
from tidings.http.routes import Route

PERSONAL = "personal"
"""The role of the function by which a service tells of its entities of a person."""

READ_ACTIONS = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITE_ACTIONS = ("dynamodb:PutItem", "dynamodb:UpdateItem")


class ServiceStack(ApplicationStack):
    """Everything that belongs to one service, so that it can be deployed alone.

    The function `add_resources` in the service's `stack.py` adds what other services do not have.

    Attributes:
        service: The service's declaration.
        api: The stack of the API.
        users: The stack of the users.
        table: Its table.
        functions: Its functions by role: `consumer`, `relay`, `api`, `personal`, and those that `add_resources` adds.
        queues: The queues that its consumer uses.
        graphs: The service's graphs for the dashboard.
    """

    def __init__(
        self,
        scope: Construct,
        application: Application,
        folder: ServiceFolder,
        bus: BusStack,
        api: ApiStack,
        users: UsersStack,
    ) -> None:
        super().__init__(scope, folder.name, application, f"the service {folder.name}")
        self.service = folder.service
        self.api = api
        self.users = users
        self.functions: dict[str, Function] = {}
        self.queues: dict[QueueRole, sqs.Queue] = {}
        self.graphs: list[cloudwatch.GraphWidget] = []
        self._logged: list[str] = []
        self._folder = folder
        self._code = lambda_.Code.from_asset(str(assets.service_code(folder)))
        # Each stack has its own version of the layer: a shared one could not be replaced while other stacks import it.
        self._layer = lambda_.LayerVersion(
            self,
            "layer",
            description="The library tidings and the packages that it needs",
            code=lambda_.Code.from_asset(str(assets.layer(self.stage))),
            compatible_runtimes=[lambda_.Runtime(f"python{self.stage.python}", lambda_.RuntimeFamily.PYTHON)],
        )
        self.table = add_table(
            self,
            folder.name,
            sort_key=self.service.strategy.sort_key,
            indexes=self.service.indexes,
            stream=bool(self.service.announces),
            expires=self.service.expires,
        )
        self.add_output("Table", self.table.table_name)
        if self.service.consumes:
            self._add_consumer(bus)
        if self.service.announces:
            self._add_relay(bus)
        if folder.routes:
            self._add_api(folder.routes)
        if self.service.answers_about_people:
            self._add_personal()
        if folder.add_resources:
            folder.add_resources(self, application.settings)

    def add_function(
        self,
        role: str,
        handler: str,
        description: str,
        environment: Mapping[str, str],
        timeout: int | None = None,
        *,
        serves: bool = False,
    ) -> Function:
        """Add a function with the service's code. It has no rights yet.

        Args:
            role: The last part of the function's name.
            handler: The handler: `examples.helpdesk.services.desk.serve.handler`.
            description: The description on the console.
            environment: Its environment variables, besides those of every function.
            timeout: Its timeout in seconds; the stage's if omitted.
            serves: Whether it answers requests; see `Function`.
        """
        function = Function(
            self,
            role,
            stage=self.stage,
            description=description,
            handler=handler,
            code=self._code,
            layers=[self._layer],
            environment={
                "STAGE": self.stage.name,
                "SERVICE": self.name,
                "POWERTOOLS_SERVICE_NAME": self.name,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
            timeout=timeout,
            serves=serves,
        )
        self.functions[role] = function
        return function

    def alarm_on_event(self, name: str, contract: type[Contract], problem: str, *, critical: bool = False) -> None:
        """Add an alarm that is on when the service announces an event of a type, and have its relay log those events.

        Args:
            name: The alarm's name.
            contract: The contract of the event.
            problem: The problem, in one sentence.
            critical: Whether the composite alarm includes it.
        """
        self._logged.append(contract.__name__)
        self.functions["relay"].add_environment("LOGGED_EVENTS", ",".join(self._logged))
        Alarm(
            self,
            name,
            problem=problem,
            metric=self.metric(contract.__name__, "Sum", FIVE_MINUTES),
            threshold=0,
            missing=MISSING_IS_GOOD,
            critical=critical,
        )

    @property
    def concurrency(self) -> int:
        """The maximum number of the service's consumers at a time in this stage."""
        return self.stage.concurrency(self.service.concurrency)

    def rate_of_each_consumer(self, rate: int) -> int:
        """Return the number of calls that each consumer may make a second, given that of all consumers together.

        Raises:
            ValueError: If that is less than one. Then no spacing of each consumer's own calls keeps the rate.
        """
        if rate < self.concurrency:
            raise ValueError(f"{self.concurrency} consumers of {self.name} cannot share {rate} calls a second")
        return rate // self.concurrency

    def _add_consumer(self, bus: BusStack) -> None:
        stage, service = self.stage, self.service
        batch = stage.batch(service.strategy.batch)
        dlq = add_queue(self, "dlq", service.queue)
        queue = add_queue(self, "queue", service.queue, dlq=dlq, window=batch.seconds)
        self.queues = {"queue": queue, "dlq": dlq}
        self._subscribe(bus.topic, queue)
        environment = {
            "TABLE": self.table.table_name,
            "QUEUE": queue.queue_url,
            "DLQ": dlq.queue_url,
            "RETRY_POLICY": msgspec.json.encode(stage.retries).decode(),
        }
        handler = f"{self._folder.package}.consume.handler"
        if not (self._folder.folder / "consume.py").exists():
            handler = "tidings.aws.consume.handler"
            environment["SERVICE_MODULE"] = f"{self._folder.package}.service"
        consumer = self.add_function(
            "consumer", handler, f"Handles the events in the queue of {self.name}", environment
        )
        if actions := _consumer_actions(service.strategy):
            consumer.allow(*actions, on=[self.table.table_arn])
        consumer.allow(
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            on=[queue.queue_arn],
        )
        consumer.allow("sqs:SendMessage", on=[dlq.queue_arn])
        lambda_.EventSourceMapping(
            self,
            "consumer-mapping",
            target=consumer.live,
            event_source_arn=queue.queue_arn,
            batch_size=batch.size,
            # Lambda supports no window for FIFO queues (AWS Lambda API Reference, "CreateEventSourceMapping").
            max_batching_window=Duration.seconds(batch.seconds) if service.queue == "standard" else None,
            # This limits FIFO queues, too (AWS Lambda Developer Guide, "Configuring scaling behavior for SQS event
            # source mappings").
            max_concurrency=self.concurrency,
            report_batch_item_failures=True,
        )
        self.add_output("Queue", queue.queue_url)
        self.add_output("Dlq", dlq.queue_url)
        self.add_output("Function", consumer.function_name)

    def _subscribe(self, topic: sns.ITopic, queue: sqs.Queue) -> None:
        """Subscribe the queue to the service's event types, and keep the events that the topic cannot deliver."""
        undelivered = add_queue(self, "undelivered", "fifo")
        acknowledge(undelivered, "SQS3", "It is the dead-letter queue of the subscription.")
        self.add_output("Undelivered", undelivered.queue_url)
        types = sorted(contract.__name__ for contract in self.service.contracts)
        topic.add_subscription(
            subscriptions.SqsSubscription(
                queue,
                raw_message_delivery=True,
                filter_policy=(
                    None
                    if self.service.subscribes_to_all
                    else {"type": sns.SubscriptionFilter.string_filter(allowlist=types)}
                ),
                dead_letter_queue=undelivered,
            )
        )

    def _add_relay(self, bus: BusStack) -> None:
        stage = self.stage
        dlq = add_queue(self, "relay-dlq", "standard")
        relay = self.add_function(
            "relay",
            "tidings.aws.relay.handler",
            f"Publishes the outbox of {self.name}",
            {"TOPIC": bus.topic.topic_arn, "DLQ": dlq.queue_url},
        )
        stream = self.table.table_stream_arn
        if stream is None:
            raise ValueError(f"{self.name} announces events, and its table has no stream")
        relay.allow("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", on=[stream])
        self._allow_list_streams(relay)
        relay.allow("sns:Publish", on=[bus.topic.topic_arn])
        relay.allow("kms:GenerateDataKey", "kms:Decrypt", on=[bus.key.key_arn])
        acknowledge(dlq, "SQS3", "It is the dead-letter queue of the relay and of its stream mapping.")
        self.add_output("RelayDlq", dlq.queue_url)
        lambda_.EventSourceMapping(
            self,
            "relay-mapping",
            target=relay.live,
            event_source_arn=stream,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            filters=[
                lambda_.FilterCriteria.filter(
                    {
                        "eventName": ["INSERT", "MODIFY"],
                        "dynamodb": {"NewImage": {"announces": {"BOOL": [True]}}},
                    }
                )
            ],
            batch_size=stage.relay_batch_size,
            parallelization_factor=stage.relay_parallelism,
            bisect_batch_on_error=True,
            max_record_age=Duration.hours(stage.relay_record_age_hours),
            # This also lets the relay send what it refuses to the queue.
            on_failure=event_sources.SqsDlq(dlq),
            report_batch_item_failures=True,
        )

    def _allow_list_streams(self, relay: Function) -> None:
        relay.allow("dynamodb:ListStreams", on=[f"{self.table.table_arn}/stream/*"])
        table_id, _ = self.resolve(self.table.table_arn)["Fn::GetAtt"]
        acknowledge(
            relay.execution_role,
            f"IAM5[Resource::<{table_id}.Arn>/stream/*]",
            "Lambda lists the table's streams, and this action supports no single stream (Amazon DynamoDB Developer "
            "Guide, Using IAM, policy to access stream records). It returns the streams' names only.",
        )

    def _add_personal(self) -> None:
        """Add the function by which the service tells of its entities of a person."""
        function = self.add_function(
            PERSONAL,
            "tidings.aws.personal.handler",
            f"Tells what {self.name} stores of a person",
            {"TABLE": self.table.table_name, "SERVICE_MODULE": f"{self._folder.package}.service"},
        )
        function.allow("dynamodb:GetItem", "dynamodb:BatchGetItem", on=[self.table.table_arn])
        if self.service.list_of:
            function.allow("dynamodb:Query", on=[f"{self.table.table_arn}/index/{lists_index(self.service)}"])

    def _add_api(self, routes: Sequence[Route]) -> None:
        indexes = {index.variable: index.name for index in self.service.indexes}
        function = self.add_function(
            "api",
            f"{self._folder.package}.serve.handler",
            f"Serves the routes of {self.name}",
            {"TABLE": self.table.table_name, **indexes},
            serves=True,
        )
        arns = [f"{self.table.table_arn}/index/{name}" for name in indexes.values()]
        function.allow(*READ_ACTIONS, on=[self.table.table_arn, *arns])
        if any(route.method != "GET" for route in routes):
            function.allow(*WRITE_ACTIONS, on=[self.table.table_arn])
        integration = HttpLambdaIntegration("integration", function.live)
        for route in routes:
            added = apigateway.HttpRoute(
                self,
                route.key,
                http_api=self.api.http_api,
                route_key=apigateway.HttpRouteKey.with_(route.template, apigateway.HttpMethod[route.method]),
                integration=integration,
                authorizer=self.users.authorizer_of(route),
            )
            if route.open:
                acknowledge(added, "APIG4", f"{route.key} is declared open in the service's Api: it needs no token.")


def _consumer_actions(strategy: Strategy[object]) -> tuple[str, ...]:
    """Return the actions on the service's table that the strategy's executor needs."""
    match strategy:
        case Log():
            # An event's personal data is added to an item that other events of its subject have in common.
            return WRITE_ACTIONS
        case Observer():
            # Its function writes what it chooses, so the service's own `stack.py` allows it.
            return ()
        case Batched() | Projection():
            return ("dynamodb:GetItem", "dynamodb:BatchGetItem", *WRITE_ACTIONS)
        case _:
            return ("dynamodb:GetItem", *WRITE_ACTIONS)
