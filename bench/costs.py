"""The costs of an order: calls, write units and dollars, counted on moto with the deployed code and resources."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.erasure import PAGE, erasure_recording
from bench.figures import Figure, Limit, Table
from bench.pricing import PRICES, STAGE, bill, prices
from bench.scale import WAVE, Scale
from bench.shop import LINES, Attributes, Invocation, RecordedWrite, Schema, recording
from bench.traffic import own_calls
from bench.units import index_units, put_units, size, write_units
from functions.history.log import PERSONAL_ITEM
from infra import assets
from infra.shop import shop_services
from infra.stages import STAGES

KEYS = (
    "calls.place_order",
    "calls.reaction",
    "calls.order",
    "wru.ratio",
    "usd.million_orders",
    "erasure.usd",
    "scale.slope",
    "package.mb",
)

Recording = Sequence[Invocation]
Schemas = Mapping[str, Schema]

HAPPY = (
    f"A happy order of {len(LINES)} lines by itself, from POST /orders to its dispatch, through all services on moto"
)
FEW, MANY = 10, 1000
ERASED = 1000
CONCURRENT = 10
MB = 2**20


def measure() -> Iterator[Figure]:
    """Measure all figures of this group, from one recorded order."""
    invocations, schemas = recording()
    yield place_order(invocations)
    yield handled_event(invocations, recording(CONCURRENT)[0])
    yield order(invocations)
    yield write_ratio(invocations, schemas)
    yield million_orders(invocations, schemas)
    yield erasures(*erasure_recording())
    yield slope()
    yield package()


# Calls


def place_order(invocations: Recording) -> Figure:
    """Count the requests of POST /orders."""
    placing = next(each for each in invocations if each.function == "api")
    made = [call.operation for call in placing.calls]
    return Figure(
        "calls.place_order",
        len(made),
        "requests",
        None,
        f"Requests that POST /orders makes in a function that has the products in its cache: {', '.join(made)}.",
        Limit("=", 1),
    )


def handled_event(invocations: Recording, concurrent: Recording = ()) -> Figure:
    """Count the DynamoDB requests of a handled event.

    Args:
        invocations: The recording of one order.
        concurrent: The recording of several orders that are placed at once, for comparison.
    """
    requests, events = _requests_and_events(invocations)
    concurrent_requests, concurrent_events = _requests_and_events(concurrent)
    rows = {
        name: (
            requests[name] / events[name],
            events[name],
            *((concurrent_requests[name] / concurrent_events[name],) if concurrent else ()),
        )
        for name in sorted(events)
    }
    columns = ("requests", "events", *((f"requests, {CONCURRENT} orders at once",) if concurrent else ()))
    compared = (
        f" With {CONCURRENT} orders placed at once: {concurrent_requests.total() / concurrent_events.total():.3g}."
        if concurrent
        else ""
    )
    return Figure(
        "calls.reaction",
        requests.total() / events.total(),
        "requests",
        None,
        f"{HAPPY}: {requests.total()} DynamoDB requests for {events.total()} handled events, without those of "
        "history and live, which have no event handlers, and of the simulated payment gateway, a model of Stripe. "
        "Each message is a batch by "
        f"itself, unless two events of the order wait in a queue together.{compared}",
        Limit("≤", 2.0),
        (Table("DynamoDB requests of a handled event", columns, rows, "requests", "bars"),),
    )


def order(invocations: Recording) -> Figure:
    """Count all requests of an order."""
    made: dict[str, Counter[str]] = {}
    for each in invocations:
        calls = made.setdefault(each.service, Counter())
        calls.update(call.operation for call in own_calls(each))
        if each.function == "consumer":
            calls.update(("SQS receive", "SQS delete"))
        if each.function == "relay":
            calls["stream read"] += 1
    operations = sorted({operation for calls in made.values() for operation in calls})
    rows = {name: [made[name][operation] for operation in operations] for name in sorted(made)}
    return Figure(
        "calls.order",
        sum(calls.total() for calls in made.values()),
        "requests",
        None,
        f"{HAPPY}, with history's and without the simulated gateway's own. Added by formula for each batch: one "
        "receive and one delete of SQS, or one read of the stream. Empty polls are not counted.",
        tables=(Table("Requests of an order", operations, rows, "requests", "stacked"),),
    )


# Write units


@dataclass
class _Units:
    """A service's write units: of the order's items, of three items instead, and of other items."""

    ours: int = 0
    three: int = 0
    others: int = 0


def write_ratio(invocations: Recording, schemas: Schemas) -> Figure:
    """Count the write units of the order's items, compared with three items in a transaction."""
    units: dict[str, _Units] = {}
    for service, write in _writes(invocations):
        sums, schema = units.setdefault(service, _Units()), schemas[write.table]
        if _is_entity(write):
            sums.ours += write_units(write, schema)
            sums.three += three_items(write, schema)
        else:
            sums.others += write_units(write, schema)
    ours, three = sum(each.ours for each in units.values()), sum(each.three for each in units.values())
    columns = ("one item", "three items", "other items")
    rows = {name: (each.ours, each.three, each.others) for name, each in sorted(units.items())}
    return Figure(
        "wru.ratio",
        ours / three,
        "×",
        three,
        f"{HAPPY}: write units of each service's item of the order ({ours}), by DynamoDB's rules from the written "
        "items, with indexes and failed conditions, ÷ the same writes as a transaction of three kinds of items: the "
        f"state, an inbox item for the handled event and an outbox item for each announced event ({three}). A command "
        "has no inbox item, and a write without either kind needs no transaction. Other items are counted separately: "
        "stock, balances, counters, the days of fraud's customers, and all of history's.",
        Limit("≤", 0.55),
        (Table("Write units of an order", columns, rows, "write units", "grouped"),),
    )


def three_items(write: RecordedWrite, schema: Schema) -> int:
    """Return the cost of a write if state, inbox and outbox were separate items."""
    before, after = _parts(write.before), _parts(write.after)
    new = [entry for name in ("inbox", "outbox") for entry in _added(name, write)]
    items = [put_units(before, after), *(put_units(None, _log_item(after, entry)) for entry in new)]
    transactional = bool(new) or write.transactional
    return sum(items) * (1 + transactional) + (0 if write.failed else index_units(write, schema))


def _parts(item: Attributes | None) -> Attributes:
    """Return the item without inbox and outbox."""
    return {name: value for name, value in (item or {}).items() if name not in ("inbox", "outbox", "announces")}


def _added(name: str, write: RecordedWrite) -> Sequence[str]:
    """Return the entries that a write adds to the inbox or the outbox."""
    texts = [[each["S"] for each in (item or {}).get(name, {"L": []})["L"]] for item in (write.before, write.after)]
    return texts[1][len(texts[0]) :]


def _log_item(state: Attributes, entry: str) -> Attributes:
    """Return an item of the inbox or the outbox, with the order's key and a sort key."""
    return {"pk": state["pk"], "sk": {"S": "inbox#1"}, "entry": {"S": entry}}


def _is_entity(write: RecordedWrite) -> bool:
    return "version" in (write.after or write.before or {})


def _writes(invocations: Recording) -> Iterator[tuple[str, RecordedWrite]]:
    for each in invocations:
        for call in own_calls(each):
            yield from ((each.service, write) for write in call.writes)


# The bill


def million_orders(invocations: Recording, schemas: Schemas) -> Figure:
    """Compute the bill for a million orders."""
    charged = bill(invocations, schemas)
    columns = sorted({service for sums in charged.values() for service in sums})
    rows = {name: [10**6 * charged[name].get(column, 0) for column in columns] for name in sorted(charged)}
    by_aws = {column: sum(row[n] for row in rows.values()) for n, column in enumerate(columns)}
    by_service = {name: sum(row) for name, row in rows.items()}
    total = sum(by_service.values())
    listed, kept = prices(), _kept(invocations)
    return Figure(
        "usd.million_orders",
        total,
        "USD",
        None,
        f"{HAPPY}, a million times, each message by itself. Of AWS's services, {_greatest(by_aws, total)} of the bill; "
        f"of the shop's, {_greatest(by_service, total)}. Prices: bench/{PRICES.name}, {listed.region}, {listed.as_of}. "
        f"{listed.note} Lambda's time is assumed: the milliseconds that the file gives each request, in a function of "
        f"{STAGE.memory_mb} MB. Also assumed are {listed.log_bytes_an_invocation:g} bytes of log an invocation, and "
        f"traces of {listed.traced:.0%} of the invocations. The bill does not contain costs that do not depend on "
        "orders (polling, alarms, keys), "
        f"those of open pages ({10**6 * listed.usd['websocket_message']:g} USD for a million pushes, and "
        f"{10**6 * listed.usd['websocket_connection_minute']:g} USD for a million minutes of connections), "
        "Stripe's fees, Cognito's price for each monthly active user "
        f"({listed.usd['cognito_essentials_monthly_user']:g} USD; AWS's free tier covers the first 10,000), "
        "and storage: an order leaves "
        f"{kept / 1024:.1f} KB without its indexes, which is "
        f"{kept * 10**6 / 2**30 * listed.usd['dynamodb_gb_month']:.2f} USD a month for a million.",
        tables=(
            Table("A million orders, by service of the shop", columns, rows, "USD", "stacked"),
            Table(
                "A million orders, by service of AWS",
                ("USD",),
                {name: (by_aws[name],) for name in sorted(by_aws, key=by_aws.__getitem__, reverse=True)},
                "USD",
                "bars",
            ),
        ),
    )


def erasures(invocations: Recording, schemas: Schemas) -> Figure:
    """Compute the cost of the erasure of the personal data of 1,000 orders.

    Args:
        invocations: The erasure of a page of orders.
        schemas: The schemas of the tables.
    """
    charged = bill(invocations, schemas)
    columns = sorted({service for sums in charged.values() for service in sums})
    times = ERASED / PAGE
    rows = {name: [times * charged[name].get(column, 0) for column in columns] for name in sorted(charged)}
    by_service = {name: sum(row) for name, row in rows.items()}
    total = sum(by_service.values())
    return Figure(
        "erasure.usd",
        total,
        "USD",
        None,
        f"The erasure of the personal data of {ERASED:,} dispatched orders of one customer, {PAGE} orders in each step "
        f"of a job: privacy asks each service what goes on with them, announces an event for each, and each service "
        f"that keeps personal data erases it. Counted on moto for {PAGE} orders, in batches of up to ten messages. "
        f"Of the shop's services, {_greatest(by_service, total)}. Prices and assumptions are those of "
        "`usd.million_orders`. Further passes over the orders only ask and read, and Cognito and S3 are asked once for "
        "each person. These are not contained.",
        tables=(Table(f"The erasure of {ERASED:,} orders", columns, rows, "USD", "stacked"),),
    )


def _greatest(sums: Mapping[str, float], total: float) -> str:
    name = max(sums, key=sums.__getitem__)
    return f"{name} is {sums[name] / total:.0%}"


def _kept(invocations: Recording) -> int:
    """Return the final size in bytes of the items that belong to the order alone."""
    last: dict[tuple[str, str], Attributes] = {}
    for _, write in _writes(invocations):
        if write.after and (_is_entity(write) or "event" in write.after or _is_personal(write.after)):
            last[write.table, str(write.after["pk"]) + str(write.after.get("id"))] = write.after
    return sum(size(item) for item in last.values())


def _is_personal(item: Attributes) -> bool:
    """Return whether an item is history's of an order's personal data."""
    return item.get("id") == {"S": PERSONAL_ITEM}


# Scale and size


def slope(many_orders: int = MANY) -> Figure:
    """Compare the calls per order of many orders with those of few, once of different orders and once of like ones."""
    counts = [_calls(many_orders, alike=alike) for alike in (False, True)]
    few, many, _ = max(counts, key=lambda count: count[1] / count[0])
    names = (f"{FEW} orders", f"{many_orders:,} orders", f"{many_orders:,} orders at once")
    rows = dict(zip(names, zip(*counts, strict=True), strict=True))
    return Figure(
        "scale.slope",
        many / few,
        "×",
        few,
        f"Calls per order of {many_orders:,} orders ÷ of {FEW}. {WAVE} are placed at once, so that batches are "
        "equally full. Counted at the ports of the simulation's shop, which runs the real services and the real "
        "library in memory: each call of a port, and the answer of each invocation. The first orders are the warm-up. "
        "This is the larger one of two ratios: of orders of different customers to different addresses for three "
        "products each, and of orders of one customer to one address for one product.",
        Limit("≤", 1.05),
        (Table("Calls per order", ("different orders", "orders that are alike"), rows, "calls", "grouped"),),
    )


def _calls(many_orders: int, *, alike: bool) -> tuple[float, float, float]:
    """Return the calls per order of few orders, of many, and of many at once."""
    shop, concurrent = Scale(alike=alike), Scale(alike=alike)
    for each in (shop, concurrent):
        each.calls_per_order(WAVE)
    few, many = shop.calls_per_order(FEW), shop.calls_per_order(many_orders)
    return few, many, concurrent.calls_per_order(many_orders, many_orders)


def package() -> Figure:
    """Measure the sizes of the deployed code."""
    stage = STAGES["local"]
    layer = _folder_size(assets.layer(stage)) / MB
    rows = {"layer": (layer,)}
    rows |= {each.name: (_folder_size(assets.service_code(each)) / MB,) for each in shop_services()}
    return Figure(
        "package.mb",
        layer,
        "MB",
        None,
        "Size of the unzipped files in the layer that all functions share, with boto3 and the models of the services "
        "that it calls, and in each service's code, as the stage `local` deploys them. A MB is 2^20 bytes.",
        Limit("≤", 20),
        (Table("Deployed code", ("MB",), rows),),
    )


def _folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _requests_and_events(invocations: Recording) -> tuple[Counter[str], Counter[str]]:
    """Return the DynamoDB requests and the handled events of each service that has event handlers."""
    handling = {folder.name for folder in shop_services() if not folder.service.subscribes_to_all}
    requests: Counter[str] = Counter()
    events: Counter[str] = Counter()
    for each in invocations:
        if each.function == "consumer" and each.service in handling:
            requests[each.service] += len(list(own_calls(each, "DynamoDB")))
            events[each.service] += len(each.types)
    return requests, events
