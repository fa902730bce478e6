"""The mail identity: the domain that an application's e-mails come from, shared by the stages of an account."""

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ses as ses

from infra.application import Application
from infra.stacks.base import ApplicationStack


class MailStack(Stack):
    """A domain that SES sends from, with DKIM. Its name contains the domain, and no stage.

    An account has one identity of a domain. So all stages whose senders have the same domain synthesize the same stack,
    and none of them owns it. An operator publishes the records in its outputs in the domain's DNS.
    """

    def __init__(self, app: App, application: Application) -> None:
        domain = application.mail_domain
        super().__init__(
            app,
            f"{application.name}-mail-{domain.replace('.', '-')}",
            description=f"{application.title}: the mail identity of {domain}",
            # In every stage, because others may use the identity.
            termination_protection=app.node.try_get_context("first") != "yes",
        )
        identity = ses.EmailIdentity(self, "domain", identity=ses.Identity.domain(domain), dkim_signing=True)
        identity.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        for n, record in enumerate(identity.dkim_records, start=1):
            CfnOutput(self, f"Dkim{n}", value=f"{record.name} CNAME {record.value}").override_logical_id(f"Dkim{n}")


def users_email(stack: ApplicationStack) -> cognito.UserPoolEmail | None:
    """Return how a user pool sends e-mails: through SES from the application's sender; None for Cognito's own way.

    Cognito sends about 50 e-mails a day by itself (Amazon Cognito Developer Guide, "Email settings for Amazon Cognito
    user pools").
    """
    application = stack.application
    if not application.mail_domain:
        return None
    return cognito.UserPoolEmail.with_ses(
        from_email=application.sender,
        from_name=application.title,
        ses_region=stack.region,
        ses_verified_domain=application.mail_domain,
    )
