"""The events' schemas: sound themselves, true of real events, and of one mind with the code that reads them."""

import json
import random
from typing import Any

import msgspec
import pytest

from infra.contracts.schemas import catalogue, event_schema, portable
from tests.contracts.at_random import described, spoiled
from tests.contracts.validation import Schema, check_draft_7_schema, check_schema
from tests.integration.facts import EPOCH, new_order, placed
from tidings.contracts import OrderPlaced
from tidings.events import Contract, Event
from tidings.item import Cause, Item, advance

EVENTS_EACH = 100

each_contract = pytest.mark.parametrize("contract", catalogue(), ids=lambda contract: contract.__name__)


@each_contract
def test_a_schema_is_sound_and_named_by_its_events_dataschema(contract: type[Contract]) -> None:
    schema = event_schema(contract)
    check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == contract.schema()


@each_contract
def test_a_schema_needs_nothing_that_asyncapis_own_dialect_lacks(contract: type[Contract]) -> None:
    schema = event_schema(contract)
    check_draft_7_schema(schema)
    assert not {"prefixItems", "unevaluatedProperties", "dependentRequired"} & keywords(schema)


@each_contract
def test_a_schema_has_no_regular_expression_of_pythons_own(contract: type[Contract]) -> None:
    assert r"\\Z" not in json.dumps(event_schema(contract))


def test_a_description_reads_the_same_whichever_python_wrote_it() -> None:
    indented, dedented = "A parcel.\n\n    It is lost.\n    ", "A parcel.\n\nIt is lost.\n"
    assert portable({"description": indented}) == portable({"description": dedented})


def test_a_field_that_is_named_like_a_keyword_stays_as_it_is() -> None:
    class Drawn(Contract, frozen=True, kw_only=True):
        """Drawn."""

        pattern: str = r"\Z"

    field = event_schema(Drawn)["$defs"][Drawn.__name__]["properties"]["pattern"]
    assert field == {"type": "string", "default": r"\Z"}


@each_contract
def test_what_a_service_announces_is_as_published(contract: type[Contract], chance: random.Random) -> None:
    schema = event_schema(contract)
    data = msgspec.convert(described(chance, schema["properties"]["data"], schema), contract)
    cause = Cause(
        "request-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", EPOCH, "orders/1", "orders/1/1"
    )
    item = advance(Item[None](new_order()), "someone", None, [data, data], cause, EPOCH)
    for event in item.events:
        assert Schema(schema).complaints(json.loads(event)) == []


@each_contract
def test_schema_and_decoder_agree_on_events_at_random(contract: type[Contract], chance: random.Random) -> None:
    document = event_schema(contract)
    schema, envelope = Schema(document), msgspec.json.Decoder(generic(contract))
    verdicts = []
    for _ in range(EVENTS_EACH):
        event = described(chance, {**document, "type": "object"}, document)
        for _ in range(chance.choice((0, 0, 1, 2))):
            event = spoiled(chance, event)
        verdicts.append(schema.accepts(event))
        assert verdicts[-1] == decodes(envelope, event), event
    assert EVENTS_EACH / 10 < sum(verdicts) < EVENTS_EACH * 9 / 10


def test_an_order_as_orders_announces_it_is_as_published() -> None:
    assert Schema(event_schema(OrderPlaced)).complaints(order()) == []


@pytest.mark.parametrize(
    "path", [("gift",), ("data", "gift"), ("data", "address", "floor"), ("data", "lines", 0, "engraving")]
)
def test_a_field_that_is_not_known_yet_is_no_error(path: tuple[str | int, ...]) -> None:
    assert Schema(event_schema(OrderPlaced)).accepts(changed(path, "something"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "total", "currency"), "eur"),
        (("data", "total", "currency"), "EUR\n"),
        (("data", "total", "amount"), -1),
        (("data", "total", "amount"), "2000"),
        (("data", "lines"), []),
        (("data", "lines", 0, "quantity"), 0),
        (("data", "lines", 0, "sku"), "no spaces here"),
        (("data", "customer"), None),
        (("data", "email"), "nobody"),
        (("data",), None),
        (("sequence",), 0),
        (("specversion",), "0.3"),
        (("subject",), ""),
        (("causationid",), None),
        (("type",), "OrderConfirmed"),
        (("dataschema",), "urn:tidings:OrderPlaced:2"),
    ],
)
def test_an_event_that_breaks_the_contract_is_not_as_published(path: tuple[str | int, ...], value: Any) -> None:
    assert not Schema(event_schema(OrderPlaced)).accepts(changed(path, value))


@pytest.mark.parametrize("path", [("data", "customer"), ("data", "address", "country"), ("id",), ("specversion",)])
def test_an_event_that_lacks_what_is_required_is_not_as_published(path: tuple[str, ...]) -> None:
    event = order()
    holder = event
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    assert not Schema(event_schema(OrderPlaced)).accepts(event)


def order() -> Any:
    return json.loads(placed(new_order(), ("tea-assam", 2)))


def changed(path: tuple[str | int, ...], value: Any) -> Any:
    event = order()
    holder = event
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return event


def generic(contract: type[Contract]) -> Any:
    """The type of events with this contract."""
    envelope: Any = Event
    return envelope[contract]


def decodes(decoder: "msgspec.json.Decoder[Any]", event: Any) -> bool:
    try:
        decoder.decode(json.dumps(event))
    except msgspec.ValidationError:
        return False
    return True


def keywords(schema: Any) -> set[str]:
    values = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return set(schema if isinstance(schema, dict) else ()).union(*(keywords(value) for value in values))
