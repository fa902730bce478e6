"""The API: the application's HTTP API with its OpenAPI document, and the WebSocket API of its pages."""

import json

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import assets
from infra.application import Application
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.openapi.document import openapi_document
from infra.stacks.base import ApplicationStack

ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "routeKey": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "caller": "$context.authorizer.claims.sub",
    "ip": "$context.identity.sourceIp",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "responseLength": "$context.responseLength",
    "error": "$context.error.message",
    "authorizerError": "$context.authorizer.error",
    "integrationError": "$context.integrationErrorMessage",
}
"""A line of the access log."""


class ApiStack(ApplicationStack):
    """The HTTP API and, if the application has pages, the WebSocket API. Services add their routes to both.

    Attributes:
        http_api: The HTTP API.
        websocket_api: The WebSocket API; None if the application has no pages.
        websocket_url: The address at which the WebSocket API takes connections: `wss://…`; empty without pages.
    """

    def __init__(self, scope: Construct, application: Application) -> None:
        super().__init__(scope, "api", application, "the HTTP API")
        self.http_api = apigateway.HttpApi(
            self,
            "api",
            api_name=application.resource_name(),
            description=application.description,
            create_default_stage=False,
            cors_preflight=self._cors(),
        )
        self._add_default_stage()
        self._add_document()
        self.add_output("ApiId", self.http_api.api_id)
        self.add_output("ApiUrl", self.http_api.api_endpoint)
        self.websocket_api: apigateway.WebSocketApi | None = None
        self.websocket_url = ""
        if application.pages:
            self.websocket_api = self._add_websocket_api()

    def _cors(self) -> apigateway.CorsPreflightOptions | None:
        """Return which origins may call the API from a browser; None if no origin may."""
        origins = self.application.allowed_origins
        if not origins:
            return None
        methods = {route.method for service in self.application.services for route in service.routes}
        return apigateway.CorsPreflightOptions(
            allow_origins=origins,
            allow_methods=[apigateway.CorsHttpMethod[name] for name in sorted({"GET", *methods})],
            allow_headers=["authorization", "content-type", "idempotency-key"],
            expose_headers=["allow", "idempotent-replayed", "location", "retry-after"],
            # Browsers keep the answer no longer than this (Fetch Standard, "CORS-preflight cache"; Chromium: 2 hours).
            max_age=Duration.hours(2),
        )

    def _add_websocket_api(self) -> apigateway.WebSocketApi:
        """Add the WebSocket API, with one stage that deploys the routes of services as they are added."""
        api = apigateway.WebSocketApi(
            self,
            "websocket",
            api_name=self.application.resource_name("websocket"),
            description=f"{self.application.title}: what happens, as it happens",
        )
        stage = apigateway.WebSocketStage(
            self,
            "websocket-stage",
            web_socket_api=api,
            stage_name=self.stage.name,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=self.stage.throttle_rate, burst_limit=self.stage.throttle_burst
            ),
        )
        acknowledge(
            stage,
            "APIG1",
            "The access log of a WebSocket API needs a role of the whole account (Amazon API Gateway Developer Guide, "
            "Configure logging for WebSocket APIs), which belongs to no stage. The functions log the connections.",
        )
        self.websocket_url = stage.url
        self.add_output("WebSocketApiId", api.api_id)
        self.add_output("WebSocketUrl", stage.url)
        return api

    def _add_default_stage(self) -> None:
        stage = self.stage
        log = logs.LogGroup(
            self,
            "access-logs",
            # Under this prefix, log groups do not count against the size of the resource policy (Amazon CloudWatch
            # Logs User Guide, "Log group resource policy size limit considerations").
            log_group_name=f"/aws/vendedlogs/{self.stack_name}",
            retention=stage.log_retention,
            removal_policy=stage.removal_policy,
        )
        apigateway.CfnStage(
            self,
            "stage",
            api_id=self.http_api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.throttle_rate,
                throttling_burst_limit=stage.throttle_burst,
                detailed_metrics_enabled=True,
            ),
            access_log_settings=apigateway.CfnStage.AccessLogSettingsProperty(
                destination_arn=log.log_group_arn, format=json.dumps(ACCESS_LOG)
            ),
        )

    def _add_document(self) -> None:
        document = json.dumps(openapi_document(self.application), indent=2)
        function = Function(
            self,
            "document",
            stage=self.stage,
            description="Serves GET /openapi.json, and answers the requests that no service serves",
            handler="function.handler",
            code=lambda_.Code.from_asset(str(assets.openapi_function(document))),
            serves=True,
        )
        integration = HttpLambdaIntegration("document", function.live)
        reasons = {
            apigateway.HttpRouteKey.with_("/openapi.json", apigateway.HttpMethod.GET): (
                "The document is public. Clients read it before they have a token."
            ),
            apigateway.HttpRouteKey.DEFAULT: "It only answers that there is no such path or method.",
        }
        if self.application.allowed_origins:
            # Without it `$default` would refuse these requests (Amazon API Gateway Developer Guide, "Configure CORS for
            # HTTP APIs in API Gateway").
            preflight = apigateway.HttpRouteKey.with_("/{proxy+}", apigateway.HttpMethod.OPTIONS)
            reasons[preflight] = "Browsers send preflight requests without a token (Fetch Standard, CORS protocol)."
        for key, reason in reasons.items():
            route = apigateway.HttpRoute(self, key.key, http_api=self.http_api, route_key=key, integration=integration)
            acknowledge(route, "APIG4", reason)
