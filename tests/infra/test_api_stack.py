"""The HTTP API: authorization, throttling, access log and OpenAPI document."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from urllib.parse import urljoin

import pytest
from aws_cdk import App, assertions
from openapi_spec_validator import validate

from infra.application import Application
from infra.discovery import ServiceFolder
from infra.openapi.document import openapi_document
from infra.shop import shop
from infra.stacks.api import ACCESS_LOG, ApiStack
from infra.stacks.users import UsersStack
from infra.stages import STAGES
from tests.infra.synthesis import Json, Resource, Synthesis

Handler = Callable[[Json, None], Json]

WEBHOOK = "POST /webhooks/stripe"
OPEN = {
    "GET /products",
    "GET /products/{sku}",
    "GET /recommendations/{sku}",
    "GET /openapi.json",
    WEBHOOK,
    "$default",
}
BANK = {"GET /simulated-bank", "POST /simulated-bank"}
"""The pages of the simulated bank, in stages with the simulated gateway."""

PREFLIGHT = "OPTIONS /{proxy+}"
"""The route of the requests by which browsers ask whether they may call the API."""

WEBSOCKET = ("$connect", "$disconnect", "$default")
"""The routes of the WebSocket API."""


def test_every_declared_route_is_served_by_its_own_service(dev: Synthesis, services: tuple[ServiceFolder, ...]) -> None:
    served = {(route.stack, route.properties["RouteKey"]) for route in dev.resources("AWS::ApiGatewayV2::Route")}
    declared = {(found.name, route.key) for found in services for route in found.routes}
    others = {("api", "GET /openapi.json"), ("api", "$default"), ("payment", WEBHOOK)}
    assert served == declared | others | {("payment", key) for key in BANK} | {("live", key) for key in WEBSOCKET}


def test_a_stage_with_stripe_has_no_page_of_the_simulated_bank(prod: Synthesis) -> None:
    keys = {route.properties["RouteKey"] for route in prod.resources("AWS::ApiGatewayV2::Route")}
    assert keys & BANK == set()
    assert WEBHOOK in keys


def test_every_route_that_a_services_text_names_exists(services: tuple[ServiceFolder, ...]) -> None:
    declared = {route.key for found in services for route in found.routes} | OPEN | BANK
    sources = "".join(path.read_text() for found in services for path in found.folder.rglob("*.py"))
    named = {key.rstrip(".") for key in re.findall(r"\b(?:GET|PUT|POST) /[a-z_{}/.-]+", sources)}
    assert named - declared == set()
    assert {"GET /orders", "GET /operators/shipments"} <= named


def test_no_service_sends_an_address_that_is_right_below_one_path_only(services: tuple[ServiceFolder, ...]) -> None:
    sources = "".join(path.read_text() for found in services for path in found.folder.rglob("*.py"))
    sent = re.findall(r'"Location": (.+)', sources)
    assert len(sent) >= 3
    assert [value for value in sent if value.startswith(('"/', 'f"/', 'f"{'))] == []


def http_routes(synthesis: Synthesis) -> list[Resource]:
    """Return the routes of the HTTP API."""
    return [
        route
        for route in synthesis.resources("AWS::ApiGatewayV2::Route")
        if (route.stack, route.properties["RouteKey"]) not in {("live", key) for key in WEBSOCKET}
    ]


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_a_connection_is_opened_by_a_ticket_in_its_address(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    connect = synthesis.only("live", "AWS::ApiGatewayV2::Route", RouteKey="$connect").properties
    authorizer = synthesis.only("live", "AWS::ApiGatewayV2::Authorizer", Name="tickets")
    assert (connect["AuthorizationType"], connect["AuthorizerId"]) == ("CUSTOM", {"Ref": authorizer.id})
    assert authorizer.properties["AuthorizerType"] == "REQUEST"
    assert authorizer.properties["IdentitySource"] == ["route.request.querystring.ticket"]
    # No answer is kept: a ticket is valid once.
    assert "AuthorizerResultTtlInSeconds" not in authorizer.properties


@pytest.mark.parametrize("stage", ["local", "dev", "prod"])
def test_the_websocket_api_may_invoke_the_function_of_each_route(stage: str, request: pytest.FixtureRequest) -> None:
    synthesis: Synthesis = request.getfixturevalue(stage)
    alias = synthesis.alias(synthesis.function("live", "websocket"))
    invoked = alias.properties["FunctionVersion"]["Fn::GetAtt"][0] if stage == "local" else alias.id
    allowed = {
        each.properties["SourceArn"]["Fn::Join"][1][-1]
        for each in synthesis.resources("AWS::Lambda::Permission")
        if each.stack == "live" and each.properties["FunctionName"] == {"Ref": invoked}
    }
    assert allowed == {f"/*{key}" for key in WEBSOCKET}


def test_the_websocket_api_has_a_throttled_stage_that_is_named_like_the_deployment(prod: Synthesis) -> None:
    api = prod.only("api", "AWS::ApiGatewayV2::Api", ProtocolType="WEBSOCKET")
    stage = prod.only("api", "AWS::ApiGatewayV2::Stage", StageName="prod").properties
    assert (stage["ApiId"], stage["AutoDeploy"]) == ({"Ref": api.id}, True)
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0


def test_an_application_without_pages_has_no_websocket_api() -> None:
    bare = replace(shop(STAGES["dev"]), services=(), pages=None)
    template = assertions.Template.from_stack(ApiStack(App(), bare))
    assert not template.find_resources("AWS::ApiGatewayV2::Api", {"Properties": {"ProtocolType": "WEBSOCKET"}})


def test_every_route_requires_a_token_except_the_open_ones(prod: Synthesis) -> None:
    for route in http_routes(prod):
        key = route.properties["RouteKey"]
        if key in OPEN:
            assert route.properties.get("AuthorizationType", "NONE") == "NONE", key
        else:
            assert route.properties["AuthorizationType"] == "JWT", key
            assert "AuthorizerId" in route.properties


USERS, OPERATORS = "tidings-{}", "tidings-{}-operators"


def pool_of(synthesis: Synthesis, name: str, stage: str) -> Resource:
    """Return a user pool by its name."""
    return synthesis.only("users", "AWS::Cognito::UserPool", UserPoolName=name.format(stage))


def client_of(synthesis: Synthesis, name: str, stage: str) -> Resource:
    """Return the only client of a user pool."""
    pool = pool_of(synthesis, name, stage)
    return synthesis.only("users", "AWS::Cognito::UserPoolClient", UserPoolId={"Ref": pool.id})


def authorizer_of(synthesis: Synthesis, name: str, stage: str) -> Resource:
    """Return the only authorizer that accepts tokens of a user pool."""
    client = client_of(synthesis, name, stage)
    (found,) = (
        each
        for each in synthesis.resources("AWS::ApiGatewayV2::Authorizer")
        if each.properties.get("JwtConfiguration", {}).get("Audience") == [{"Ref": client.id}]
    )
    return found


@pytest.mark.parametrize("name", [USERS, OPERATORS])
def test_an_authorizer_accepts_only_tokens_of_its_own_pool(prod: Synthesis, name: str) -> None:
    pool, authorizer = pool_of(prod, name, "prod"), authorizer_of(prod, name, "prod").properties
    assert authorizer["AuthorizerType"] == "JWT"
    assert {"Ref": pool.id} in authorizer["JwtConfiguration"]["Issuer"]["Fn::Join"][1]


def test_the_routes_of_operators_and_no_others_have_the_operators_authorizer(prod: Synthesis) -> None:
    users, operators = (authorizer_of(prod, name, "prod") for name in (USERS, OPERATORS))
    for route in http_routes(prod):
        key = route.properties["RouteKey"]
        if key not in OPEN:
            expected = operators if key.partition(" ")[2].startswith("/operators/") else users
            assert expected.id in json.dumps(route.properties["AuthorizerId"]), key


@pytest.mark.parametrize("name", [USERS, OPERATORS])
def test_a_client_has_no_secret_and_accepts_no_plain_password(prod: Synthesis, name: str) -> None:
    client = client_of(prod, name, "prod").properties
    assert client["GenerateSecret"] is False
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


@pytest.mark.parametrize("name", [USERS, OPERATORS])
def test_passwords_are_strong(dev: Synthesis, name: str) -> None:
    policy = pool_of(dev, name, "dev").properties["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    assert all(policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))


@pytest.mark.parametrize(("stage", "mfa"), [("local", "OPTIONAL"), ("dev", "ON"), ("prod", "ON")])
def test_operators_need_a_second_factor_except_locally(stage: str, mfa: str, request: pytest.FixtureRequest) -> None:
    pool = pool_of(request.getfixturevalue(stage), OPERATORS, stage).properties
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == (mfa, ["SOFTWARE_TOKEN_MFA"])
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_the_tokens_of_operators_are_valid_for_a_quarter_of_an_hour(prod: Synthesis) -> None:
    client = client_of(prod, OPERATORS, "prod").properties
    assert client["TokenValidityUnits"] == dict.fromkeys(("AccessToken", "IdToken", "RefreshToken"), "minutes")
    assert (client["IdTokenValidity"], client["AccessTokenValidity"]) == (15, 15)
    assert client["RefreshTokenValidity"] == 8 * 60


@pytest.mark.parametrize("name", [USERS, OPERATORS])
@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_people_are_in_the_essentials_plan(stage: str, name: str, request: pytest.FixtureRequest) -> None:
    pool = pool_of(request.getfixturevalue(stage), name, stage).properties
    assert pool["UserPoolTier"] == "ESSENTIALS"
    assert "UserPoolAddOns" not in pool


def users_template(application: Application) -> assertions.Template:
    """Return the template of an application's users, without pages."""
    app = App()
    bare = replace(application, pages=None)
    return assertions.Template.from_stack(UsersStack(app, bare, ApiStack(app, bare), None))


def test_an_application_without_routes_of_operators_has_no_operators() -> None:
    bare = replace(shop(STAGES["dev"]), services=())
    users_template(bare).resource_count_is("AWS::Cognito::UserPool", 1)


def test_threat_protection_can_be_switched_on_for_a_stage() -> None:
    stage = replace(STAGES["prod"], threat_protection=True)
    users_template(shop(stage)).has_resource_properties(
        "AWS::Cognito::UserPool",
        {"UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}},
    )


def test_the_api_is_throttled_and_logs_each_access_as_json(prod: Synthesis) -> None:
    stage = prod.only("api", "AWS::ApiGatewayV2::Stage", StageName="$default").properties
    assert stage["AutoDeploy"] is True
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0
    assert json.loads(stage["AccessLogSettings"]["Format"]) == ACCESS_LOG
    # Amazon API Gateway Developer Guide, "Customize HTTP API access logs".
    assert ACCESS_LOG["caller"] == "$context.authorizer.claims.sub"


@pytest.fixture(scope="module")
def document() -> Json:
    return openapi_document(shop(STAGES["dev"]))


def test_the_document_is_valid_openapi(document: Json) -> None:
    validate(document)


def test_the_document_has_every_route_with_its_security(document: Json, services: tuple[ServiceFolder, ...]) -> None:
    paths = document["paths"]
    for found in services:
        for route in found.routes:
            operation = paths[route.template][route.method.lower()]
            scheme = "operator" if route.operators else "user"
            assert operation["security"] == ([] if route.open else [{scheme: []}])
            assert str(route.status) in operation["responses"]


@pytest.mark.parametrize("api", ["https://api.example/", "https://shop.example/v1/", "http://cloud/_aws/api/a1/"])
def test_the_documents_server_is_the_api_that_serves_it(document: Json, api: str) -> None:
    (server,) = document["servers"]
    assert urljoin(f"{api}openapi.json", server["url"]) == api


def test_placing_an_order_needs_an_idempotency_key_in_the_document(document: Json) -> None:
    parameters: list[Json] = document["paths"]["/orders"]["post"]["parameters"]
    (key,) = [parameter for parameter in parameters if parameter["name"] == "Idempotency-Key"]
    assert key["required"] is True
    assert key["schema"]["maxLength"] == 255


def test_the_document_names_every_status_and_the_types_of_its_answers(document: Json) -> None:
    answers = document["paths"]["/orders"]["post"]["responses"]
    types = {status: sorted(answer["content"]) for status, answer in answers.items()}
    problem, message = "application/problem+json", "application/json"
    assert types == {
        "202": [message],
        "400": [problem],
        "401": [message, problem],
        "403": [problem],
        "409": [problem],
        "413": [message, problem],
        "415": [problem],
        "422": [problem],
        "429": [message],
        "500": [message, problem],
        "503": [message, problem],
    }


def test_the_document_describes_the_further_members_of_a_problem(document: Json) -> None:
    conflict = document["paths"]["/orders"]["post"]["responses"]["409"]["content"]["application/problem+json"]["schema"]
    _, members = conflict["allOf"]
    assert members["properties"]["total"] == {"$ref": "#/components/schemas/Money"}


def test_only_a_route_without_parameters_and_body_is_never_invalid(document: Json) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            invalid = "422" in operation["responses"]
            assert invalid == ("parameters" in operation or "requestBody" in operation)


@pytest.fixture(scope="module")
def handler(dev: Synthesis) -> Handler:
    """The handler of the document's function, loaded from its asset."""
    folder = dev.asset(dev.only("api", "AWS::Lambda::Function"))
    spec = spec_from_file_location("document_function", folder / "function.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Handler = module.handler
    return found


def test_the_function_returns_the_document(handler: Handler, document: Json) -> None:
    answer = handler({"routeKey": "GET /openapi.json", "rawPath": "/openapi.json"}, None)
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/json")
    assert json.loads(answer["body"]) == document


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/orders", "GET, POST"),
        ("/orders/1", "GET"),
        ("/orders/1/cancellation", "POST"),
        ("/products/a%252Fb", "GET"),
        ("/operators/products/a%252Fb", "PUT"),
        ("/openapi.json", "GET"),
    ],
)
def test_another_method_of_a_path_is_refused_with_its_methods(handler: Handler, path: str, allowed: str) -> None:
    answer = handler({"routeKey": "$default", "rawPath": path}, None)
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, allowed)
    assert problem_of(answer)["status"] == 405


@pytest.mark.parametrize(
    "path", ["/", "", "/nowhere", "/orders/", "/orders//cancellation", "/orders/1/2", "/Orders", "//orders"]
)
def test_an_unknown_path_is_refused(handler: Handler, path: str) -> None:
    answer = handler({"routeKey": "$default", "rawPath": path}, None)
    assert answer["statusCode"] == 404
    assert "allow" not in answer["headers"]
    assert problem_of(answer)["status"] == 404


@pytest.mark.parametrize("path", ["/orders", "/nowhere"])
def test_a_preflight_of_any_path_succeeds(handler: Handler, path: str) -> None:
    assert handler({"routeKey": PREFLIGHT, "rawPath": path}, None) == {"statusCode": 204}


def test_a_stage_that_admits_origins_has_a_route_for_preflights(local: Synthesis, prod: Synthesis) -> None:
    route = local.only("api", "AWS::ApiGatewayV2::Route", RouteKey=PREFLIGHT)
    assert route.properties.get("AuthorizationType", "NONE") == "NONE"
    assert PREFLIGHT not in {each.properties["RouteKey"] for each in http_routes(prod)}


def problem_of(answer: Json) -> Json:
    assert answer["headers"]["content-type"] == "application/problem+json"
    problem: Json = json.loads(answer["body"])
    assert problem.keys() == {"type", "title", "status", "detail"}
    return problem
