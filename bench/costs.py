"""What an order costs: calls, write units and dollars, counted on moto, where everything is as it is deployed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure, Limit, Table
from bench.pricing import PRICES, STAGE, bill, prices
from bench.scale import WAVE, Scale
from bench.shop import LINES, Attributes, Invocation, Schema, Write, recording
from bench.traffic import own_calls
from bench.units import index_units, put_units, size, write_units
from infra import assets
from infra.services import discover
from infra.stages import STAGES

KEYS = (
    "calls.place_order",
    "calls.reaction",
    "calls.order",
    "wru.ratio",
    "usd.million_orders",
    "scale.slope",
    "package.mb",
)

Recording = Sequence[Invocation]
Schemas = Mapping[str, Schema]

HAPPY = (
    f"A happy order of {len(LINES)} lines by itself, from POST /orders to its dispatch, through all services on moto"
)
FEW, MANY = 10, 1000
CROWD = 10
MB = 2**20


def measure() -> Iterator[Figure]:
    """All of them, from one recorded order."""
    invocations, schemas = recording()
    yield place_order(invocations)
    yield reaction(invocations, recording(CROWD)[0])
    yield order(invocations)
    yield write_ratio(invocations, schemas)
    yield million_orders(invocations, schemas)
    yield slope()
    yield package()


# Calls


def place_order(invocations: Recording) -> Figure:
    """The requests of POST /orders."""
    placing = next(each for each in invocations if each.function == "api")
    made = [call.operation for call in placing.calls]
    return Figure(
        "calls.place_order",
        len(made),
        "requests",
        None,
        f"Requests that POST /orders makes in a function that has seen its products before: {', '.join(made)}.",
        Limit("=", 1),
    )


def reaction(invocations: Recording, crowd: Recording = ()) -> Figure:
    """DynamoDB requests of a reaction; `crowd` are several orders placed at once, for comparison."""
    requests, reactions = _reactions(invocations)
    among, all_reactions = _reactions(crowd)
    rows = {
        name: (
            requests[name] / reactions[name],
            reactions[name],
            *((among[name] / all_reactions[name],) if crowd else ()),
        )
        for name in sorted(reactions)
    }
    columns = ("requests", "reactions", *((f"requests, among {CROWD} orders",) if crowd else ()))
    beside = f" Of {CROWD} orders placed at once: {among.total() / all_reactions.total():.3g}." if crowd else ""
    return Figure(
        "calls.reaction",
        requests.total() / reactions.total(),
        "requests",
        None,
        f"{HAPPY}: {requests.total()} DynamoDB requests for {reactions.total()} reactions, history's left out, and "
        "those of the simulated payment gateway, which stands for Stripe. Every message is a batch of its own, save "
        f"where two events of the order wait in a queue together.{beside}",
        Limit("≤", 1.5),
        (Table("DynamoDB requests of a reaction", columns, rows, "requests", "bars"),),
    )


def order(invocations: Recording) -> Figure:
    """All requests of an order."""
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
        f"{HAPPY}, history included, the simulated gateway's own left out. By formula, for each batch: one receive and "
        "one delete of SQS, one reading of the stream. What polls in vain is not counted.",
        tables=(Table("Requests of an order", operations, rows, "requests", "stacked"),),
    )


# Write units


@dataclass
class _Units:
    """Write units of a service: per order, the same as three items, and of what is no order's own."""

    ours: int = 0
    three: int = 0
    others: int = 0


def write_ratio(invocations: Recording, schemas: Schemas) -> Figure:
    """Write units of the orders' items, against three items in a transaction."""
    units: dict[str, _Units] = {}
    for service, write in _writes(invocations):
        sums, schema = units.setdefault(service, _Units()), schemas[write.table]
        if _is_an_orders(write):
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
        f"{HAPPY}: write units of each service's item of the order ({ours}), by DynamoDB's rules from the items as "
        "they were written, indexes and failed conditions included, ÷ the same writes with the state, an inbox item "
        f"for the event handled and an outbox item for each event announced in a transaction ({three}). A command is "
        "given no inbox item, a write that neither handles nor announces no transaction. Apart: other items (stock, "
        "balances, counters, fraud's windows; all of history's).",
        Limit("≤", 0.5),
        (Table("Write units of an order", columns, rows, "write units", "grouped"),),
    )


def three_items(write: Write, schema: Schema) -> int:
    """What the write would cost with state, inbox and outbox in items of their own."""
    before, after = _parts(write.before), _parts(write.after)
    new = [entry for name in ("handled", "events") for entry in _added(name, write)]
    items = [put_units(before, after), *(put_units(None, _log_item(after, entry)) for entry in new)]
    transactional = bool(new) or write.transactional
    return sum(items) * (1 + transactional) + (0 if write.failed else index_units(write, schema))


def _parts(item: Attributes | None) -> Attributes:
    """The state alone."""
    return {name: value for name, value in (item or {}).items() if name not in ("handled", "events", "announces")}


def _added(name: str, write: Write) -> Sequence[str]:
    """What the write adds to the inbox or the outbox."""
    texts = [[each["S"] for each in (item or {}).get(name, {"L": []})["L"]] for item in (write.before, write.after)]
    return texts[1][len(texts[0]) :]


def _log_item(state: Attributes, entry: str) -> Attributes:
    """An item of the inbox or the outbox, under the order's key and a second one."""
    return {"pk": state["pk"], "sk": {"S": "inbox#1"}, "entry": {"S": entry}}


def _is_an_orders(write: Write) -> bool:
    return "version" in (write.after or write.before or {})


def _writes(invocations: Recording) -> Iterator[tuple[str, Write]]:
    for each in invocations:
        for call in own_calls(each):
            yield from ((each.service, write) for write in call.writes)


# The bill


def million_orders(invocations: Recording, schemas: Schemas) -> Figure:
    """The bill for a million orders."""
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
        f"{HAPPY}, a million times, each message by itself: {_greatest(by_aws, total)} of the bill; of the services "
        f"{_greatest(by_service, total)}. Prices: bench/{PRICES.name}, {listed.region}, {listed.as_of}; {listed.note} "
        f"Lambda's time is not measured but assumed, from the milliseconds that the file gives each request and a "
        f"function of {STAGE.memory_mb} MB; so are {listed.log_bytes_an_invocation:g} bytes of log an invocation and "
        f"traces of {listed.traced:.0%} of them. Not in it: what costs the same without orders (polling, alarms, "
        f"keys), Stripe's fees, and storage: an order leaves {kept / 1024:.1f} KB without its indexes, "
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


def _greatest(sums: Mapping[str, float], total: float) -> str:
    name = max(sums, key=sums.__getitem__)
    return f"{name} is {sums[name] / total:.0%}"


def _kept(invocations: Recording) -> int:
    """The bytes of the items that belong to the order alone, as they are in the end."""
    last: dict[tuple[str, str], Attributes] = {}
    for _, write in _writes(invocations):
        if write.after and (_is_an_orders(write) or "event" in write.after):
            last[write.table, str(write.after["pk"]) + str(write.after.get("id"))] = write.after
    return sum(size(item) for item in last.values())


# Scale and size


def slope(many_orders: int = MANY) -> Figure:
    """Calls per order with many orders, against few."""
    shop = Scale()
    shop.calls_per_order(WAVE)
    few, many = shop.calls_per_order(FEW), shop.calls_per_order(many_orders)
    crowd = Scale()
    crowd.calls_per_order(WAVE)
    at_once = crowd.calls_per_order(many_orders, many_orders)
    rows = {f"{FEW} orders": (few,), f"{many_orders:,} orders": (many,), f"{many_orders:,} orders at once": (at_once,)}
    return Figure(
        "scale.slope",
        many / few,
        "×",
        few,
        f"Calls per order of {many_orders:,} orders ÷ of {FEW}, {WAVE} placed at once, so that batches are as full "
        "in both. Counted at the ports of the simulation's shop, which runs the real services and the real runtime in "
        "memory: a call for each of a port's, and one for each invocation's answer. The first orders warm it up.",
        Limit("≤", 1.05),
        (Table("Calls per order", ("calls",), rows, "calls", "bars"),),
    )


def package() -> Figure:
    """Sizes of what is deployed."""
    stage = STAGES["local"]
    layer = _folder_size(assets.layer(stage)) / MB
    rows = {"layer": (layer,)}
    rows |= {each.name: (_folder_size(assets.code(each.folder)) / MB,) for each in discover()}
    return Figure(
        "package.mb",
        layer,
        "MB",
        None,
        "Bytes of the files in the layer that all functions share, unzipped, boto3 being Lambda's own, and in each "
        "service's code, as the stage `local` deploys them (2^20 bytes are a MB).",
        Limit("≤", 20),
        (Table("What is deployed", ("MB",), rows),),
    )


def _folder_size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _reactions(invocations: Recording) -> tuple[Counter[str], Counter[str]]:
    """DynamoDB requests and reactions of each service but history."""
    requests: Counter[str] = Counter()
    reactions: Counter[str] = Counter()
    for each in invocations:
        if each.function == "consumer" and each.service != "history":
            requests[each.service] += len(list(own_calls(each, "DynamoDB")))
            reactions[each.service] += len(each.types)
    return requests, reactions
