"""The republishing of events from the services' own tables."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ops.console import print_note, print_result, step
from ops.counts import counted
from ops.errors import CommandError
from ops.ids import parse_order_id
from ops.outputs import Outputs
from ops.refusals import name_refused
from ops.stage import WORKERS, DeployedStage
from ops.times import parse_time
from tidings.aws.recovery import DynamoOutboxTable, SqsQueueGauge, TopicDestination
from tidings.core.clock import now, to_rfc3339
from tidings.recovery import Republisher, Sender


@dataclass(frozen=True, kw_only=True)
class RepublishOptions:
    """The options of `tidings relay`: the events of one order, or all since a time; of one service or of all."""

    order: str | None = None
    since: str | None = None
    service: str | None = None
    rate: float | None = None
    dry_run: bool = False

    def check(self) -> None:
        """Raise `CommandError` if the options are incomplete or contradictory."""
        if self.order is None and self.since is None:
            raise CommandError("select the events of an order (--order ID), or all since a time (--since TIME)")
        if self.order is not None:
            parse_order_id(self.order)
        if self.since and parse_time(self.since) > to_rfc3339(now()):
            raise CommandError(f"--since {self.since} lies in the future")


def republish(stage: DeployedStage, outputs: Outputs, options: RepublishOptions) -> None:
    """Publish the selected events again, and print their number.

    Raises:
        CommandError: If there are none of the order, or the topic will never accept some of them.
    """
    names = announcing(outputs, options.service)
    with ThreadPoolExecutor(WORKERS) as threads:
        client = stage.client("dynamodb")
        tables = {name: DynamoOutboxTable(client, table, threads) for name, table in names.items()}
        topic = TopicDestination(stage.client("sns"), outputs.topic)
        republisher = Republisher(
            sender=None if options.dry_run else Sender(topic, "relay", threads, options.rate),
            since=parse_time(options.since) if options.since else "",
        )
        with step("Reading the events" if options.dry_run else "Publishing the events again") as shown:
            if options.order:
                published = republisher.republish_entity(tables, options.order)
            else:
                published = Counter[str]()
                for name, table in tables.items():
                    shown.update(name)
                    published += republisher.republish_table(name, table)
    if options.order and not published and not republisher.refused:
        since = f" since {options.since}" if options.since else ""
        raise CommandError(f"{' and '.join(names)} announced nothing about order {options.order!r}{since}")
    _report(options, published)
    _remind(stage, outputs, names)
    if refused := republisher.refused:
        raise CommandError(f"the topic will never accept {len(refused):,} of them: {name_refused(refused)}")


def _report(options: RepublishOptions, published: Counter[str]) -> None:
    number = published.total()
    verb = "would be published" if options.dry_run else "published"
    types = ", ".join(f"{name} {count:,}" for name, count in sorted(published.items()))
    print_result(f"{counted(number, 'event')} {verb}" + (f" ({types})" if types else ""))


def _remind(stage: DeployedStage, outputs: Outputs, names: Mapping[str, str]) -> None:
    """Name the relays' dead-letter queues that are not empty."""
    client = stage.client("sqs")
    for name in names:
        if url := outputs.service(name).relay_dlq:
            waiting = SqsQueueGauge(client, url).depth().waiting
            if waiting:
                print_note(
                    f"{name}'s relay has {counted(waiting, 'dead letter')}: "
                    f"{stage.command(f'dlq show {name} --relay')} shows them; "
                    f"once their events are published, run {stage.command(f'dlq drop {name} --relay')}."
                )


def announcing(outputs: Outputs, service: str | None) -> dict[str, str]:
    """Return the tables of the services that announce events, by service; or only of one service.

    Raises:
        CommandError: If that service announces no events.
    """
    found = {name: each.table for name, each in outputs.services.items() if each.relay_dlq and each.table}
    if service is None:
        return found
    if service not in found:
        reason = "announces no events" if service in outputs.services else "is not deployed"
        raise CommandError(f"{service} {reason}; these services announce events: {', '.join(found)}")
    return {service: found[service]}
