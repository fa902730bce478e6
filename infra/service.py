"""A service's stack: its table, its queue and its functions. It knows topic and API, and no other service."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import assets
from infra.api import ApiStack
from infra.bus import BusStack
from infra.function import Function
from infra.nag import acknowledge
from infra.queue import queue
from infra.services import Found
from infra.stack import StageStack
from infra.stages import Stage
from infra.table import table
from tidings.routes import Route
from tidings.service import Service

QueueRole = Literal["queue", "dlq"]

READ = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
WRITE = ("dynamodb:PutItem", "dynamodb:UpdateItem")


class ServiceStack(StageStack):
    """Everything that is one service's own, so that it deploys alone.

    `table` is its table, `functions` what runs for it, `queues` what it consumes from. A service that needs more
    has a `stack.py` in its folder, whose `extend` adds it.
    """

    def __init__(self, scope: Construct, stage: Stage, found: Found, bus: BusStack, api: ApiStack) -> None:
        super().__init__(scope, found.name, stage, f"Tidings: the service {found.name}")
        self.service = found.service
        self.functions: dict[str, Function] = {}
        self.queues: dict[QueueRole, sqs.Queue] = {}
        self._code = lambda_.Code.from_asset(str(assets.code(found.folder)))
        # A layer of each stack's own: a version shared by all could not be replaced while others import it.
        self._layer = lambda_.LayerVersion(
            self,
            "layer",
            description="The runtime of Tidings and the packages that it needs",
            code=lambda_.Code.from_asset(str(assets.layer(stage))),
            compatible_runtimes=[lambda_.Runtime(f"python{stage.python}", lambda_.RuntimeFamily.PYTHON)],
        )
        self.table = table(
            self,
            found.name,
            sort_key=self.service.sort_key,
            indexes=self.service.indexes,
            stream=bool(self.service.announces),
        )
        self.output("Table", self.table.table_name)
        if self.service.consumes:
            self._consume(bus)
        if self.service.announces:
            self._relay(bus)
        if found.routes:
            self._serve(found.routes, api)
        if found.extend:
            found.extend(self)

    @property
    def data(self) -> dict[str, str]:
        """What a function that reads table and indexes is told of them."""
        return {"TABLE": self.table.table_name} | {index.variable: index.name for index in self.service.indexes}

    def function(self, role: str, handler: str, description: str, environment: Mapping[str, str]) -> Function:
        """Adds a function with the service's code, which may do nothing yet."""
        name = self.service.name
        made = Function(
            self,
            role,
            stage=self.stage,
            description=description,
            handler=handler,
            code=self._code,
            layers=[self._layer],
            environment={
                "STAGE": self.stage.name,
                "SERVICE": name,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
        )
        self.functions[role] = made
        return made

    def _consume(self, bus: BusStack) -> None:
        stage, service = self.stage, self.service
        dlq = queue(self, "dlq", service.queue)
        size, window, consumers = _batching(stage, service)
        inbox = queue(self, "queue", service.queue, dlq=dlq, window=window)
        self.queues = {"queue": inbox, "dlq": dlq}
        self._subscribe(bus.topic, inbox)
        consumer = self.function(
            "consumer",
            f"functions.{service.name}.consume.handler",
            f"Reacts to what reaches the queue of {service.name}",
            {
                "TABLE": self.table.table_name,
                "QUEUE": inbox.queue_url,
                "DLQ": dlq.queue_url,
                "MAX_RECEIVES": str(stage.max_receives),
                "BACKOFF_SECONDS": str(stage.backoff),
            },
        )
        # What folds into counters has a second key, and reads a batch's orders together.
        read = "dynamodb:BatchGetItem" if service.sort_key else "dynamodb:GetItem"
        # What records everything only ever adds to its table.
        changes = ("dynamodb:PutItem",) if service.subscribes_to_all else (read, *WRITE)
        consumer.allow(*changes, on=[self.table.table_arn])
        consumer.allow(
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            on=[inbox.queue_arn],
        )
        consumer.allow("sqs:SendMessage", on=[dlq.queue_arn])
        lambda_.EventSourceMapping(
            self,
            "consumer-mapping",
            target=consumer,
            event_source_arn=inbox.queue_arn,
            batch_size=size,
            # SQS gives FIFO queues no window (AWS Lambda API Reference, "CreateEventSourceMapping").
            max_batching_window=Duration.seconds(window) if service.queue == "standard" else None,
            max_concurrency=consumers,
            report_batch_item_failures=True,
        )
        self.output("Queue", inbox.queue_url)
        self.output("Dlq", dlq.queue_url)
        self.output("Function", consumer.function_name)

    def _subscribe(self, topic: sns.ITopic, inbox: sqs.Queue) -> None:
        """Asks for the events that the service reacts to; keeps those that the topic cannot deliver."""
        undelivered = queue(self, "undelivered", "fifo")
        acknowledge(undelivered, "SQS3", "It is a dead-letter queue: that of the subscription.")
        self.output("Undelivered", undelivered.queue_url)
        types = sorted(contract.__name__ for contract in self.service.reactions)
        topic.add_subscription(
            subscriptions.SqsSubscription(
                inbox,
                raw_message_delivery=True,
                filter_policy=(
                    None
                    if self.service.subscribes_to_all
                    else {"type": sns.SubscriptionFilter.string_filter(allowlist=types)}
                ),
                dead_letter_queue=undelivered,
            )
        )

    def _relay(self, bus: BusStack) -> None:
        stage, service = self.stage, self.service
        relay = self.function(
            "relay",
            "tidings.relaying.handler",
            f"Publishes what {service.name} has announced",
            {"TOPIC": bus.topic.topic_arn},
        )
        stream = self.table.table_stream_arn
        if stream is None:
            raise ValueError(f"{service.name} announces events, and its table has no stream")
        relay.allow("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", on=[stream])
        self._allow_list_streams(relay)
        relay.allow("sns:Publish", on=[bus.topic.topic_arn])
        relay.allow("kms:GenerateDataKey", "kms:Decrypt", on=[bus.key.key_arn])
        given_up = queue(self, "relay-dlq", "standard")
        acknowledge(given_up, "SQS3", "It is a dead-letter queue: that of the relay's stream mapping.")
        self.output("RelayDlq", given_up.queue_url)
        lambda_.EventSourceMapping(
            self,
            "relay-mapping",
            target=relay,
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
            on_failure=event_sources.SqsDlq(given_up),
            report_batch_item_failures=True,
        )

    def _allow_list_streams(self, relay: Function) -> None:
        relay.allow("dynamodb:ListStreams", on=[f"{self.table.table_arn}/stream/*"])
        table_id, _ = self.resolve(self.table.table_arn)["Fn::GetAtt"]
        acknowledge(
            relay.execution_role,
            f"IAM5[Resource::<{table_id}.Arn>/stream/*]",
            "Lambda lists the table's streams, and no single one can be named for that (Amazon DynamoDB Developer "
            "Guide, Using IAM, policy to access stream records); it tells their names alone.",
        )

    def _serve(self, routes: Sequence[Route], api: ApiStack) -> None:
        name = self.service.name
        server = self.function(
            "api",
            f"functions.{name}.serve.handler",
            f"Answers what is asked of {name} over HTTP",
            self.data,
        )
        indexes = [f"{self.table.table_arn}/index/{index.name}" for index in self.service.indexes]
        server.allow(*READ, on=[self.table.table_arn, *indexes])
        if any(route.method != "GET" for route in routes):
            server.allow(*WRITE, on=[self.table.table_arn])
        integration = HttpLambdaIntegration("integration", server)
        for route in routes:
            added = apigateway.HttpRoute(
                self,
                route.key,
                http_api=api.http_api,
                route_key=apigateway.HttpRouteKey.with_(route.path, apigateway.HttpMethod[route.method]),
                integration=integration,
                authorizer=None if route.open else api.authorizer,
            )
            if route.open:
                acknowledge(
                    added,
                    "APIG4",
                    f"{route.key} is for everyone, as the design has it: it shows what the shop sells.",
                )


def _batching(stage: Stage, service: Service[Any]) -> tuple[int, int, int]:
    """The messages of a batch, the seconds that it is waited for, and how many consumers there are at once."""
    asked = service.batching
    if asked is None:
        return stage.batch_size, stage.batch_window, stage.max_concurrency
    consumers = min(asked.consumers or stage.max_concurrency, stage.max_concurrency)
    # Without a window a batch has ten at most (AWS Lambda API Reference, "CreateEventSourceMapping").
    return (asked.size, asked.seconds, consumers) if stage.batch_window else (stage.batch_size, 0, consumers)
