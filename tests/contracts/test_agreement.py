"""The published schemas accept exactly what the decoder accepts.

`DOCUMENTS` is the number of documents of each test (default 15). By default they are the same each time.
"""

import json
import os
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.orders.product_listed import ProductListed
from contracts.values.text import PLAIN_PATTERN
from examples.helpdesk.app import helpdesk
from infra.published_language.schemas import event_schema, portable
from infra.shop import shop
from infra.stages import STAGES
from tests.contracts.generation import Strategy, changed, valid
from tests.contracts.patterns import patterns
from tests.contracts.sample_contracts import contract as sample
from tests.contracts.validation import Schema
from tests.integration.facts import confirmed, new_order, placed
from tidings.core.contract import Announcement, Contract
from tidings.core.entity import Entity, MessageMetadata, advance
from tidings.core.errors import PermanentError
from tidings.core.event import MAX_EVENT_BYTES, read_personal
from tidings.messaging.consumer import Parse, parse_typed

DOCUMENTS = os.environ.get("DOCUMENTS")

STAGE = STAGES["prod"]
ANY_SUBJECT = sample(("parcel", str), ("weights", tuple[float, ...], ()), ("fragile", bool, False))
CONTRACTS = (*shop(STAGE).contracts, *helpdesk(STAGE).contracts, ANY_SUBJECT)

each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
some_documents = settings(
    max_examples=int(DOCUMENTS or 15),
    derandomize=not DOCUMENTS,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@cache
def prepared(contract: type[Contract]) -> tuple[Schema, Strategy, Parse]:
    """Return a contract's schema, the strategy of its documents, and its decoder."""
    document = event_schema(contract)
    return Schema(document), valid(document, document), parse_typed([contract])


def agreeing(event: Any) -> Any:
    """Return the event with the id that agrees with its subject, which a schema cannot require."""
    return event | {"id": f"{event['source']}/{event['subject']}/{event['id'].rpartition('/')[2]}"}


def agrees(event: Any) -> bool:
    return bool(event["id"].rpartition("/")[0] == f"{event['source']}/{event['subject']}")


def refusal(decode: Parse, event: Any) -> str:
    """Return why a consumer refuses an event; an empty text if it accepts it."""
    try:
        decode(json.dumps(event))
    except PermanentError as error:
        return f"{error.reason}: {error}"
    return ""


@each_contract
@some_documents
@given(data=st.data())
def test_a_document_of_the_schema_is_decoded(contract: type[Contract], data: st.DataObject) -> None:
    schema, documents, decode = prepared(contract)
    event = agreeing(data.draw(documents))
    assert schema.complaints(event) == []
    assert schema.accepts_with_content(event)
    assert refusal(decode, event) == ""


@each_contract
@some_documents
@given(data=st.data())
def test_an_announced_event_is_a_document_of_the_schema(contract: type[Contract], data: st.DataObject) -> None:
    schema, documents, decode = prepared(contract)
    event = decode(json.dumps(agreeing(data.draw(documents))))
    metadata = MessageMetadata.of(event)
    personal = read_personal(event, contract.personal) if contract.personal else None
    announcement = event.data if personal is None else Announcement(event.data, personal)
    entity = advance(Entity[None](event.subject), contract.producer, None, [announcement, event.data], metadata, 0)
    assert [schema.complaints(json.loads(announced.body)) for announced in entity.outbox] == [[], []]
    assert all(schema.accepts_with_content(json.loads(announced.body)) for announced in entity.outbox)


@each_contract
@some_documents
@given(data=st.data())
def test_a_changed_document_is_decoded_if_the_schema_accepts_it(contract: type[Contract], data: st.DataObject) -> None:
    schema, documents, decode = prepared(contract)
    event = agreeing(data.draw(documents))
    if "personal" in event and data.draw(st.booleans()):
        event["personal"] = json.dumps(data.draw(changed(json.loads(event["personal"]))))
    else:
        for _ in range(data.draw(st.integers(1, 2))):
            event = data.draw(changed(event))
    accepted = schema.accepts_with_content(event) and agrees(event) and len(json.dumps(event)) <= MAX_EVENT_BYTES
    assert (refusal(decode, event) == "") == accepted


# Patterns that the schema publishes, and that the contract checks instead of its types


PLAIN = {OrderPlaced: placed, OrderConfirmed: confirmed}
"""The contracts with plain lines, each with a function that returns an event."""


def test_every_contract_with_plain_lines_is_among_those_tested_here() -> None:
    pattern = portable({"pattern": PLAIN_PATTERN})["pattern"]
    # The request of a product refuses a name that is not plain, before it is announced.
    assert {each for each in CONTRACTS if pattern in patterns(event_schema(each))} == {*PLAIN, ProductListed}


@pytest.mark.parametrize("contract", PLAIN, ids=lambda contract: contract.__name__)
@pytest.mark.parametrize("field", ["name", "street", "city"])
@pytest.mark.parametrize("text", ["evil.example", "//evil", " padded", "two\nlines", "a\u202eb", "\u738b.\u4e2d\u56fd"])
def test_a_line_that_is_not_plain_is_refused_by_the_schema_and_by_the_decoder(
    contract: type[Contract], field: str, text: str
) -> None:
    schema, _, decode = prepared(contract)
    event = json.loads(PLAIN[contract](new_order(), ("mug", 1)))
    assert schema.accepts_with_content(event)
    assert refusal(decode, event) == ""
    personal = json.loads(event["personal"])
    personal["address"][field] = text
    event["personal"] = json.dumps(personal)
    assert not schema.accepts_with_content(event)
    fault = "This text does not have the form that the schema describes"
    assert refusal(decode, event) == f"breaks-contract: {contract.__name__}: personal: address.{field}: {fault}"


@pytest.mark.parametrize(
    "text",
    ["", "null", "{}", "[]", '{"email":"a@b.example","email":"c@d.example"}', '{"address":"\\ud800"}', "[" * 65, "NaN"],
)
def test_personal_data_that_is_not_of_its_type_is_refused_by_both(text: str) -> None:
    schema, _, decode = prepared(OrderPlaced)
    event = json.loads(placed(new_order(), ("mug", 1))) | {"personal": text}
    assert not schema.accepts_with_content(event)
    assert refusal(decode, event).startswith("breaks-contract: OrderPlaced: personal: ")


def test_an_event_without_its_personal_data_is_accepted_by_both() -> None:
    schema, _, decode = prepared(OrderPlaced)
    event = json.loads(placed(new_order(), ("mug", 1)))
    del event["personal"]
    assert schema.accepts_with_content(event)
    assert refusal(decode, event) == ""
