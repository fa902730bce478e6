"""Notification's own resources: the mail system and its reports of failed e-mails."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_ses as ses

from functions.notification.bounces import SES
from infra.constructs.alarm import MINUTE
from infra.constructs.function import Function
from infra.constructs.nag import acknowledge
from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack

REPORTS = [ses.EmailSendingEvent.BOUNCE, ses.EmailSendingEvent.REJECT]


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Add SES with a configuration set, whose reports of bounces and rejections reach the service's queue."""
    configuration_set = ses.ConfigurationSet(stack, "mail", configuration_set_name=stack.stack_name)
    _report_to_queue(stack, configuration_set)
    consumer = stack.functions["consumer"]
    consumer.add_environment("SENDER", settings.sender)
    consumer.add_environment("MAIL_RATE", str(stack.rate_of_each_consumer(settings.mail_rate)))
    consumer.add_environment("MAILS_PER_HOUR", str(settings.mails_per_hour))
    consumer.add_environment("CONFIGURATION_SET", configuration_set.configuration_set_name)
    if stack.stage.emulated:
        # It checks the action on every resource, whichever the request names.
        consumer.allow("ses:SendEmail", on=["*"])
        ses.EmailIdentity(stack, "sender", identity=ses.Identity.email(settings.sender))
    else:
        _allow_send(stack, consumer, configuration_set, settings.sender)
    # SES counts by account. Counting by other dimensions costs extra.
    sent = cloudwatch.Metric(namespace="AWS/SES", metric_name="Send", statistic="Sum", period=MINUTE)
    stack.graphs.append(
        cloudwatch.GraphWidget(title="Cost: the account's e-mails", left=[sent.with_(label="Send")], width=8, height=6)
    )


def _allow_send(stack: ServiceStack, consumer: Function, configuration_set: ses.ConfigurationSet, sender: str) -> None:
    """Allow the consumer to send from one address only.

    SES checks the identity of the sender, whether it is a domain or an address, and in its sandbox those of the
    recipients too. The condition limits them all (Amazon SES Developer Guide, "Controlling access to Amazon SES").
    """
    identities = stack.format_arn(service="ses", resource="identity", resource_name="*")
    consumer.allow(
        "ses:SendEmail",
        on=[identities, _arn(stack, configuration_set)],
        conditions={"StringEquals": {"ses:FromAddress": sender}},
    )
    acknowledge(
        consumer.execution_role,
        "IAM5[Resource::arn:<AWS::Partition>:ses:<AWS::Region>:<AWS::AccountId>:identity/*]",
        "The condition `ses:FromAddress` allows one sender. In the sandbox SES checks the recipients' identities too.",
    )


def _report_to_queue(stack: ServiceStack, configuration_set: ses.ConfigurationSet) -> None:
    """Send the reports to the queue through the account's event bus and a rule, since SES has no target for queues.

    The default bus is encrypted and needs no key and no topic. SES delivers to it with best effort: if a report is
    lost, a failed e-mail is not announced, but no e-mail is sent twice.
    """
    bus = events.EventBus.from_event_bus_name(stack, "account-bus", "default")
    configuration_set.add_event_destination("reports", destination=ses.EventDestination.event_bus(bus), events=REPORTS)
    rule = events.Rule(
        stack,
        "reports",
        description="SES's reports of this service's e-mails",
        event_pattern=events.EventPattern(
            source=[SES],
            detail={
                "eventType": ["Bounce", "Reject"],
                "mail": {"tags": {"ses:configuration-set": [configuration_set.configuration_set_name]}},
            },
        ),
    )
    # Without an input transformer, so that the dead-letter queue keeps a report in the form that the queue receives.
    rule.add_target(targets.SqsQueue(stack.queues["queue"], dead_letter_queue=stack.queues["dlq"]))


def _arn(stack: ServiceStack, configuration_set: ses.ConfigurationSet) -> str:
    return stack.format_arn(
        service="ses", resource="configuration-set", resource_name=configuration_set.configuration_set_name
    )
