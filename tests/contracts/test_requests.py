"""The OpenAPI document accepts exactly the bodies and parameters that the server accepts.

`DOCUMENTS` is the number of documents of each test; see `test_agreement.py`.
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import cache, cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest
from hypothesis import find, given
from hypothesis import strategies as st

from contracts.orders.order_placed import OrderPlaced
from contracts.values.goods import OrderLine
from contracts.values.money import Money
from contracts.values.recipient import Recipient
from contracts.warehouse.order_dispatched import OrderDispatched
from examples.helpdesk.app import helpdesk
from functions.orders.pricing import address_of
from functions.orders.requests import OrderRequest
from functions.warehouse.api import DispatchRequest
from infra.openapi.document import openapi_document
from infra.published_language.schemas import Json
from infra.shop import shop
from infra.stages import STAGES
from tests.contracts.generation import TEXT_CHANGES, TEXTS, Strategy, changed, valid
from tests.contracts.patterns import is_portable, patterns
from tests.contracts.test_agreement import some_documents
from tests.contracts.validation import Schema
from tidings.core.contract import Announcement
from tidings.core.entity import Entity, MessageMetadata, advance
from tidings.core.event import read_personal
from tidings.core.strict_json import decode_strict
from tidings.http.problems import INVALID, NOT_JSON, TOO_LARGE
from tidings.http.routes import Route
from tidings.http.server import serve
from tidings.testing import CORRELATION_ID, SUBJECT, TRACEPARENT

T = TypeVar("T")
COMMAND = MessageMetadata(CORRELATION_ID, TRACEPARENT, 0)

EXAMPLES = ("mug", "dlq", "T-0123456789ab", "3f2b8c1e-7a6d-4e0b-9c58-0d1e2f3a4b5c", "5", "2026-01-31")
"""Texts of which at least one is valid for each parameter."""

OTHER_TEXTS = (
    *(
        "",
        "0",
        "1",
        "20",
        "21",
        "100",
        "101",
        "-1",
        "-0",
        "+5",
        "05",
        " 5",
        "5 ",
        "5.0",
        "5e0",
        "1,2",
        "\u0665",
        "\uff15",
    ),
    *("2026-02-29", "2024-02-29", "0000-01-01", "20260131", "2026-W05-6", "2026-1-31", "2026-01-31T00:00:00Z"),
    *("mug\n", "mug%0a", "mug%2F", "..", ".", "mug/", "key,key", "#product#mug", "null", "\u00e9"),
)


REFERENCE = re.compile(r'"#/\$defs/([^"]+)"')


class Parameter(NamedTuple):
    """A parameter of a route, as the document describes it.

    Attributes:
        place: `path`, `query` or `header`.
        name: Its name.
        required: Whether each request has it.
        schema: Its schema.
        accepts: Whether its schema accepts a text.
        texts: The strategy of the texts that its schema accepts.
    """

    place: str
    name: str
    required: bool
    schema: Json
    accepts: Callable[[str], bool]
    texts: Strategy

    def example(self) -> str:
        return next(filter(self.accepts, EXAMPLES))


class Described:
    """A route and its description in the document."""

    def __init__(self, document: Json, route: Route) -> None:
        self.route = route
        self.operation: Json = document["paths"][route.template][route.method.lower()]
        self.parameters = [_parameter(each) for each in self.operation.get("parameters", ())]
        self.schema: Json = {}
        if route.body:
            (media,) = self.operation["requestBody"]["content"].values()
            text = json.dumps({**media["schema"], "$defs": document["components"]["schemas"]})
            self.schema = json.loads(text.replace("#/components/schemas/", "#/$defs/"))
            self.body, self.bodies = Schema(self.schema), valid(self.schema, self.schema)

        def method(_api: object, _request: object, _body: object = None) -> None:
            """Accept every request that reaches the method."""

        method.route = route  # type: ignore[attr-defined]  # as the decorator `route` does
        self._handler: Any = serve(type("Api", (), {route.name: method})(), lambda _: False)

    @cached_property
    def example_body(self) -> Any:
        return find(self.bodies, lambda _: True) if self.route.body else None

    def answer(self, body: str = "", changes: dict[str, str | None] | None = None) -> Any:
        """Return the server's answer to a request, whose parameters are valid but for the changed ones."""
        texts: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {"Content-Type": "application/json"}}
        for each in self.parameters:
            text = (changes or {}).get(each.name, each.example())
            if text is not None:
                texts[each.place][each.name] = text
        claims = {"sub": "caller", "token_use": "id"}
        event = {
            "routeKey": self.route.key,
            "rawPath": "/path",
            "pathParameters": texts["path"],
            "queryStringParameters": texts["query"],
            "headers": texts["header"],
            "requestContext": {"requestId": "request-1", "authorizer": {"jwt": {"claims": claims}}},
            "body": body,
        }
        return self._handler(event, None)

    def accepts(self, body: Any = None, changes: dict[str, str | None] | None = None) -> bool:
        """Return whether the server accepts a request. If not, the reason must be that it is not valid or too large."""
        answer = self.answer(json.dumps(body), changes)
        if answer["statusCode"] == self.route.status:
            return True
        assert json.loads(answer["body"])["title"] in (INVALID.title, TOO_LARGE.title), answer
        return False


def _parameter(described: Json) -> Parameter:
    schema = described["schema"]
    place, name, required = described["in"], described["name"], described["required"]
    described_by = Schema(schema)
    if schema["type"] == "string":
        return Parameter(place, name, required, schema, described_by.accepts, valid(schema, schema))
    numbers = st.integers(schema["minimum"], schema["maximum"]).map(str)
    return Parameter(
        place, name, required, schema, lambda text: is_integer(text) and described_by.accepts(int(text)), numbers
    )


def is_integer(text: str) -> bool:
    """Return whether a text is the one way to write an integer."""
    return text.removeprefix("-").isdecimal() and str(int(text)) == text


@cache
def routes() -> dict[str, Described]:
    applications = shop(STAGES["prod"]), helpdesk(STAGES["prod"])
    return {
        route.key: Described(document, route)
        for application in applications
        for document in [openapi_document(application)]
        for service in application.services
        for route in service.routes
    }


each_route = pytest.mark.parametrize("key", routes())
each_route_with_a_body = pytest.mark.parametrize("key", [key for key, each in routes().items() if each.route.body])


def _parametrize(parameters: Iterable[tuple[str, Parameter]]) -> pytest.MarkDecorator:
    cases = [pytest.param(key, parameter, id=f"{key} {parameter.name}") for key, parameter in parameters]
    return pytest.mark.parametrize(("key", "parameter"), cases)


PARAMETERS = [(key, parameter) for key, each in routes().items() for parameter in each.parameters]
each_parameter = _parametrize(PARAMETERS)
each_kind_of_parameter = _parametrize(
    {repr(parameter.schema): (key, parameter) for key, parameter in PARAMETERS}.values()
)

FREE_TEXTS = {
    ("GET /operators/dead-letters", "order"),
    ("GET /operators/dead-letters", "reason"),
    ("GET /operators/actions", "order"),
}
"""The parameters that a list compares with a text that anyone may have written, so with a comma too."""

each_kind_of_parameter_but_free_texts = _parametrize(
    {
        repr(parameter.schema): (key, parameter)
        for key, parameter in PARAMETERS
        if (key, parameter.name) not in FREE_TEXTS
    }.values()
)


def undescribed(schema: Any) -> list[Any]:
    """Return the parts of a schema that have a pattern, and no description of it for people."""
    if isinstance(schema, list):
        return [found for each in schema for found in undescribed(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if isinstance(schema.get("pattern"), str) and not schema.get("description") else []
    return own + [found for each in schema.values() for found in undescribed(each)]


def reached(schema: Json, definitions: Json) -> list[Any]:
    """Return a schema and the definitions that it refers to."""
    names: set[str] = set()
    found: list[Any] = [schema]
    for each in found:
        for name in set(REFERENCE.findall(json.dumps(each))) - names:
            names.add(name)
            found.append(definitions[name])
    return found


@each_route_with_a_body
def test_each_pattern_of_a_body_is_described_for_people(key: str) -> None:
    schema = routes()[key].schema
    body = {name: part for name, part in schema.items() if name != "$defs"}
    assert undescribed(reached(body, schema["$defs"])) == []


@pytest.mark.parametrize(
    ("name", "text", "detail"),
    [
        ("name", "Ada http://evil.example", "One line of text, which contains no web address and no e-mail address."),
        ("postal_code", "-1234", "A postal code has letters, digits, spaces and hyphens, and begins with a letter"),
        ("city", "", "This must have at least 1 character."),
    ],
)
def test_a_customer_reads_what_is_wrong_with_an_address(name: str, text: str, detail: str) -> None:
    found = routes()["POST /orders"]
    body = json.loads(json.dumps(found.example_body))
    body["address"][name] = text
    refused = json.loads(found.answer(json.dumps(body))["body"])
    assert refused["field"] == f"address.{name}"
    assert refused["detail"].startswith(detail)


@each_route_with_a_body
@some_documents
@given(data=st.data())
def test_a_body_that_the_document_describes_is_accepted(key: str, data: st.DataObject) -> None:
    found = routes()[key]
    body = data.draw(found.bodies)
    assert found.body.complaints(body) == []
    assert found.accepts(body)


@each_route_with_a_body
@some_documents
@given(data=st.data())
def test_a_changed_body_is_accepted_if_the_document_accepts_it(key: str, data: st.DataObject) -> None:
    found = routes()[key]
    holder = {"body": data.draw(found.bodies)}
    for _ in range(data.draw(st.integers(1, 2))):
        holder = data.draw(changed(holder)) or holder
    for body in holder.values():
        assert found.accepts(body) == found.body.accepts(body)


@each_route_with_a_body
@some_documents
@given(data=st.data())
def test_a_body_with_a_name_twice_is_refused(key: str, data: st.DataObject) -> None:
    found = routes()[key]
    body = {"name": 1, **data.draw(found.bodies)}
    name, value = data.draw(st.sampled_from(list(body.items())))
    text = f"{json.dumps(body)[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}"
    answer = json.loads(found.answer(text)["body"])
    assert (answer["title"], answer["field"]) == (NOT_JSON.title, "body")


def accepts(key: str, parameter: Parameter, text: str | None) -> bool:
    """Return whether a route accepts a text of a parameter, or its absence, in an otherwise valid request."""
    found = routes()[key]
    return found.accepts(found.example_body, {parameter.name: text})


@each_kind_of_parameter
@some_documents
@given(data=st.data())
def test_a_parameter_that_the_document_describes_is_accepted(
    key: str, parameter: Parameter, data: st.DataObject
) -> None:
    assert accepts(key, parameter, data.draw(parameter.texts))


@each_kind_of_parameter
@some_documents
@given(data=st.data())
def test_another_text_of_a_parameter_is_accepted_if_the_document_accepts_it(
    key: str, parameter: Parameter, data: st.DataObject
) -> None:
    change = data.draw(st.sampled_from(TEXT_CHANGES))
    text = data.draw(parameter.texts.map(change) | st.text())
    assert accepts(key, parameter, text) == parameter.accepts(text)


@each_parameter
def test_of_the_usual_mistakes_a_parameter_accepts_those_that_the_document_accepts(
    key: str, parameter: Parameter
) -> None:
    texts = {*OTHER_TEXTS, *TEXTS}
    assert {text for text in texts if accepts(key, parameter, text)} == set(filter(parameter.accepts, texts))


@each_parameter
def test_a_parameter_may_be_missing_if_the_document_does_not_require_it(key: str, parameter: Parameter) -> None:
    assert accepts(key, parameter, None) != parameter.required


@each_kind_of_parameter_but_free_texts
@some_documents
@given(data=st.data())
def test_no_parameter_can_be_sent_twice(key: str, parameter: Parameter, data: st.DataObject) -> None:
    # The gateway joins the values of a repeated query parameter or header by a comma.
    first, second = data.draw(parameter.texts), data.draw(parameter.texts)
    assert not accepts(key, parameter, f"{first},{second}")


@each_route
def test_the_patterns_of_a_route_mean_the_same_in_python_and_in_ecma_262(key: str) -> None:
    found = routes()[key]
    assert all(map(is_portable, patterns(found.operation)))
    assert all(map(is_portable, patterns(found.schema)))


@each_route
def test_a_route_documents_each_rule_by_its_title_and_status(key: str) -> None:
    found = routes()[key]
    for rule in found.route.refusals:
        answer = found.operation["responses"][str(rule.status)]
        _, titles = answer["content"]["application/problem+json"]["schema"]["allOf"]
        assert rule.title in titles["properties"]["title"]["enum"]
        assert f"- {rule.title}: {rule.description}" in answer["description"]


def read(body: Any, form: type[T]) -> T:
    return msgspec.convert(decode_strict(json.dumps(body)), form)


@some_documents
@given(data=st.data())
def test_an_event_may_contain_what_an_order_request_may_contain(data: st.DataObject) -> None:
    request = read(data.draw(routes()["POST /orders"].bodies), OrderRequest)
    price = Money(1, "EUR")
    placed = OrderPlaced(
        customer="customer-1",
        lines=tuple(OrderLine(line.sku, line.quantity, price) for line in request.lines),
        total=price,
        payment_method=request.payment_method,
    )
    recipient = Recipient(email="customer@example.com", address=address_of(request.address))
    order = advance(Entity[None](SUBJECT), "orders", None, [Announcement(placed, recipient)], COMMAND, 0)
    event = order.first_event(OrderPlaced)
    assert event.data.payment_method == request.payment_method
    assert read_personal(event, Recipient) == recipient


@some_documents
@given(data=st.data())
def test_an_event_may_contain_what_a_dispatch_request_may_contain(data: st.DataObject) -> None:
    request = read(data.draw(routes()["POST /operators/shipments/{id}/dispatch"].bodies), DispatchRequest)
    dispatched = OrderDispatched(tracking=request.tracking)
    assert msgspec.json.decode(msgspec.json.encode(dispatched), type=OrderDispatched) == dispatched
