"""The topic, the queues, the subscriptions and the mappings."""

import json

import pytest

from infra.services import Found
from infra.stages import STAGES
from tests.infra.synthesis import Resource, Synthesis

DEAD_LETTER_ROLES = ("dlq", "relay-dlq", "undelivered")


def queues(synthesis: Synthesis) -> list[Resource]:
    """The services' own queues."""
    return [queue for queue in synthesis.resources("AWS::SQS::Queue") if role(queue) == "queue"]


def subscriptions(synthesis: Synthesis) -> list[Resource]:
    """The services' own, and not those of who is told of alarms."""
    return [each for each in synthesis.resources("AWS::SNS::Subscription") if each.stack != "alarms"]


def role(queue: Resource) -> str:
    name = queue.properties["QueueName"].removesuffix(".fifo")
    return next((role for role in DEAD_LETTER_ROLES if name.endswith(f"{queue.stack}-{role}")), "queue")


def test_every_service_that_reacts_has_a_queue_of_its_kind(dev: Synthesis, services: tuple[Found, ...]) -> None:
    kinds = {queue.stack: queue.properties.get("FifoQueue", False) for queue in queues(dev)}
    assert kinds == {found.name: found.service.queue == "fifo" for found in services if found.service.consumes}


def test_a_message_goes_to_a_dead_letter_queue_of_the_same_kind_after_five_receives(prod: Synthesis) -> None:
    for queue in queues(prod):
        policy = queue.properties["RedrivePolicy"]
        assert policy["maxReceiveCount"] == 5
        dead = prod.templates[queue.stack]["Resources"][policy["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]
        assert dead["QueueName"].removesuffix(".fifo").endswith("-dlq")
        assert dead.get("FifoQueue") == queue.properties.get("FifoQueue")


def test_every_queue_keeps_messages_for_fourteen_days_and_encrypts_them(prod: Synthesis) -> None:
    for queue in prod.resources("AWS::SQS::Queue"):
        assert queue.properties["MessageRetentionPeriod"] == 14 * 24 * 3600
        assert queue.properties["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_a_message_stays_hidden_for_six_times_as_long_as_its_function_may_run(
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


def test_a_subscription_lets_through_just_what_the_service_reacts_to(
    dev: Synthesis, services: tuple[Found, ...]
) -> None:
    asked = {subscription.stack: subscription.properties.get("FilterPolicy") for subscription in subscriptions(dev)}
    assert asked == {
        found.name: (
            None
            if found.service.subscribes_to_all
            else {"type": sorted(contract.__name__ for contract in found.service.reactions)}
        )
        for found in services
        if found.service.consumes
    }


def test_subscriptions_deliver_raw_and_have_a_fifo_queue_for_what_cannot_be_delivered(prod: Synthesis) -> None:
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


def mapping(synthesis: Synthesis, found: Found, function: str) -> Resource:
    name = f"tidings-{synthesis.stage}-{found.name}-{function}"
    target = synthesis.only(found.name, "AWS::Lambda::Function", FunctionName=name)
    return synthesis.only(found.name, "AWS::Lambda::EventSourceMapping", FunctionName={"Ref": target.id})


def test_a_consumer_reports_the_messages_that_failed_and_its_concurrency_is_capped(
    prod: Synthesis, services: tuple[Found, ...]
) -> None:
    for found in services:
        settings = mapping(prod, found, "consumer").properties
        assert settings["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        asked = found.service.batching
        assert settings["BatchSize"] == (asked.size if asked else 10)
        consumers = (asked and asked.consumers) or STAGES["prod"].max_concurrency
        assert settings["ScalingConfig"] == {"MaximumConcurrency": consumers}
        assert ("MaximumBatchingWindowInSeconds" in settings) == (found.service.queue == "standard")


def test_a_batch_larger_than_ten_is_waited_for_and_its_queue_hides_messages_for_as_long(
    prod: Synthesis, services: tuple[Found, ...]
) -> None:
    for found in services:
        if asked := found.service.batching:
            settings = mapping(prod, found, "consumer").properties
            assert settings["MaximumBatchingWindowInSeconds"] == asked.seconds >= 1
            (queue,) = [queue for queue in queues(prod) if queue.stack == found.name]
            assert queue.properties["VisibilityTimeout"] >= 6 * STAGES["prod"].timeout + asked.seconds


def test_where_no_batch_is_waited_for_none_is_larger_than_ten(local: Synthesis, services: tuple[Found, ...]) -> None:
    for found in services:
        settings = mapping(local, found, "consumer").properties
        assert settings["BatchSize"] <= 10
        assert settings.get("MaximumBatchingWindowInSeconds", 0) == 0


def test_no_function_has_reserved_concurrency(prod: Synthesis) -> None:
    for function in prod.resources("AWS::Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in function.properties


def test_a_table_has_a_stream_just_where_its_service_announces(dev: Synthesis, services: tuple[Found, ...]) -> None:
    for found in services:
        table = dev.only(found.name, "AWS::DynamoDB::Table", TableName=f"tidings-dev-{found.name}")
        stream = table.properties.get("StreamSpecification")
        assert stream == ({"StreamViewType": "NEW_AND_OLD_IMAGES"} if found.service.announces else None)


def test_a_relay_reads_what_was_announced_and_gives_up_into_a_queue(
    prod: Synthesis, services: tuple[Found, ...]
) -> None:
    for found in services:
        if not found.service.announces:
            continue
        settings = mapping(prod, found, "relay").properties
        assert settings["StartingPosition"] == "TRIM_HORIZON"
        assert settings["BatchSize"] == 100
        assert settings["BisectBatchOnFunctionError"] is True
        assert settings["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        # Without a number of them, what fails is tried again until it is too old.
        assert "MaximumRetryAttempts" not in settings
        assert 0 < settings["MaximumRecordAgeInSeconds"] < 24 * 3600
        (pattern,) = settings["FilterCriteria"]["Filters"]
        assert json.loads(pattern["Pattern"]) == {
            "eventName": ["INSERT", "MODIFY"],
            "dynamodb": {"NewImage": {"announces": {"BOOL": [True]}}},
        }
        target = settings["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
        given_up = prod.templates[found.name]["Resources"][target]["Properties"]
        assert given_up["QueueName"] == f"tidings-prod-{found.name}-relay-dlq"


def test_bounces_and_rejections_reach_notifications_own_queue(prod: Synthesis) -> None:
    reports = prod.only("notification", "AWS::SES::ConfigurationSetEventDestination").properties["EventDestination"]
    assert reports["MatchingEventTypes"] == ["bounce", "reject"]
    rule = prod.only("notification", "AWS::Events::Rule").properties
    configuration_set = prod.only("notification", "AWS::SES::ConfigurationSet").id
    assert rule["EventPattern"]["detail"]["mail"]["tags"] == {"ses:configuration-set": [{"Ref": configuration_set}]}
    (target,) = rule["Targets"]
    queue = prod.only("notification", "AWS::SQS::Queue", QueueName="tidings-prod-notification")
    assert target["Arn"] == {"Fn::GetAtt": [queue.id, "Arn"]}
    assert "InputPath" not in target
