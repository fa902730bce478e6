"""The API: the one HTTP entrance, its users, and the document that describes it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from infra import assets
from infra.function import Function
from infra.nag import acknowledge
from infra.openapi import document
from infra.services import Found
from infra.stack import StageStack
from infra.stages import Stage
from tidings.routes import OPERATORS

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


class ApiStack(StageStack):
    """The HTTP API that services add their routes to. `authorizer` lets in who has a token of its users."""

    def __init__(self, scope: Construct, stage: Stage, services: Sequence[Found]) -> None:
        super().__init__(scope, "api", stage, "Tidings: the HTTP API and its users")
        self.http_api = apigateway.HttpApi(
            self, "api", api_name=stage.named(), description="The shop's orders", create_default_stage=False
        )
        self._deploy()
        users = self._users()
        client = self._client(users)
        self.authorizer = self._authorizer(users, client)
        self._publish(document(services))
        self.output("ApiId", self.http_api.api_id)
        self.output("ApiUrl", self.http_api.api_endpoint)
        self.output("UserPool", users.user_pool_id)
        self.output("Client", client.user_pool_client_id)

    def _deploy(self) -> None:
        stage = self.stage
        log = logs.LogGroup(
            self,
            "access-logs",
            # The prefix keeps the API from outgrowing CloudWatch Logs' resource policy (Amazon CloudWatch Logs
            # User Guide, "Log group resource policy size limit considerations").
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

    def _users(self) -> cognito.UserPool:
        stage = self.stage
        users = cognito.UserPool(
            self,
            "users",
            user_pool_name=stage.named(),
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            self_sign_up_enabled=stage.self_sign_up,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
            ),
            mfa=cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            feature_plan=cognito.FeaturePlan.PLUS if stage.threat_protection else cognito.FeaturePlan.ESSENTIALS,
            standard_threat_protection_mode=(
                cognito.StandardThreatProtectionMode.FULL_FUNCTION if stage.threat_protection else None
            ),
            deletion_protection=stage.protected,
            removal_policy=stage.removal_policy,
        )
        acknowledge(
            users,
            "COG2",
            "The pool holds the shop's customers: each may turn a second factor on (TOTP), and is not made to, "
            "since a shop that asks for an authenticator app at its door sells little.",
        )
        if not stage.threat_protection:
            acknowledge(
                users,
                "COG8",
                f"The Plus plan is paid for by the user, and {stage.name} has made-up ones only; prod has it.",
            )
        cognito.UserPoolGroup(
            self,
            OPERATORS,
            user_pool=users,
            group_name=OPERATORS,
            description="May see all orders, set products and stock, and dispatch",
        )
        return users

    def _client(self, users: cognito.UserPool) -> cognito.UserPoolClient:
        return users.add_client(
            "client",
            generate_secret=False,
            disable_o_auth=True,
            # Shops sign in by SRP. The admin's way needs AWS credentials, and is how the command line gets a
            # token: no bare password is ever taken at the public endpoint.
            auth_flows=cognito.AuthFlow(user_srp=True, admin_user_password=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=Duration.hours(1),
            access_token_validity=Duration.hours(1),
        )

    def _authorizer(self, users: cognito.UserPool, client: cognito.UserPoolClient) -> apigateway.IHttpRouteAuthorizer:
        authorizer = apigateway.HttpAuthorizer(
            self,
            "authorizer",
            http_api=self.http_api,
            type=apigateway.HttpAuthorizerType.JWT,
            identity_source=["$request.header.Authorization"],
            jwt_issuer=f"https://cognito-idp.{self.region}.{self.url_suffix}/{users.user_pool_id}",
            jwt_audience=[client.user_pool_client_id],
        )
        # By its id, since the services' stacks share it: bound by the CDK it would move into the first one.
        return apigateway.HttpAuthorizer.from_http_authorizer_attributes(
            self, "by-id", authorizer_id=authorizer.authorizer_id, authorizer_type="JWT"
        )

    def _publish(self, openapi: Mapping[str, Any]) -> None:
        function = Function(
            self,
            "document",
            stage=self.stage,
            description="Answers GET /openapi.json",
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(assets.document(json.dumps(openapi, indent=2)))),
        )
        route = apigateway.HttpRoute(
            self,
            "GET /openapi.json",
            http_api=self.http_api,
            route_key=apigateway.HttpRouteKey.with_("/openapi.json", apigateway.HttpMethod.GET),
            integration=HttpLambdaIntegration("document", function),
        )
        acknowledge(
            route,
            "APIG4",
            "What the API is like is no secret; who would call it must be able to read it first.",
        )
