"""What the stack of notification has more than others': the mail system, and its reports of what failed."""

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_ses as ses

from functions.notification.bounces import SES
from infra.service import ServiceStack

REPORTS = [ses.EmailSendingEvent.BOUNCE, ses.EmailSendingEvent.REJECT]


def extend(stack: ServiceStack) -> None:
    """SES by a configuration set, whose bounces and rejections reach the service's own queue."""
    stage = stack.stage
    configuration_set = ses.ConfigurationSet(stack, "mail", configuration_set_name=stack.stack_name)
    _report_to_queue(stack, configuration_set)
    consumer = stack.functions["consumer"]
    consumer.add_environment("SENDER", stage.sender)
    consumer.add_environment("CONFIGURATION_SET", configuration_set.configuration_set_name)
    identity = ses.EmailIdentity(stack, "sender", identity=ses.Identity.email(stage.sender))
    # The emulator asks for every resource, whichever is named.
    resources = ["*"] if stage.emulated else [identity.email_identity_arn, _arn(stack, configuration_set)]
    consumer.allow("ses:SendEmail", on=resources)


def _report_to_queue(stack: ServiceStack, configuration_set: ses.ConfigurationSet) -> None:
    """SES has no way to a queue of its own: it tells the account's event bus, and a rule passes that on.

    That bus is encrypted and needs no key and no topic of ours. SES delivers to it with best effort: a report that is
    lost means a failed e-mail that nobody hears of, never one sent twice.
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
    # The event goes as it is: what could not be delivered lies in the dead-letter queue like that too.
    rule.add_target(targets.SqsQueue(stack.queues["queue"], dead_letter_queue=stack.queues["dlq"]))


def _arn(stack: ServiceStack, configuration_set: ses.ConfigurationSet) -> str:
    return stack.format_arn(
        service="ses", resource="configuration-set", resource_name=configuration_set.configuration_set_name
    )
