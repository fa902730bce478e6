"""The topic, the queues, the subscriptions and the event source mappings."""

import json
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aws_cdk import App

from infra.build import build
from infra.discovery import ROOT, ServiceFolder, discover_services
from infra.shop import SETTINGS, shop
from infra.stages import STAGES, Stage
from tests.infra.synthesis import CONTEXT, Resource, Synthesis
from tidings.handling.retries import RetryPolicy

DEAD_LETTER_ROLES = ("dlq", "relay-dlq", "undelivered")


def queues(synthesis: Synthesis) -> list[Resource]:
    """Return the queues from which services consume."""
    return [queue for queue in synthesis.resources("AWS::SQS::Queue") if role(queue) == "queue"]


def subscriptions(synthesis: Synthesis) -> list[Resource]:
    """Return the services' subscriptions, without those of the alarms."""
    return [each for each in synthesis.resources("AWS::SNS::Subscription") if each.stack != "alarms"]


def role(queue: Resource) -> str:
    name = queue.properties["QueueName"].removesuffix(".fifo")
    return next((role for role in DEAD_LETTER_ROLES if name.endswith(f"{queue.stack}-{role}")), "queue")


def test_every_service_that_handles_events_has_a_queue_of_its_kind(
    dev: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    kinds = {queue.stack: queue.properties.get("FifoQueue", False) for queue in queues(dev)}
    assert kinds == {found.name: found.service.queue == "fifo" for found in services if found.service.consumes}


def test_a_message_that_ends_its_function_goes_to_a_dead_letter_queue_of_the_same_kind(prod: Synthesis) -> None:
    for queue in queues(prod):
        policy = queue.properties["RedrivePolicy"]
        assert policy["maxReceiveCount"] == 100
        dead = prod.templates[queue.stack]["Resources"][policy["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
        assert dead["QueueName"].removesuffix(".fifo").endswith("-dlq")
        assert dead.get("FifoQueue") == queue.properties.get("FifoQueue")


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_a_message_that_waits_reaches_its_longest_wait_before_the_queue_gives_it_up(stage: Stage) -> None:
    policy, age, receives = stage.retries, 0, 1
    while age < policy.wait or receives < policy.receives:
        age += policy.delay(receives, at_least=0, randomness=0.0)
        receives += 1
    assert receives < stage.max_receives


@pytest.mark.parametrize("stage", STAGES.values(), ids=lambda stage: stage.name)
def test_a_consumers_environment_has_the_stages_retry_policy(stage: Stage, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage.name)
    for function in synthesis.resources("AWS::Lambda::Function"):
        if function.properties["FunctionName"].endswith("-consumer"):
            policy = function.properties["Environment"]["Variables"]["RETRY_POLICY"]
            assert msgspec.json.decode(policy, type=RetryPolicy) == stage.retries


def test_every_queue_keeps_messages_for_fourteen_days_and_encrypts_them(prod: Synthesis) -> None:
    for queue in prod.resources("AWS::SQS::Queue"):
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue.properties["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_a_message_is_hidden_for_at_least_six_times_the_functions_timeout(
    stage: str, request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    for queue in queues(synthesis):
        consumer = synthesis.only(
            queue.stack, "AWS::Lambda::Function", FunctionName=f"tidings-{stage}-{queue.stack}-consumer"
        )
        assert queue.properties["VisibilityTimeout"] >= 6 * consumer.properties["Timeout"]


def test_topic_and_fifo_queues_have_high_throughput_and_never_deduplicate_by_content(prod: Synthesis) -> None:
    topic = prod.only("bus", "AWS::SNS::Topic").properties
    assert topic["FifoTopic"] is True
    assert topic["FifoThroughputScope"] == "MessageGroup"
    assert topic["ContentBasedDeduplication"] is False
    for queue in prod.resources("AWS::SQS::Queue"):
        if queue.properties.get("FifoQueue"):
            assert queue.properties["DeduplicationScope"] == "messageGroup"
            assert queue.properties["FifoThroughputLimit"] == "perMessageGroupId"
            assert queue.properties["ContentBasedDeduplication"] is False


def test_a_subscription_filters_the_types_that_the_service_handles(
    dev: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    filters = {subscription.stack: subscription.properties.get("FilterPolicy") for subscription in subscriptions(dev)}
    assert filters == {
        found.name: (
            None
            if found.service.subscribes_to_all
            else {"type": sorted(contract.__name__ for contract in found.service.contracts)}
        )
        for found in services
        if found.service.consumes
    }


def test_subscriptions_deliver_raw_messages_and_keep_undeliverable_ones_in_a_fifo_queue(prod: Synthesis) -> None:
    for subscription in subscriptions(prod):
        assert subscription.properties["RawMessageDelivery"] is True
        target = subscription.properties["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        dead = prod.templates[subscription.stack]["Resources"][target]["Properties"]
        assert dead["FifoQueue"] is True
        assert "RedrivePolicy" not in dead


def test_topic_and_queues_refuse_plain_http_on_aws(prod: Synthesis) -> None:
    policies = prod.resources("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    denied = [
        policy
        for policy in policies
        if any(
            statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy.properties["PolicyDocument"]["Statement"]
        )
    ]
    assert len(denied) == len(prod.resources("AWS::SQS::Queue", "AWS::SNS::Topic"))


def test_the_topic_is_encrypted_with_a_key_that_rotates(prod: Synthesis) -> None:
    assert "KmsMasterKeyId" in prod.only("bus", "AWS::SNS::Topic").properties
    assert prod.only("bus", "AWS::KMS::Key").properties["EnableKeyRotation"] is True


def mapping(synthesis: Synthesis, found: ServiceFolder, function: str) -> Resource:
    return synthesis.mapping(found.name, function)


def test_a_consumer_reports_failed_messages_and_has_its_declared_batch_and_concurrency(
    prod: Synthesis, consumers: tuple[ServiceFolder, ...]
) -> None:
    for found in consumers:
        settings = mapping(prod, found, "consumer").properties
        assert settings["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        batch = found.service.strategy.batch
        assert settings["BatchSize"] == (batch.size if batch else 10)
        assert settings["ScalingConfig"] == {"MaximumConcurrency": found.service.concurrency}
        assert ("MaximumBatchingWindowInSeconds" in settings) == (found.service.queue == "standard")


def test_a_services_concurrency_is_capped_by_its_stage(local: Synthesis, consumers: tuple[ServiceFolder, ...]) -> None:
    cap = STAGES["local"].max_concurrency
    assert any(found.service.concurrency > cap for found in consumers)
    for found in consumers:
        scaling = mapping(local, found, "consumer").properties["ScalingConfig"]
        assert scaling == {"MaximumConcurrency": min(found.service.concurrency, cap)}


def test_every_service_with_a_queue_declares_its_concurrency(services: tuple[ServiceFolder, ...]) -> None:
    helpdesk = ROOT / "examples" / "helpdesk"
    for found in (*services, *discover_services(helpdesk / "services", helpdesk / "contracts")):
        if found.service.consumes:
            declaration = (found.folder / "service.py").read_text()
            assert re.search(rf"^ +concurrency={found.service.concurrency},$", declaration, re.MULTILINE), found.name


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("service", "variable", "setting"),
    [("payment", "GATEWAY_RATE", "gateway_rate"), ("notification", "MAIL_RATE", "mail_rate")],
)
def test_all_functions_that_call_a_provider_together_keep_the_stages_rate(
    stage: str, service: str, variable: str, setting: str, request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    consumer = synthesis.function(service, "consumer")
    target = synthesis.mapping(service, "consumer")
    concurrency = target.properties["ScalingConfig"]["MaximumConcurrency"]
    rate = float(consumer.properties["Environment"]["Variables"][variable])
    # Of the scheduled function one run is at work at a time, because it ends before the next one begins. The API asks
    # the gateway only for approvals, and each of its instances for one at a time.
    others = sum(
        float(each.properties["Environment"]["Variables"].get(variable, 0))
        for each in synthesis.resources("AWS::Lambda::Function")
        if each.stack == service and each.id != consumer.id
    )
    assert rate >= 1
    assert rate * concurrency + others <= getattr(SETTINGS[stage], setting) < (rate + 1) * concurrency + others


def test_a_rate_that_the_consumers_cannot_share_is_refused(tmp_path: Path) -> None:
    settings = replace(SETTINGS["prod"], gateway_rate=10)
    with pytest.raises(ValueError, match="10 consumers of payment cannot share 8 calls a second"):
        build(App(context=CONTEXT, outdir=str(tmp_path)), shop(STAGES["prod"], settings))


def test_a_declared_batch_has_its_window_and_its_queue_hides_messages_for_that_much_longer(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        if batch := found.service.strategy.batch:
            settings = mapping(prod, found, "consumer").properties
            assert settings["MaximumBatchingWindowInSeconds"] == batch.seconds
            # Without a window Lambda delivers ten messages at most.
            assert batch.seconds >= 1 or batch.size <= 10
            (queue,) = [queue for queue in queues(prod) if queue.stack == found.name]
            assert queue.properties["VisibilityTimeout"] >= 6 * STAGES["prod"].timeout + batch.seconds


def test_a_stage_that_does_not_wait_has_batches_of_ten_at_most(
    local: Synthesis, consumers: tuple[ServiceFolder, ...]
) -> None:
    for found in consumers:
        settings = mapping(local, found, "consumer").properties
        assert settings["BatchSize"] <= 10
        assert settings.get("MaximumBatchingWindowInSeconds", 0) == 0


def test_no_function_has_reserved_concurrency(prod: Synthesis) -> None:
    for function in prod.resources("AWS::Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in function.properties


def test_a_table_has_a_stream_if_and_only_if_its_service_announces_events(
    dev: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        table = dev.only(found.name, "AWS::DynamoDB::Table", TableName=f"tidings-dev-{found.name}")
        stream = table.properties.get("StreamSpecification")
        assert stream == ({"StreamViewType": "NEW_AND_OLD_IMAGES"} if found.service.announces else None)


def test_a_relay_receives_announcing_writes_and_has_a_dead_letter_queue(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        if not found.service.announces:
            continue
        settings = mapping(prod, found, "relay").properties
        assert settings["StartingPosition"] == "TRIM_HORIZON"
        assert settings["BatchSize"] == 100
        assert settings["BisectBatchOnFunctionError"] is True
        assert settings["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        # Without a maximum number of retries, a failed record is retried until it is too old.
        assert "MaximumRetryAttempts" not in settings
        assert settings["MaximumRecordAgeInSeconds"] == 12 * 3600
        (pattern,) = settings["FilterCriteria"]["Filters"]
        assert json.loads(pattern["Pattern"]) == {
            "eventName": ["INSERT", "MODIFY"],
            "dynamodb": {"NewImage": {"announces": {"BOOL": [True]}}},
        }
        target = settings["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        dead_letters = prod.templates[found.name]["Resources"][target]["Properties"]
        assert dead_letters["QueueName"] == f"tidings-prod-{found.name}-relay-dlq"


def test_bounces_and_rejections_reach_notifications_queue(prod: Synthesis) -> None:
    reports = prod.only("notification", "AWS::SES::ConfigurationSetEventDestination").properties["EventDestination"]
    assert reports["MatchingEventTypes"] == ["bounce", "reject"]
    rule = prod.only("notification", "AWS::Events::Rule").properties
    configuration_set = prod.only("notification", "AWS::SES::ConfigurationSet").id
    assert rule["EventPattern"]["detail"]["mail"]["tags"] == {"ses:configuration-set": [{"Ref": configuration_set}]}
    (target,) = rule["Targets"]
    queue = prod.only("notification", "AWS::SQS::Queue", QueueName="tidings-prod-notification")
    assert target["Arn"] == {"Fn::GetAtt": [queue.id, "Arn"]}
    assert "InputPath" not in target
