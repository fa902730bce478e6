"""The rights of roles, and the environment of functions."""

import json
import re
from typing import Any

import msgspec
import pytest

from functions.operations.deployment import DeployedService, Deployment
from infra.discovery import ServiceFolder
from tests.infra.synthesis import Resource, Synthesis
from tidings.core.strategy import Batched, Log, Observer, Projection

ROLES = ("api", "jobs", "consumer", "relay")
EVERYWHERE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
OBSERVATIONS = {"cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "lambda:ListEventSourceMappings"}
"""The actions on every resource by which operations reads alarms, metrics and mappings."""
WATCHED = {"cloudwatch:GetMetricData", "lambda:ListEventSourceMappings"}
"""The actions on every resource by which the watch reads metrics and mappings."""
CHANGES = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
READS = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}


def allowed(synthesis: Synthesis, stack: str, function: str) -> dict[str, list[Any]]:
    """Return the rights of a function's role: resources by action."""
    found: dict[str, list[Any]] = {}
    for policy, action, resource in synthesis.allowed():
        if policy.stack == stack and belongs(policy, function):
            found.setdefault(action, []).append(resource)
    return found


def belongs(policy: Resource, function: str) -> bool:
    return all(role["Ref"].startswith(f"{function}role") for role in policy.properties["Roles"])


def tables_named(synthesis: Synthesis, stack: str, resource: Any) -> set[str]:
    """Return the tables that a policy's resource refers to."""
    names = {
        name: body["Properties"]["TableName"]
        for name, body in synthesis.templates[stack]["Resources"].items()
        if body["Type"] == "AWS::DynamoDB::Table"
    }
    return {table for name, table in names.items() if f'"{name}"' in json.dumps(resource)}


def test_every_function_has_a_role_of_its_own(prod: Synthesis) -> None:
    functions = prod.resources("AWS::Lambda::Function")
    roles = {(function.stack, json.dumps(function.properties["Role"])) for function in functions}
    assert len(roles) == len(functions)


SCHEDULED = pytest.mark.parametrize(
    ("stack", "role"), [("orders", "expiry"), ("payment", "checks"), ("privacy", "jobs")]
)


def targets(synthesis: Synthesis, stack: str) -> list[Any]:
    """Return the targets of a stack's schedules."""
    found = synthesis.resources("AWS::Scheduler::Schedule")
    return [schedule.properties["Target"] for schedule in found if schedule.stack == stack]


@SCHEDULED
def test_a_schedule_may_invoke_its_function_only(prod: Synthesis, stack: str, role: str) -> None:
    (target,) = {json.dumps(each["Arn"]) for each in targets(prod, stack)}
    invoked = [
        (policy.stack, resource)
        for policy, action, resource in prod.allowed()
        if action == "lambda:InvokeFunction" and not belongs(policy, "jobs")
    ]
    assert [json.dumps(resource) for each, resource in invoked if each == stack] == [target]
    assert {each for each, _ in invoked} == {"orders", "payment", "privacy", "monitoring"}
    function = prod.function(stack, role)
    assert function.properties["Handler"] == f"functions.{stack}.{role}.function.handler"
    assert json.loads(target) == {"Ref": prod.alias(function).id}


@SCHEDULED
def test_a_scheduled_run_that_could_not_start_is_not_retried(prod: Synthesis, stack: str, role: str) -> None:
    for target in targets(prod, stack):
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    function = prod.function(stack, role)
    invoked = prod.only(stack, "AWS::Lambda::EventInvokeConfig", FunctionName={"Ref": function.id}).properties
    assert f'"{prod.alias(function).id}"' in json.dumps(invoked["Qualifier"])
    assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (0, 60)


def test_payment_asks_for_disputes_every_hour(prod: Synthesis) -> None:
    schedules = {
        each.properties["Name"]: (each.properties["ScheduleExpression"], each.properties["Target"]["Input"])
        for each in prod.resources("AWS::Scheduler::Schedule")
        if each.stack == "payment"
    }
    assert schedules == {
        "tidings-prod-payment-checks": ("rate(1 minute)", "{}"),
        "tidings-prod-payment-disputes": ("rate(1 hour)", '{"disputes":true}'),
    }


@pytest.mark.parametrize(
    ("stack", "role", "indexes"),
    [
        ("orders", "expiry", ["pending"]),
        ("payment", "checks", ["pending"]),
        ("privacy", "jobs", ["pending", "retention"]),
    ],
)
def test_a_scheduled_function_reads_its_indexes_and_no_other(
    prod: Synthesis, stack: str, role: str, indexes: list[str]
) -> None:
    actions = allowed(prod, stack, role)
    assert {action for action in actions if action.startswith("dynamodb:")} == {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    }
    queried = [each["Fn::Join"][1][-1] for each in actions["dynamodb:Query"]]
    assert queried == [f"/index/{index}" for index in indexes]


def test_a_service_that_answers_about_people_has_a_function_that_reads_its_table_and_does_nothing_else(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        actions = allowed(prod, found.name, "personal")
        expected = {"dynamodb:GetItem", "dynamodb:BatchGetItem"} if found.service.answers_about_people else set()
        expected |= {"dynamodb:Query"} if found.service.list_of else set()
        assert {action for action in actions if not action.startswith(("xray", "logs"))} == expected
        touched = {
            table
            for action in expected
            for resource in actions[action]
            for table in tables_named(prod, found.name, resource)
        }
        assert touched == ({f"tidings-prod-{found.name}"} if expected else set())
    (queried,) = allowed(prod, "orders", "personal")["dynamodb:Query"]
    assert queried["Fn::Join"][1][-1] == "/index/index"


def test_the_jobs_may_ask_the_services_that_answer_about_people_and_no_other(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    asked = {found.name for found in services if found.service.answers_about_people}
    assert asked == {"loyalty", "notification", "orders", "payment", "warehouse"}
    arns = allowed(prod, "privacy", "jobs")["lambda:InvokeFunction"]
    assert {arn["Fn::Join"][1][-1] for arn in arns} == {
        f":function:tidings-prod-{name}-personal:live" for name in asked
    }
    function = prod.only("privacy", "AWS::Lambda::Function", FunctionName="tidings-prod-privacy-jobs")
    variables = function.properties["Environment"]["Variables"]
    assert json.loads(variables["PERSONAL_FUNCTIONS"]) == {name: f"tidings-prod-{name}-personal:live" for name in asked}
    assert variables["LISTING_SERVICE"] == "orders"
    names = {each.properties["FunctionName"] for each in prod.resources("AWS::Lambda::Function")}
    assert {name for name in names if name.endswith("-personal")} == {f"tidings-prod-{name}-personal" for name in asked}


def test_the_jobs_may_read_and_delete_accounts_of_the_users_pool_and_of_no_other(prod: Synthesis) -> None:
    actions = allowed(prod, "privacy", "jobs")
    found = {action: resources for action, resources in actions.items() if action.startswith("cognito-idp:")}
    assert found.keys() == {"cognito-idp:AdminGetUser", "cognito-idp:AdminDeleteUser"}
    pool = prod.only("users", "AWS::Cognito::UserPool", UserPoolName="tidings-prod")
    for (resource,) in found.values():
        assert pool.id in json.dumps(resource)
    assert [policy.stack for policy, action, _ in prod.allowed() if action.startswith("cognito-idp:")] == [
        "privacy"
    ] * 2


def test_exports_are_private_encrypted_and_deleted_after_a_week(prod: Synthesis) -> None:
    bucket = prod.only("privacy", "AWS::S3::Bucket")
    assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = bucket.properties["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 7)
    assert "VersioningConfiguration" not in bucket.properties
    (encryption,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    policy = prod.only("privacy", "AWS::S3::BucketPolicy")
    (statement,) = policy.properties["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_api_may_read_the_files_of_exports_and_the_jobs_alone_may_write_them(prod: Synthesis) -> None:
    rights = {role: {action for action in allowed(prod, "privacy", role) if action.startswith("s3:")} for role in ROLES}
    assert rights == {
        "api": {"s3:GetObject"},
        "jobs": {"s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
        "consumer": set(),
        "relay": set(),
    }


def test_only_tracing_is_allowed_on_every_resource_and_observations_to_operations_and_the_watch(
    prod: Synthesis,
) -> None:
    found = {(policy.stack, action) for policy, action, resource in prod.allowed() if resource == "*"}
    assert {action for _, action in found} == EVERYWHERE | OBSERVATIONS
    for stack, expected in {"operations": OBSERVATIONS, "monitoring": WATCHED}.items():
        assert {action for name, action in found if name == stack and action not in EVERYWHERE} == expected
    assert {stack for stack, action in found if action in OBSERVATIONS} == {"operations", "monitoring"}


def queues_named(resource: Any) -> str:
    """Return the last part of a queue's ARN that is made of the account's parts."""
    return str(resource["Fn::Join"][1][-1]).removeprefix(":")


def test_operations_may_take_dead_letters_of_its_stage_and_send_them_to_consumers_queues(prod: Synthesis) -> None:
    actions = allowed(prod, "operations", "api")
    named = {action: [queues_named(each) for each in found] for action, found in actions.items() if "sqs:" in action}
    letters = ["tidings-prod-*-dlq", "tidings-prod-*-dlq.fifo", "tidings-prod-*-undelivered.fifo"]
    taking = {f"sqs:{name}": letters for name in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility")}
    reading = {action: ["tidings-prod-*"] for action in ("sqs:GetQueueUrl", "sqs:GetQueueAttributes")}
    queues = prod.resources("AWS::SQS::Queue")
    consumers = sorted(queue.properties["QueueName"] for queue in queues if "RedrivePolicy" in queue.properties)
    assert named == taking | reading | {"sqs:SendMessage": consumers}
    others = {action.partition(":")[0] for action in actions} - {"sqs", "dynamodb", "logs", "xray"}
    assert others == {action.partition(":")[0] for action in OBSERVATIONS}


def test_operations_finds_the_queues_and_relays_of_every_service_by_their_names(prod: Synthesis) -> None:
    function = prod.only("operations", "AWS::Lambda::Function")
    variables = function.properties["Environment"]["Variables"]
    services = msgspec.json.decode(variables["SERVICES"], type=tuple[DeployedService, ...])
    deployment = Deployment(variables["PREFIX"], services)
    assert set(deployment.queues()) == {each.properties["QueueName"] for each in prod.resources("AWS::SQS::Queue")}
    functions = {each.properties["FunctionName"] for each in prod.resources("AWS::Lambda::Function")}
    relays = {name for service in services if (name := deployment.relay(service))}
    assert relays == {name for name in functions if name.endswith("-relay")}
    for alarm in prod.resources("AWS::CloudWatch::Alarm"):
        owner = alarm.stack if alarm.stack in deployment.by_name else None
        assert deployment.service_of(alarm.properties["AlarmName"]) == owner


def test_operations_ends_its_work_in_time(prod: Synthesis) -> None:
    function = prod.only("operations", "AWS::Lambda::Function")
    variables = function.properties["Environment"]["Variables"]
    assert float(variables["WORK_SECONDS"]) <= function.properties["Timeout"] / 2.9


def test_no_role_has_an_action_with_a_wildcard(prod: Synthesis) -> None:
    assert [action for _, action, _ in prod.allowed() if "*" in action] == []


def test_no_policy_but_the_watchs_names_a_table_of_another_stack(prod: Synthesis) -> None:
    for policy, action, resource in prod.allowed():
        # A description contains no data.
        if action.startswith("dynamodb:") and (policy.stack, action) != ("monitoring", "dynamodb:DescribeTable"):
            assert tables_named(prod, policy.stack, resource), (policy.stack, action, resource)


def test_a_consumer_has_the_rights_of_its_strategy_on_its_own_table_only(
    prod: Synthesis, consumers: tuple[ServiceFolder, ...]
) -> None:
    for found in consumers:
        actions = allowed(prod, found.name, "consumer")
        data = {action for action in actions if action.startswith("dynamodb:")}
        expected = CHANGES
        if isinstance(found.service.strategy, Log):
            expected = {"dynamodb:PutItem", "dynamodb:UpdateItem"}
        elif isinstance(found.service.strategy, Observer):
            # Of owners and connections: live is the only observer.
            expected = {f"dynamodb:{action}" for action in ("GetItem", "PutItem", "Query", "DeleteItem")}
        elif isinstance(found.service.strategy, Batched | Projection):
            expected = CHANGES | {"dynamodb:BatchGetItem"}
        assert data == expected
        touched = {
            table
            for action in data
            for resource in actions[action]
            for table in tables_named(prod, found.name, resource)
        }
        assert touched == {f"tidings-prod-{found.name}"}


def sends_to(synthesis: Synthesis, stack: str, function: str) -> set[str]:
    """Return the names of the queues of its stack that a function may send to, without the stack's name."""
    resources = synthesis.templates[stack]["Resources"]
    queues = [resource["Fn::GetAtt"][0] for resource in allowed(synthesis, stack, function).get("sqs:SendMessage", [])]
    names = [resources[queue]["Properties"]["QueueName"].removesuffix(".fifo") for queue in queues]
    return {name.removeprefix(f"tidings-{synthesis.stage}-{stack}") for name in names}


def test_a_consumer_may_send_to_its_dead_letter_queue_and_payments_also_to_its_own_queue(
    prod: Synthesis, consumers: tuple[ServiceFolder, ...]
) -> None:
    for found in consumers:
        assert sends_to(prod, found.name, "consumer") == ({"-dlq", ""} if found.name == "payment" else {"-dlq"})


@pytest.mark.parametrize("role", ["api", "checks", "webhooks"])
def test_payments_functions_that_report_may_send_to_its_queue_and_to_no_other(prod: Synthesis, role: str) -> None:
    assert sends_to(prod, "payment", role) == {""}


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_the_webhook_may_read_its_secrets_and_send_reports_and_do_nothing_else(
    stage: str, request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    actions = allowed(synthesis, "payment", "webhooks")
    # The emulator checks a separate action for batches.
    assert {action.removesuffix("Batch") for action in actions if not action.startswith(("xray", "logs"))} == {
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
    }
    secrets = synthesis.only("payment", "AWS::SecretsManager::Secret", Name=f"tidings-{stage}-stripe-webhook-secrets")
    assert actions["secretsmanager:GetSecretValue"] == [{"Fn::GetAtt": [secrets.id, "Id"]}]


def test_an_api_function_may_write_if_and_only_if_it_has_a_route_that_writes(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        data = {action for action in allowed(prod, found.name, "api") if action.startswith("dynamodb:")}
        writes = any(route.method != "GET" for route in found.routes)
        assert data == ((READS | (CHANGES if writes else set())) if found.routes else set())


def test_a_relay_may_publish_and_read_its_stream_but_no_table(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        actions = {action for action in allowed(prod, found.name, "relay") if not action.startswith(("xray", "logs"))}
        expected = {
            "dynamodb:DescribeStream",
            "dynamodb:GetRecords",
            "dynamodb:GetShardIterator",
            "dynamodb:ListStreams",
            "kms:Decrypt",
            "kms:GenerateDataKey",
            "sns:Publish",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:SendMessage",
        }
        assert actions == (expected if found.service.announces else set())


def test_only_relays_may_publish_events(prod: Synthesis, services: tuple[ServiceFolder, ...]) -> None:
    publishers = [policy for policy, action, _ in prod.allowed() if action.startswith("sns:") or action == "*"]
    assert all(belongs(policy, "relay") for policy in publishers)
    assert {policy.stack for policy in publishers} == {found.name for found in services if found.service.announces}


def test_a_relay_may_send_to_its_own_dead_letter_queue_only_and_knows_its_url(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        if not found.service.announces:
            continue
        (name,) = allowed(prod, found.name, "relay")["sqs:SendMessage"]
        queue = name["Fn::GetAtt"][0]
        properties = prod.templates[found.name]["Resources"][queue]["Properties"]
        assert properties["QueueName"] == f"tidings-prod-{found.name}-relay-dlq"
        relay = prod.only(found.name, "AWS::Lambda::Function", FunctionName=f"tidings-prod-{found.name}-relay")
        assert relay.properties["Environment"]["Variables"]["DLQ"] == {"Ref": queue}


def test_lives_functions_may_do_what_their_routes_need_and_nothing_else(prod: Synthesis) -> None:
    for function, expected in {
        "authorizer": {"dynamodb:DeleteItem"},
        "websocket": {
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:Query",
            "dynamodb:DeleteItem",
            "execute-api:ManageConnections",
        },
    }.items():
        actions = allowed(prod, "live", function)
        assert {action for action in actions if not action.startswith(("xray", "logs"))} == expected
        for action in expected - {"execute-api:ManageConnections"}:
            assert {name for each in actions[action] for name in tables_named(prod, "live", each)} == {
                "tidings-prod-live"
            }


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_only_live_may_send_to_connections_and_only_to_those_of_its_own_stage(
    stage: str, request: pytest.FixtureRequest
) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    api = synthesis.only("api", "AWS::ApiGatewayV2::Api", ProtocolType="WEBSOCKET")
    (exported,) = [
        each["Export"]["Name"]
        for each in synthesis.templates["api"]["Outputs"].values()
        if each["Value"] == {"Ref": api.id} and "Export" in each
    ]
    found = {
        (function, json.dumps(resource))
        for policy, action, resource in synthesis.allowed()
        if action.startswith("execute-api:")
        for function in ("consumer", "websocket", "authorizer", "api")
        if policy.stack == "live" and belongs(policy, function)
    }
    others = [
        policy
        for policy, action, _ in synthesis.allowed()
        if action.startswith("execute-api") and policy.stack != "live"
    ]
    assert others == []
    assert {function for function, _ in found} == {"consumer", "websocket"}
    methods = {"consumer": {"POST"}, "websocket": {"POST", "DELETE"}}
    for function, resource in found:
        parts = json.loads(resource)["Fn::Join"][1]
        assert {"Fn::ImportValue": exported} in parts
        assert parts[-1] in {f"/{stage}/{method}/@connections/*" for method in methods[function]}


def test_only_frauds_consumer_may_read_the_key_of_its_pseudonyms(prod: Synthesis) -> None:
    key = prod.only("fraud", "AWS::SecretsManager::Secret")
    assert key.properties["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 64}
    assert key.body["DeletionPolicy"] == "RetainExceptOnCreate"
    assert key.properties["Name"] == "tidings-prod-fraud-pseudonyms-key"
    reading = [
        (policy.properties["Roles"], resource)
        for policy, action, resource in prod.allowed()
        if action.startswith("secretsmanager:") and policy.stack == "fraud"
    ]
    consumer = prod.only("fraud", "AWS::Lambda::Function", FunctionName="tidings-prod-fraud-consumer")
    assert reading == [([{"Ref": consumer.properties["Role"]["Fn::GetAtt"][0]}], {"Fn::GetAtt": [key.id, "Id"]})]


def test_a_table_deletes_expired_items_if_its_service_declares_it(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    for found in services:
        table = prod.only(found.name, "AWS::DynamoDB::Table", TableName=f"tidings-prod-{found.name}")
        expected = {"AttributeName": "expires", "Enabled": True} if found.service.expires else None
        assert table.properties.get("TimeToLiveSpecification") == expected
    assert [found.name for found in services if found.service.expires] == ["fraud", "live", "notification"]


def test_no_environment_contains_a_secret(prod: Synthesis) -> None:
    for function in prod.resources("AWS::Lambda::Function"):
        for name, value in function.properties.get("Environment", {}).get("Variables", {}).items():
            # The ARN of a secret is none.
            assert name.endswith("_ARN") or not re.search(r"(?i)secret|password|token|api_?key|credential", name)
            assert "secretsmanager" not in json.dumps(value)


MAX_ENVIRONMENT = 4096
"""Maximum number of bytes of a function's environment (AWS Lambda Developer Guide, "Lambda quotas")."""


def test_the_environment_of_each_function_is_small_enough(prod: Synthesis) -> None:
    for function in prod.resources("AWS::Lambda::Function"):
        variables = function.properties.get("Environment", {}).get("Variables", {})
        # A reference has about as many characters in the template as the name, the address or the ARN that replaces it.
        size = sum(len(name) + len(as_text(value).encode()) for name, value in variables.items())
        assert size <= MAX_ENVIRONMENT, function.properties["FunctionName"]


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_functions_environments_contain_the_names_of_their_resources(
    prod: Synthesis, services: tuple[ServiceFolder, ...]
) -> None:
    common = {"STAGE", "SERVICE", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_LOG_LEVEL"}
    jobs = {"TABLE", "PENDING_INDEX", "RETENTION_INDEX", "BUCKET", "USER_POOL", "PERSONAL_FUNCTIONS", "LISTING_SERVICE"}
    gateway = {"GATEWAY", "GATEWAY_RATE", "STRIPE_KEY_ARN", "STRIPE_PUBLISHABLE_KEY"}
    own = {
        ("analytics", "api"): {"TIME_ZONE"},
        ("analytics", "consumer"): {"TIME_ZONE"},
        ("fraud", "consumer"): {"RULES", "PSEUDONYMS_KEY_ARN"},
        ("live", "consumer"): {"MANAGEMENT_ENDPOINT"},
        ("operations", "api"): {"PREFIX", "SERVICES", "WORK_SECONDS", "LONG_POLL_SECONDS"},
        ("orders", "api"): {"PRODUCT_CACHE_SECONDS", "PAYMENT_TERMS"},
        ("privacy", "api"): {"BUCKET"},
        ("payment", "consumer"): gateway,
        ("payment", "relay"): {"LOGGED_EVENTS"},
        ("payment", "api"): gateway | {"QUEUE"},
        ("notification", "consumer"): {"SENDER", "CONFIGURATION_SET", "MAIL_RATE", "MAILS_PER_HOUR"},
    }
    for found in services:
        generic = set() if (found.folder / "consume.py").exists() else {"SERVICE_MODULE"}
        by_role = {
            "consumer": {"TABLE", "QUEUE", "DLQ", "RETRY_POLICY"} | generic,
            "relay": {"TOPIC", "DLQ"},
            "api": {"TABLE"} | {index.variable for index in found.service.indexes},
            "expiry": {"TABLE", "PENDING_INDEX", "PENDING_LIMIT_SECONDS", "EXPIRED_PER_HOUR"},
            "checks": {"TABLE", "PENDING_INDEX", "QUEUE"} | gateway,
            "webhooks": {"QUEUE", "WEBHOOK_SECRETS_ARN"},
            "personal": {"TABLE", "SERVICE_MODULE"},
            "authorizer": {"TABLE"},
            "websocket": {"TABLE", "MANAGEMENT_ENDPOINT"},
            "jobs": jobs | {"RETENTION_SECONDS", "PASS_INTERVAL_SECONDS"},
        }
        for function in prod.resources("AWS::Lambda::Function"):
            if function.stack == found.name:
                role = function.properties["FunctionName"].rpartition("-")[2]
                expected = common | by_role[role] | own.get((found.name, role), set())
                assert set(function.properties["Environment"]["Variables"]) == expected


def test_a_consumer_without_its_own_settings_runs_the_librarys_handler_on_its_service_module(
    prod: Synthesis, consumers: tuple[ServiceFolder, ...]
) -> None:
    handlers = {
        function.stack: (
            function.properties["Handler"],
            function.properties["Environment"]["Variables"].get("SERVICE_MODULE"),
        )
        for function in prod.resources("AWS::Lambda::Function")
        if function.properties["FunctionName"].endswith("-consumer")
    }
    own = {"payment", "notification", "fraud", "history", "analytics", "live"}
    assert handlers == {
        found.name: (f"functions.{found.name}.consume.handler", None)
        if found.name in own
        else ("tidings.aws.consume.handler", f"functions.{found.name}.service")
        for found in consumers
    }


def test_functions_log_json_to_their_own_log_group_and_are_traced(prod: Synthesis) -> None:
    for function in prod.resources("AWS::Lambda::Function"):
        assert function.properties["LoggingConfig"]["LogFormat"] == "JSON"
        group = function.properties["LoggingConfig"]["LogGroup"]["Ref"]
        body = prod.templates[function.stack]["Resources"][group]["Properties"]
        assert body["LogGroupName"] == f"/aws/lambda/{function.properties['FunctionName']}"
        assert body["RetentionInDays"] == 90
        assert function.properties["TracingConfig"] == {"Mode": "Active"}


def test_prod_protects_tables_and_users_from_deletion(prod: Synthesis) -> None:
    for table in prod.resources("AWS::DynamoDB::Table"):
        assert table.properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert table.properties["DeletionProtectionEnabled"] is True
        assert table.body["DeletionPolicy"] == "RetainExceptOnCreate"
    pools = prod.resources("AWS::Cognito::UserPool")
    assert [pool.properties["DeletionProtection"] for pool in pools] == ["ACTIVE", "ACTIVE"]
