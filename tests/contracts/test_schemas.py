"""The events' schemas: valid, true of real events, and in agreement with the decoder."""

import json
import random
import re
from typing import Any

import msgspec
import pytest

from contracts.orders.order_placed import OrderPlaced
from infra.published_language.schemas import event_schema, portable
from infra.shop import shop
from infra.stages import STAGES
from tests.contracts.random_events import mutated, valid
from tests.contracts.validation import Schema, check_draft_7_schema, check_schema
from tests.integration.facts import EPOCH, new_order, placed
from tidings.core.contract import Contract
from tidings.core.entity import Entity, MessageMetadata, advance
from tidings.core.event import Event

EVENTS_EACH = 100

each_contract = pytest.mark.parametrize(
    "contract", shop(STAGES["prod"]).contracts, ids=lambda contract: contract.__name__
)


@each_contract
def test_a_schema_is_valid_and_named_by_its_events_dataschema(contract: type[Contract]) -> None:
    schema = event_schema(contract)
    check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == contract.schema()


@each_contract
def test_a_schema_is_valid_in_asyncapis_own_dialect_too(contract: type[Contract]) -> None:
    schema = event_schema(contract)
    check_draft_7_schema(schema)
    assert not {"prefixItems", "unevaluatedProperties", "dependentRequired"} & keywords(schema)


@each_contract
def test_a_schema_has_no_regular_expression_that_only_python_understands(contract: type[Contract]) -> None:
    assert r"\\Z" not in json.dumps(event_schema(contract))


def test_a_description_is_the_same_in_every_version_of_python() -> None:
    indented, dedented = "A parcel.\n\n    It is lost.\n    ", "A parcel.\n\nIt is lost.\n"
    assert portable({"description": indented}) == portable({"description": dedented})


def test_a_field_that_is_named_like_a_keyword_is_not_changed() -> None:
    class Drawn(Contract, frozen=True, kw_only=True):
        """Drawn."""

        pattern: str = r"\Z"

    field = event_schema(Drawn)["$defs"][Drawn.__name__]["properties"]["pattern"]
    assert field == {"type": "string", "default": r"\Z"}


@each_contract
def test_an_announced_event_matches_its_schema(contract: type[Contract], rng: random.Random) -> None:
    schema = event_schema(contract)
    data = msgspec.convert(valid(rng, schema["properties"]["data"], schema), contract)
    metadata = MessageMetadata(
        "request-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", EPOCH, "orders/1", "orders/1/1"
    )
    entity = advance(Entity[None](new_order()), "orders", None, [data, data], metadata, EPOCH)
    for event in entity.outbox:
        assert Schema(schema).complaints(json.loads(event.body)) == []


@each_contract
def test_schema_and_decoder_agree_on_random_events(contract: type[Contract], rng: random.Random) -> None:
    document = event_schema(contract)
    schema = Schema(document)
    verdicts = []
    for _ in range(EVENTS_EACH):
        event = valid(rng, {**document, "type": "object"}, document)
        for _ in range(rng.choice((0, 0, 1, 2))):
            event = mutated(rng, event)
        verdicts.append(schema.accepts(event))
        assert verdicts[-1] == decodes(contract, event), event
    assert EVENTS_EACH / 10 < sum(verdicts) < EVENTS_EACH * 9 / 10


def test_a_placed_order_matches_its_schema() -> None:
    assert Schema(event_schema(OrderPlaced)).complaints(order()) == []


@pytest.mark.parametrize(
    "path",
    [("gift",), ("sequence",), ("data", "gift"), ("data", "address", "floor"), ("data", "lines", 0, "engraving")],
)
def test_an_unknown_field_is_allowed(path: tuple[str | int, ...]) -> None:
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
        (("specversion",), "0.3"),
        (("subject",), ""),
        (("subject",), "order-1"),
        (("subject",), "#stock"),
        (("subject",), "B7AD6B71-6920-4333-9C31-8448EB211C80"),
        (("subject",), "b7ad6b71-6920-4333-9c31-8448eb211c80\n"),
        (("causationid",), None),
        (("type",), "OrderConfirmed"),
        (("dataschema",), "urn:tidings:OrderPlaced:2"),
    ],
)
def test_an_event_that_breaks_the_contract_does_not_match_its_schema(path: tuple[str | int, ...], value: Any) -> None:
    assert not Schema(event_schema(OrderPlaced)).accepts(changed(path, value))


@pytest.mark.parametrize("path", [("data", "customer"), ("data", "address", "country"), ("id",), ("specversion",)])
def test_an_event_without_a_required_field_does_not_match_its_schema(path: tuple[str, ...]) -> None:
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


def decodes(contract: type[Contract], event: Any) -> bool:
    """Return whether an event is decoded and its subject accepted, as `ContractRegistry` does both."""
    envelope: Any = Event
    try:
        decoded = msgspec.json.decode(json.dumps(event), type=envelope[contract])
    except msgspec.ValidationError:
        return False
    return re.fullmatch(contract.subject_pattern, decoded.subject) is not None


def keywords(schema: Any) -> set[str]:
    values = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return set(schema if isinstance(schema, dict) else ()).union(*(keywords(value) for value in values))
