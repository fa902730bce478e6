"""The command `tidings relay`: publishes again what the tables say was announced, under the same ids.

A relay gives up what it could not publish for hours. Nothing is lost with that, since each order's item holds all
events that its service has announced about it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ops.aws import TopicOutlet, telling
from ops.console import progress, results, step
from ops.failure import Failure
from ops.moment import moment_of
from ops.outputs import Outputs
from ops.sending import Sender
from ops.stage import WORKERS, Stage
from tidings.clock import now, rfc3339
from tidings.relay import Entry, Head

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, ScanInputTypeDef

    from tidings.item import Attributes

SEGMENTS = 4
"""Parts of a table that are scanned side by side."""

PAGE = 1_000
"""Items that one call looks at: what is read ahead stays small."""


class Announced(Head, frozen=True):
    """What is looked at of an event that a table holds."""

    time: str


_announced = msgspec.json.Decoder(Announced)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to publish again: the events of one order, or all since a time, of one service or of all that announce."""

    order: str | None = None
    since: str | None = None
    service: str | None = None
    rate: float | None = None
    dry_run: bool = False


def check(request: Request) -> None:
    """Refuses what makes no sense, whatever is deployed."""
    if not (request.order or request.since):
        raise Failure("say which events: those of an order (--order ID), or all since a time (--since TIME)")
    if request.since and moment_of(request.since) > rfc3339(now()):
        raise Failure(f"--since {request.since} lies in the future")


def relay(stage: Stage, outputs: Outputs, request: Request) -> None:
    """Publishes again what was asked for, and prints how much of what that was."""
    check(request)
    tables = announcing(outputs, request.service)
    with ThreadPoolExecutor(WORKERS) as executor:
        outlet = TopicOutlet(stage.client("sns"), outputs.topic)
        work = Relaying(
            client=stage.client("dynamodb"),
            executor=executor,
            sender=None if request.dry_run else Sender(outlet, "relay", executor, request.rate),
            since=moment_of(request.since) if request.since else "",
        )
        with step("Reading the events" if request.dry_run else "Publishing the events again") as shown:
            if request.order:
                done = work.order(tables, request.order)
            else:
                done = Counter[str]()
                for service, table in tables.items():
                    shown.says(service)
                    done += work.table(table)
    if request.order and not done:
        raise Failure(f"{' and '.join(tables)} announced nothing about order {request.order!r}{_later(request)}")
    _report(request, done)
    _remind(outputs, tables, stage)
    if outlet.refused:
        told = "; ".join(f"{event}: {why}" for event, why in sorted(outlet.refused.items()))
        raise Failure(f"{len(outlet.refused)} of them will never be taken by the topic: {told}")


def _later(request: Request) -> str:
    return f" since {request.since}" if request.since else ""


def _report(request: Request, done: Counter[str]) -> None:
    verb = "would be published" if request.dry_run else "published"
    types = ", ".join(f"{name} {number:,}" for name, number in sorted(done.items()))
    results.print(
        f"{done.total():,} {'event' if done.total() == 1 else 'events'} {verb}" + (f" ({types})" if types else ""),
        markup=False,
        soft_wrap=True,
    )


def _remind(outputs: Outputs, tables: Mapping[str, str], stage: Stage) -> None:
    """Of what the relays gave up and still have on record."""
    client = stage.client("sqs")
    for service in tables:
        if url := outputs.services[service].relay_dlq:
            with telling(f"the failures of {service}'s relay cannot be counted"):
                name = "ApproximateNumberOfMessages"
                counts = client.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
            if int(counts[name]):
                progress.print(
                    f"{service}'s relay gave up {counts[name]} batches; once their events are published, "
                    f"tidings dlq drop {service} --relay takes them off the list.",
                    soft_wrap=True,
                )


def announcing(outputs: Outputs, service: str | None) -> dict[str, str]:
    """The tables of the services that announce events, or of this one; Failure where it does not."""
    found = {name: each.table for name, each in outputs.services.items() if each.relay_dlq and each.table}
    if service is None:
        return found
    if service not in found:
        what = "announces nothing" if service in outputs.services else "is not deployed"
        raise Failure(f"{service} {what}; these announce events: {', '.join(found)}")
    return {service: found[service]}


@dataclass(frozen=True)
class Relaying:
    """Reads tables, and sends what they hold; without a sender it only counts. `since` is as events tell time."""

    client: "DynamoDBClient"
    executor: Executor
    sender: Sender | None
    since: str = ""

    def order(self, tables: Mapping[str, str], order: str) -> Counter[str]:
        """Publishes the events of one order by all these tables, in causal order; gives how many, by type."""
        found = [event for table in tables.values() for item in self._items(table, order) for event in log_of(item)]
        return self._send(sorted(found, key=lambda event: (event[0].time, event[0].id)))

    def table(self, table: str) -> Counter[str]:
        """Publishes the events of a whole table, each order's in their order; gives how many, by type."""
        done = Counter[str]()
        for items in self._pages(table):
            done += self._send([event for item in items for event in log_of(item)])
        return done

    def _send(self, events: Sequence[tuple[Announced, str]]) -> Counter[str]:
        chosen = [Entry(head, body) for head, body in events if head.time >= self.since]
        if self.sender:
            self.sender.send(chosen)
        return Counter(entry.head.type for entry in chosen)

    def _items(self, table: str, order: str) -> "Sequence[Attributes]":
        request: QueryInputTypeDef = {
            "TableName": table,
            "KeyConditionExpression": "pk = :order",
            "ExpressionAttributeValues": {":order": {"S": order}},
            "ConsistentRead": True,
        }
        with telling(f"{table} cannot be read"):
            return self.client.query(**request)["Items"]

    def _pages(self, table: str) -> "Iterator[Sequence[Attributes]]":
        """All items that hold events, by the page; the next of each segment is read while one is dealt with."""
        under_way: dict[Future[Any], int] = {
            self.executor.submit(self._page, table, segment, None): segment for segment in range(SEGMENTS)
        }
        while under_way:
            finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in finished:
                segment = under_way.pop(future)
                items, last = future.result()
                if last:
                    under_way[self.executor.submit(self._page, table, segment, last)] = segment
                yield items

    def _page(self, table: str, segment: int, after: Any) -> "tuple[Sequence[Attributes], Any]":
        request: ScanInputTypeDef = {
            "TableName": table,
            "Segment": segment,
            "TotalSegments": SEGMENTS,
            "FilterExpression": "attribute_exists(events)",
            "ProjectionExpression": "events",
            "ConsistentRead": True,
            "Limit": PAGE,
        }
        if after:
            request["ExclusiveStartKey"] = after
        with telling(f"{table} cannot be read"):
            answer = self.client.scan(**request)
        return answer["Items"], answer.get("LastEvaluatedKey")


def log_of(item: "Attributes") -> list[tuple[Announced, str]]:
    """The events that an item holds, oldest first."""
    bodies = [event["S"] for event in item.get("events", {"L": []})["L"]]
    return [(_announced.decode(body), body) for body in bodies]
