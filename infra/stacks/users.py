"""The users: the public and the operators, each with a user pool, its client, and an authorizer of the API."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from infra.application import Application
from infra.constructs.users import People, SignInPage
from infra.stacks.api import ApiStack
from infra.stacks.base import ApplicationStack
from infra.stacks.mail import users_email
from infra.stacks.web import CONSOLE, OPERATORS_DOMAIN, USERS_DOMAIN, WebStack, domain_prefix
from tidings.http.routes import Route


class UsersStack(ApplicationStack):
    """The people who call the API, by its routes: users, and operators if a route is for them.

    If the application has pages, its people sign in on Cognito's own pages, from which they return to those.

    Attributes:
        pool: The user pool of the users.
        authorizer: Accepts requests with a token of a user.
        operators_authorizer: Accepts requests with a token of an operator; None if no route is for operators.
    """

    def __init__(self, scope: Construct, application: Application, api: ApiStack, web: WebStack | None) -> None:
        super().__init__(scope, "users", application, "the users and the operators")
        users = self._add_users(api, web)
        self.pool = users.pool
        self.authorizer = users.authorizer
        self.operators_authorizer: apigateway.IHttpRouteAuthorizer | None = None
        self._add_outputs("User", users)
        self.add_output("Client", users.client.user_pool_client_id)
        if any(route.operators for service in application.services for route in service.routes):
            operators = self._add_operators(api, web)
            self.operators_authorizer = operators.authorizer
            self._add_outputs("Operator", operators)
            self.add_output("OperatorClient", operators.client.user_pool_client_id)

    def authorizer_of(self, route: Route) -> apigateway.IHttpRouteAuthorizer | None:
        """Return the authorizer of a route: that of operators or of users; None if the route is open."""
        if route.open:
            return None
        return self.operators_authorizer if route.operators else self.authorizer

    def _add_users(self, api: ApiStack, web: WebStack | None) -> People:
        return People(
            self,
            "users",
            pool_name=self.application.resource_name(),
            stage=self.stage,
            http_api=api.http_api,
            sign_up=self.stage.self_sign_up,
            second_factor=cognito.Mfa.OPTIONAL,
            token_validity=Duration.hours(1),
            session=Duration.days(30),
            email=users_email(self),
            sign_in=SignInPage(domain_prefix(self, USERS_DOMAIN), f"{web.url}/") if web else None,
        )

    def _add_operators(self, api: ApiStack, web: WebStack | None) -> People:
        return People(
            self,
            "operators",
            pool_name=self.application.resource_name("operators"),
            stage=self.stage,
            http_api=api.http_api,
            sign_up=False,
            # The emulator knows no second factor.
            second_factor=cognito.Mfa.OPTIONAL if self.stage.emulated else cognito.Mfa.REQUIRED,
            token_validity=Duration.minutes(15),
            session=Duration.hours(8),
            email=users_email(self),
            sign_in=SignInPage(domain_prefix(self, OPERATORS_DOMAIN), f"{web.url}{CONSOLE}/") if web else None,
        )

    def _add_outputs(self, kind: str, people: People) -> None:
        self.add_output(f"{kind}Pool", people.pool.user_pool_id)
        if people.domain:
            self.add_output(f"{kind}Domain", people.domain.base_url())
