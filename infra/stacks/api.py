"""The API: the application's HTTP API, its users and operators, and its OpenAPI document."""

import json

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import assets
from infra.application import Application
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.constructs.users import People
from infra.openapi.document import openapi_document
from infra.stacks.base import ApplicationStack
from infra.stacks.mail import users_email
from tidings.http.routes import Route

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
    """The HTTP API, to which services add their routes.

    Attributes:
        http_api: The API.
        users: The user pool of the users.
        authorizer: Accepts requests with a token of a user.
        operators_authorizer: Accepts requests with a token of an operator; None if no route is for operators.
        websocket_api: The WebSocket API, to which services add their routes; None if the application has no pages.
    """

    def __init__(self, scope: Construct, application: Application) -> None:
        super().__init__(scope, "api", application, "the HTTP API and its users")
        self.http_api = apigateway.HttpApi(
            self,
            "api",
            api_name=application.resource_name(),
            description=application.description,
            create_default_stage=False,
        )
        self._add_default_stage()
        users = self._add_users()
        self.users = users.pool
        self.authorizer = users.authorizer
        self.operators_authorizer: apigateway.IHttpRouteAuthorizer | None = None
        self._add_document()
        self.add_output("ApiId", self.http_api.api_id)
        self.add_output("ApiUrl", self.http_api.api_endpoint)
        self.add_output("UserPool", users.pool.user_pool_id)
        self.add_output("Client", users.client.user_pool_client_id)
        if any(route.operators for service in application.services for route in service.routes):
            operators = self._add_operators()
            self.operators_authorizer = operators.authorizer
            self.add_output("OperatorPool", operators.pool.user_pool_id)
            self.add_output("OperatorClient", operators.client.user_pool_client_id)
        self.websocket_api = self._add_websocket_api() if application.pages else None

    def authorizer_of(self, route: Route) -> apigateway.IHttpRouteAuthorizer | None:
        """Return the authorizer of a route: that of operators or of users; None if the route is open."""
        if route.open:
            return None
        return self.operators_authorizer if route.operators else self.authorizer

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

    def _add_websocket_api(self) -> apigateway.WebSocketApi:
        """Add the WebSocket API, with one stage that is named like this one."""
        stage = self.stage
        api = apigateway.WebSocketApi(
            self,
            "websocket-api",
            api_name=self.application.resource_name("websocket"),
            description=f"{self.application.title}: events as they happen",
        )
        deployed = apigateway.CfnStage(
            self,
            "websocket-stage",
            api_id=api.api_id,
            stage_name=stage.name,
            auto_deploy=True,
            default_route_settings=apigateway.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.throttle_rate,
                throttling_burst_limit=stage.throttle_burst,
                detailed_metrics_enabled=True,
            ),
        )
        acknowledge(
            deployed,
            "APIG1",
            "Logs of a WebSocket API need a role in the settings of the whole account, which its stages would have to "
            "share. The API's access log has the request of each ticket, and each ticket opens one connection.",
        )
        self.add_output("WebSocketApiId", api.api_id)
        self.add_output("WebSocketUrl", f"{api.api_endpoint}/{stage.name}")
        return api

    def _add_users(self) -> People:
        return People(
            self,
            "users",
            pool_name=self.application.resource_name(),
            stage=self.stage,
            http_api=self.http_api,
            sign_up=self.stage.self_sign_up,
            second_factor=cognito.Mfa.OPTIONAL,
            token_validity=Duration.hours(1),
            session=Duration.days(30),
            email=users_email(self),
        )

    def _add_operators(self) -> People:
        return People(
            self,
            "operators",
            pool_name=self.application.resource_name("operators"),
            stage=self.stage,
            http_api=self.http_api,
            sign_up=False,
            # The emulator knows no second factor.
            second_factor=cognito.Mfa.OPTIONAL if self.stage.emulated else cognito.Mfa.REQUIRED,
            token_validity=Duration.minutes(15),
            session=Duration.hours(8),
            email=users_email(self),
        )

    def _add_document(self) -> None:
        document = json.dumps(openapi_document(self.application), indent=2)
        function = Function(
            self,
            "document",
            stage=self.stage,
            description="Serves GET /openapi.json, and refuses the requests of no route",
            handler="function.handler",
            code=lambda_.Code.from_asset(str(assets.openapi_function(document))),
        )
        integration = HttpLambdaIntegration("document", function)
        keys = {
            apigateway.HttpRouteKey.with_("/openapi.json", apigateway.HttpMethod.GET): (
                "The document is public. Clients read it before they have a token."
            ),
            apigateway.HttpRouteKey.DEFAULT: "It only answers that there is no such path or method.",
        }
        for key, reason in keys.items():
            route = apigateway.HttpRoute(self, key.key, http_api=self.http_api, route_key=key, integration=integration)
            acknowledge(route, "APIG4", reason)
