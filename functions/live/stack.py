"""Live's own resources: the routes of the WebSocket API, their functions, and the right to send to connections."""

from aws_cdk import ArnFormat
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk.aws_apigatewayv2_integrations import WebSocketLambdaIntegration

from functions.live.broadcast import FAILED
from infra.constructs.alarm import FIVE_MINUTES, MINUTE, MISSING_IS_GOOD, Alarm
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

ROUTES = ("$connect", "$disconnect", "$default")

FAILED_PUSHES = 20
"""Number of failed pushes in five minutes beyond which operators are notified. Single ones fail at any time."""


def add_resources(stack: ServiceStack, _settings: ShopSettings) -> None:
    """Add the routes of the WebSocket API, the consumer's rights, and the alarm.

    Raises:
        ValueError: If the application has no WebSocket API.
    """
    api = stack.api.websocket_api
    if api is None:
        raise ValueError(f"{stack.name} pushes events over a WebSocket API, and the application has none")
    table = {"TABLE": stack.table.table_name}
    authorizer = stack.add_function(
        "authorizer",
        "functions.live.websocket.authorizer.handler",
        "Lets the holders of tickets connect",
        table,
        serves=True,
    )
    authorizer.allow("dynamodb:DeleteItem", on=[stack.table.table_arn])
    websocket = stack.add_function(
        "websocket",
        "functions.live.websocket.function.handler",
        "Registers connections, and answers pings",
        table,
        serves=True,
    )
    websocket.allow(
        "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:DeleteItem", on=[stack.table.table_arn]
    )
    consumer = stack.functions["consumer"]
    consumer.allow(
        "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem", on=[stack.table.table_arn]
    )
    _allow_connections(stack, api, consumer, "POST")
    # It closes a connection whose client sends too much.
    _allow_connections(stack, api, websocket, "POST", "DELETE")
    _add_routes(stack, api, authorizer, websocket)
    _add_alarm(stack)


def _allow_connections(stack: ServiceStack, api: apigateway.WebSocketApi, function: Function, *methods: str) -> None:
    """Allow a function to call the connections of this stage's API, and tell it their endpoint."""
    path = f"{api.api_id}/{stack.stage.name}"
    function.add_environment(
        "MANAGEMENT_ENDPOINT",
        f"/_aws/execute-api/{path}"
        if stack.stage.emulated
        else f"https://{api.api_id}.execute-api.{stack.region}.{stack.url_suffix}/{stack.stage.name}",
    )
    arns = [
        stack.format_arn(
            service="execute-api",
            resource=api.api_id,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            resource_name=f"{stack.stage.name}/{method}/@connections/*",
        )
        for method in methods
    ]
    function.allow("execute-api:ManageConnections", on=arns)
    exported = stack.resolve(stack.api.export_value(api.api_id))["Fn::ImportValue"]
    for method in methods:
        acknowledge(
            function.execution_role,
            f"IAM5[Resource::arn:<AWS::Partition>:execute-api:<AWS::Region>:<AWS::AccountId>:"
            f"{exported}/{stack.stage.name}/{method}/@connections/*]",
            "API Gateway chooses the ids of connections. The right is that of this stage's API only.",
        )


def _add_routes(stack: ServiceStack, api: apigateway.WebSocketApi, authorizer: Function, websocket: Function) -> None:
    # The emulator keeps the process behind an alias on such a route when the alias moves.
    handler = websocket.current_version if stack.stage.emulated else websocket.live
    integration = WebSocketLambdaIntegration("integration", handler)
    tickets = _add_authorizer(stack, api, authorizer)
    for key in ROUTES:
        route = apigateway.WebSocketRoute(
            stack,
            key,
            web_socket_api=api,
            route_key=key,
            integration=integration,
            authorizer=tickets if key == "$connect" else None,
        )
        if key != "$connect":
            acknowledge(route, "APIG4", "A connection is authorized when it opens, for all that follows on it.")


def _add_authorizer(
    stack: ServiceStack, api: apigateway.WebSocketApi, function: Function
) -> apigateway.IWebSocketRouteAuthorizer:
    """Add the authorizer to the API. The CDK's own class would add it to the API's stack, which must not need this."""
    arn = function.live.function_arn
    authorizer = apigateway.WebSocketAuthorizer(
        stack,
        "tickets",
        web_socket_api=api,
        authorizer_name="tickets",
        type=apigateway.WebSocketAuthorizerType.LAMBDA,
        identity_source=["route.request.querystring.ticket"],
        authorizer_uri=(
            f"arn:{stack.partition}:apigateway:{stack.region}:lambda:path/2015-03-31/functions/{arn}/invocations"
        ),
    )
    function.live.add_permission(
        "authorizer",
        principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
        source_arn=stack.format_arn(
            service="execute-api",
            resource=api.api_id,
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            resource_name=f"authorizers/{authorizer.authorizer_id}",
        ),
    )
    return apigateway.WebSocketAuthorizer.from_web_socket_authorizer_attributes(
        stack, "tickets-by-id", authorizer_id=authorizer.authorizer_id, authorizer_type="CUSTOM"
    )


def _add_alarm(stack: ServiceStack) -> None:
    Alarm(
        stack,
        "pushes-failed",
        problem="Pages are not notified of events: pushes over the WebSocket API fail.",
        metric=stack.metric(FAILED, "Sum", FIVE_MINUTES),
        threshold=FAILED_PUSHES,
        missing=MISSING_IS_GOOD,
        periods=(3, 3),
    )
    stack.graphs.append(
        cloudwatch.GraphWidget(
            title="Failed pushes to pages",
            left=[stack.metric(FAILED, "Sum", MINUTE)],
            width=8,
            height=6,
        )
    )
