"""People who sign in: a user pool, its client, and the authorizer that accepts the client's ID tokens."""

from typing import NamedTuple

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.constructs.nag import acknowledge
from infra.stages import Stage


class SignInPage(NamedTuple):
    """Cognito's page on which people sign in by the code flow.

    Attributes:
        prefix: The first part of its domain, which no other user pool of the region has.
        home: The address of the application's page, with a final `/`. People return to it with the code, at
            `signed-in`, and after they have signed out.
    """

    prefix: str
    home: str


class People(Construct):
    """One kind of people: the public, or the application's operators.

    A token of one kind is not valid on the routes of the other.

    Attributes:
        pool: The user pool.
        client: The pool's only client.
        domain: The domain of the page on which they sign in; None if they have no page.
        authorizer: Accepts requests with a token of the client.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        pool_name: str,
        stage: Stage,
        http_api: apigateway.IHttpApi,
        sign_up: bool,
        second_factor: cognito.Mfa,
        token_validity: Duration,
        session: Duration,
        email: cognito.UserPoolEmail | None = None,
        sign_in: SignInPage | None = None,
    ) -> None:
        """Add the resources.

        Args:
            scope: The stack.
            name: The construct's id.
            pool_name: The pool's name.
            stage: The stage.
            http_api: The API that they call.
            sign_up: Whether they can create accounts themselves.
            second_factor: Whether they need a second factor, which is an authenticator app.
            token_validity: How long a token is valid. The API accepts it until then, even if the user is disabled.
            session: How long new tokens can be got without signing in again.
            email: How the pool sends e-mails; Cognito's own way, which is for tests, if omitted.
            sign_in: The page on which they sign in; none if omitted.
        """
        super().__init__(scope, name)
        self.pool = self._add_pool(pool_name, stage, sign_up, second_factor, email)
        self.client = self.pool.add_client(
            "client",
            generate_secret=False,
            disable_o_auth=sign_in is None,
            o_auth=_code_flow(sign_in) if sign_in else None,
            # The users of a page sign in on Cognito's page, and other clients by SRP. The command line uses the admin
            # flow, which needs AWS credentials. The public endpoint never accepts a plain password.
            auth_flows=cognito.AuthFlow(user_srp=True, admin_user_password=True),
            prevent_user_existence_errors=True,
            enable_token_revocation=True,
            id_token_validity=token_validity,
            access_token_validity=token_validity,
            refresh_token_validity=session,
        )
        self.domain = (
            self.pool.add_domain("domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=sign_in.prefix))
            if sign_in
            else None
        )
        self.authorizer = self._add_authorizer(http_api)

    def _add_pool(
        self,
        name: str,
        stage: Stage,
        sign_up: bool,
        second_factor: cognito.Mfa,
        email: cognito.UserPoolEmail | None,
    ) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "pool",
            user_pool_name=name,
            sign_in_aliases=cognito.SignInAliases(email=True),
            sign_in_case_sensitive=False,
            self_sign_up_enabled=sign_up,
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            # A new address is used once it is verified. A typing error then leaves the user the verified one.
            keep_original=cognito.KeepOriginalAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_lowercase=True,
                require_uppercase=True,
                require_digits=True,
                require_symbols=True,
            ),
            mfa=second_factor,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            feature_plan=cognito.FeaturePlan.PLUS if stage.threat_protection else cognito.FeaturePlan.ESSENTIALS,
            standard_threat_protection_mode=(
                cognito.StandardThreatProtectionMode.FULL_FUNCTION if stage.threat_protection else None
            ),
            deletion_protection=stage.protected,
            removal_policy=stage.removal_policy,
            email=email,
        )
        if second_factor != cognito.Mfa.REQUIRED:
            acknowledge(
                pool,
                "COG2",
                "Every user can enable a second factor (TOTP). It is not required, because the users are the public, "
                "and most people have no authenticator app.",
            )
        if not stage.threat_protection:
            acknowledge(
                pool,
                "COG8",
                "Threat protection needs the Plus plan, which costs more for each monthly active user. An operator "
                "chooses it by `threat_protection` of the stage.",
            )
        return pool

    def _add_authorizer(self, http_api: apigateway.IHttpApi) -> apigateway.IHttpRouteAuthorizer:
        region, suffix = self.pool.stack.region, self.pool.stack.url_suffix
        authorizer = apigateway.HttpAuthorizer(
            self,
            "authorizer",
            http_api=http_api,
            authorizer_name=self.node.id,
            type=apigateway.HttpAuthorizerType.JWT,
            identity_source=["$request.header.Authorization"],
            jwt_issuer=f"https://cognito-idp.{region}.{suffix}/{self.pool.user_pool_id}",
            jwt_audience=[self.client.user_pool_client_id],
        )
        # The services' stacks share it, so they refer to its id. The CDK would move the construct into the first stack.
        return apigateway.HttpAuthorizer.from_http_authorizer_attributes(
            self, "by-id", authorizer_id=authorizer.authorizer_id, authorizer_type="JWT"
        )


def _code_flow(page: SignInPage) -> cognito.OAuthSettings:
    """Return the settings of the code flow. A client without a secret proves by PKCE that the code is its own."""
    return cognito.OAuthSettings(
        flows=cognito.OAuthFlows(authorization_code_grant=True),
        scopes=[cognito.OAuthScope.OPENID, cognito.OAuthScope.EMAIL],
        callback_urls=[f"{page.home}signed-in"],
        logout_urls=[page.home],
    )
