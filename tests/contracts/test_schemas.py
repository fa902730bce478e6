"""The events' schemas: valid, true of real events, and in agreement with the decoder."""

import json
from typing import Any

import pytest

from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_placed import OrderPlaced
from infra.published_language.schemas import event_schema, portable
from infra.shop import shop
from infra.stages import STAGES
from tests.contracts.patterns import is_portable, patterns
from tests.contracts.validation import Schema, check_draft_7_schema, check_schema
from tests.integration.facts import new_order, placed
from tidings.core.contract import Contract

ORDER = "b7ad6b71-6920-4333-9c31-8448eb211c80"

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
def test_a_pattern_means_the_same_in_python_and_in_ecma_262(contract: type[Contract]) -> None:
    assert all(map(is_portable, patterns(event_schema(contract))))


def test_a_description_is_the_same_in_every_version_of_python() -> None:
    indented, dedented = "A parcel.\n\n    It is lost.\n    ", "A parcel.\n\nIt is lost.\n"
    assert portable({"description": indented}) == portable({"description": dedented})


def test_a_field_that_is_named_like_a_keyword_is_not_changed() -> None:
    class Drawn(Contract, frozen=True, kw_only=True):
        """Drawn."""

        producer = "art"

        pattern: str = r"\Z"

    field = event_schema(Drawn)["$defs"][Drawn.__name__]["properties"]["pattern"]
    assert field == {"type": "string", "default": r"\Z"}


def test_a_placed_order_matches_its_schema() -> None:
    assert Schema(event_schema(OrderPlaced)).complaints(order()) == []


@pytest.mark.parametrize(
    "path",
    [("gift",), ("sequence",), ("data", "gift"), ("data", "total", "tax"), ("data", "lines", 0, "engraving")],
)
def test_an_unknown_field_is_allowed(path: tuple[str | int, ...]) -> None:
    assert Schema(event_schema(OrderPlaced)).accepts(changed(path, "something"))


def test_only_a_contract_with_personal_data_describes_some_and_marks_it() -> None:
    text = event_schema(OrderPlaced)["properties"]["personal"]
    assert (text["contentMediaType"], text["contentSchema"]) == ("application/json", {"$ref": "#/$defs/Recipient"})
    assert text["x-personal"] is True
    assert "personal" not in event_schema(OrderCancelled)["properties"]


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True),
        ({"floor": "2"}, True),
        ({"email": "nobody"}, False),
        ({"email": "a,b@example.com"}, False),
        ({"address": None}, False),
    ],
)
def test_the_text_of_personal_data_is_described_by_its_content_schema(changes: Any, accepted: bool) -> None:
    event = order()
    event["personal"] = json.dumps(json.loads(event["personal"]) | changes)
    assert Schema(event_schema(OrderPlaced)).accepts_with_content(event) is accepted


def test_a_number_without_a_fraction_is_an_integer() -> None:
    assert Schema(event_schema(OrderPlaced)).accepts(changed(("data", "lines", 0, "quantity"), 2.0))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("data", "total", "currency"), "eur"),
        (("data", "total", "currency"), "EUR\n"),
        (("data", "total", "currency"), "XXX"),
        (("data", "total", "amount"), -1),
        (("data", "total", "amount"), "2000"),
        (("data", "lines"), []),
        (("data", "lines", 0, "quantity"), 0),
        (("data", "lines", 0, "sku"), "no spaces here"),
        (("data", "customer"), None),
        (("personal",), {"email": "a@example.com"}),
        (("personal",), None),
        (("personal",), "x" * 16_385),
        (("data",), None),
        (("specversion",), "0.3"),
        (("subject",), ""),
        (("subject",), "order-1"),
        (("subject",), "#stock"),
        (("subject",), "B7AD6B71-6920-4333-9C31-8448EB211C80"),
        (("subject",), "b7ad6b71-6920-4333-9c31-8448eb211c80\n"),
        (("causationid",), None),
        (("source",), "payment"),
        (("id",), f"payment/{ORDER}/1"),
        (("id",), f"orders/{ORDER}/01"),
        (("id",), f"orders/{ORDER}/1\n"),
        (("time",), "2026-01-31T14:00:00.000+02:00"),
        (("time",), "2026-02-29T12:00:00.000Z"),
        (("time",), "2026-01-31T12:00:00Z"),
        (("traceparent",), "trace"),
        (("correlationid",), "two words"),
        (("data", "lines", 0, "quantity"), 2.5),
        (("type",), "OrderConfirmed"),
        (("dataschema",), "urn:tidings:OrderPlaced:2"),
    ],
)
def test_an_event_that_breaks_the_contract_does_not_match_its_schema(path: tuple[str | int, ...], value: Any) -> None:
    assert not Schema(event_schema(OrderPlaced)).accepts(changed(path, value))


@pytest.mark.parametrize("path", [("data", "customer"), ("data", "total", "currency"), ("id",), ("specversion",)])
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


def keywords(schema: Any) -> set[str]:
    values = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    return set(schema if isinstance(schema, dict) else ()).union(*(keywords(value) for value in values))
