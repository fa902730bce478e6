"""The API: the application's HTTP API, its users, and its OpenAPI document."""

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
from infra.openapi.document import openapi_document
from infra.stacks.base import ApplicationStack
from infra.stacks.mail import users_email
from tidings.http.routes import OPERATORS

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
        authorizer: Accepts requests with a token of the API's users.
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
        client = self._add_client(users)
        self.authorizer = self._add_authorizer(users, client)
        self._add_document()
        self.add_output("ApiId", self.http_api.api_id)
        self.add_output("ApiUrl", self.http_api.api_endpoint)
        self.add_output("UserPool", users.user_pool_id)
        self.add_output("Client", client.user_pool_client_id)

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

    def _add_users(self) -> cognito.UserPool:
        stage = self.stage
        users = cognito.UserPool(
            self,
            "users",
            user_pool_name=self.application.resource_name(),
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
            email=users_email(self),
        )
        acknowledge(
            users,
            "COG2",
            "Every user can enable a second factor (TOTP). It is not required, because the users are the public, and "
            "most people have no authenticator app.",
        )
        if not stage.threat_protection:
            acknowledge(
                users,
                "COG8",
                "Threat protection needs the Plus plan, which costs more for each monthly active user. An operator "
                "chooses it by `threat_protection` of the stage.",
            )
        cognito.UserPoolGroup(
            self,
            OPERATORS,
            user_pool=users,
            group_name=OPERATORS,
            description=self.application.operators,
        )
        return users

    def _add_client(self, users: cognito.UserPool) -> cognito.UserPoolClient:
        return users.add_client(
            "client",
            generate_secret=False,
            disable_o_auth=True,
            # Clients sign in by SRP. The command line uses the admin flow, which needs AWS credentials. The public
            # endpoint never accepts a plain password.
            auth_flows=cognito.AuthFlow(user_srp=True, admin_user_password=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=Duration.hours(1),
            access_token_validity=Duration.hours(1),
        )

    def _add_authorizer(
        self, users: cognito.UserPool, client: cognito.UserPoolClient
    ) -> apigateway.IHttpRouteAuthorizer:
        authorizer = apigateway.HttpAuthorizer(
            self,
            "authorizer",
            http_api=self.http_api,
            type=apigateway.HttpAuthorizerType.JWT,
            identity_source=["$request.header.Authorization"],
            jwt_issuer=f"https://cognito-idp.{self.region}.{self.url_suffix}/{users.user_pool_id}",
            jwt_audience=[client.user_pool_client_id],
        )
        # The services' stacks share it, so they refer to its id. The CDK would move the construct into the first stack.
        return apigateway.HttpAuthorizer.from_http_authorizer_attributes(
            self, "by-id", authorizer_id=authorizer.authorizer_id, authorizer_type="JWT"
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
