import base64
import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

import pytest
from msgspec import Meta, Struct

from tidings.core.errors import RetryableError
from tidings.http.problems import Problem
from tidings.http.requests import Reply, Request
from tidings.http.routes import route, routes_of
from tidings.http.server import serve
from tidings.testing import CORRELATION_ID, TRACEPARENT, make_request

KIBIBYTE = 1024


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    part: Annotated[str, Meta(min_length=1)]
    quantity: Annotated[int, Meta(ge=1, le=10)]


class Parcel(Struct, frozen=True, forbid_unknown_fields=True):
    lines: tuple[Entry, ...]
    note: str = ""


@dataclass
class Api:
    """An API for these tests. It records the requests that reached a route, and fails as a test says."""

    seen: list[Request] = field(default_factory=list)
    fails: Exception | None = None

    @route("POST", "/parcels", Parcel, status=202, body=Parcel)
    def send(self, request: Request, body: Parcel) -> Parcel:
        """Send a parcel."""
        self.seen.append(request)
        return body

    @route("GET", "/parcels/{id}", str)
    def show(self, request: Request) -> str:
        """Show a parcel."""
        self.seen.append(request)
        if self.fails:
            raise self.fails
        return request.path["id"]

    @route("PUT", "/parcels/{id}/label", str, operators=True)
    def label(self, request: Request) -> Reply:
        """Label a parcel."""
        self.seen.append(request)
        return Reply("labelled", {"Location": f"/parcels/{request.path['id']}/label"}, status=201)

    @route("GET", "/mine", str)
    def mine(self, request: Request) -> str:
        """Show the caller."""
        return request.require_caller().id


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


def call(
    api: Api,
    method: str = "GET",
    path: str = "/parcels/7",
    body: str | None = None,
    *,
    claims: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    encoded: bool = False,
) -> Answer:
    """Send a request in the form of an HTTP API (payload format 2.0)."""
    context: dict[str, Any] = {
        "requestId": "request=1",
        "stage": "$default",
        "http": {"method": method, "path": path},
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims}}
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": headers,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": encoded,
    }
    answer = serve(api)(event, cast(Any, None))
    return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


def send(body: str, *, encoded: bool = False) -> Answer:
    return call(Api(), "POST", "/parcels", body, encoded=encoded)


def parcel(**changes: Any) -> dict[str, Any]:
    return {"lines": [{"part": "tea", "quantity": 2}, {"part": "cup", "quantity": 1}]} | changes


def assert_problem(answer: Answer, status: int, field: str | None = None) -> None:
    """Require a problem of RFC 9457 whose detail is a sentence."""
    assert answer.status == answer.body["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["title"]
    assert answer.body["detail"].endswith(".")
    assert answer.body.get("field") == field


# Routing


def test_a_request_reaches_its_route() -> None:
    answer = call(Api(), "GET", "/parcels/7")
    assert (answer.status, answer.body) == (200, "7")
    assert answer.headers["Content-Type"] == "application/json"


def test_a_route_has_its_own_status() -> None:
    assert send(json.dumps(parcel())).status == 202


def test_a_reply_may_have_headers_and_another_status() -> None:
    answer = call(Api(), "PUT", "/parcels/7/label", claims={"sub": "operator-1", "cognito:groups": "[operators]"})
    assert answer.status == 201
    assert answer.headers["Location"] == "/parcels/7/label"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("DELETE", "/parcels/7"), ("GET", "/parcels/7/8")])
def test_a_request_without_a_route_is_a_problem(method: str, path: str) -> None:
    assert_problem(call(Api(), method, path), 404)


def test_routes_are_known_without_serving_them() -> None:
    assert [declared.key for declared in routes_of(Api)] == [
        "POST /parcels",
        "GET /parcels/{id}",
        "PUT /parcels/{id}/label",
        "GET /mine",
    ]
    assert routes_of(Api)[0].summary == "Send a parcel."


# Bodies


def test_a_body_is_decoded() -> None:
    answer = send(json.dumps(parcel(note="żółć 🫖")))
    assert answer.body == parcel(note="żółć 🫖")


def test_a_body_in_base64_is_decoded() -> None:
    text = json.dumps(parcel(note="żółć 🫖"), ensure_ascii=False)
    assert send(base64.b64encode(text.encode()).decode(), encoded=True).body == parcel(note="żółć 🫖")


@pytest.mark.parametrize("body", ["", "{", "nothing", '{"lines": [}', '{"note": "\\ud800"}', '"\ud800"'])
def test_a_body_that_is_not_json_is_a_problem(body: str) -> None:
    assert_problem(send(body), 400, "body")


def test_a_missing_body_is_a_problem() -> None:
    assert_problem(call(Api(), "POST", "/parcels", None), 400, "body")


@pytest.mark.parametrize("body", [base64.b64encode(b'{"note": "\xff"}').decode(), "abc"])
def test_a_body_that_is_not_text_is_a_problem(body: str) -> None:
    assert_problem(send(body, encoded=True), 400, "body")


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_body_may_have_64_kibibytes_and_no_more(letter: str) -> None:
    rest = 64 * KIBIBYTE - len(json.dumps(parcel(note="")))
    fits = json.dumps(parcel(note=letter * (rest // len(letter.encode()))), ensure_ascii=False)
    assert send(fits).status == 202
    assert_problem(send(fits + "  "), 413, "body")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (parcel(lines=[{"part": "tea", "quantity": 0}]), "lines[0].quantity"),
        (parcel(lines=[{"part": "tea", "quantity": 1}, {"part": "cup", "quantity": 11}]), "lines[1].quantity"),
        (parcel(lines=[{"part": "tea", "quantity": "two"}]), "lines[0].quantity"),
        (parcel(lines=[{"part": "", "quantity": 1}]), "lines[0].part"),
        (parcel(lines="tea"), "lines"),
        (parcel(note=None), "note"),
        ([], "body"),
        (None, "body"),
    ],
)
def test_the_problem_names_an_invalid_field(body: Any, field: str) -> None:
    assert_problem(send(json.dumps(body)), 422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (parcel(colour="red"), "colour"),
        (parcel(lines=[{"part": "tea", "quantity": 1, "price": 0}]), "lines[0].price"),
    ],
)
def test_the_problem_names_an_unknown_field(body: Any, field: str) -> None:
    assert_problem(send(json.dumps(body)), 422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "lines"), (parcel(lines=[{"part": "tea", "quantity": 1}, {"part": "cup"}]), "lines[1].quantity")],
)
def test_the_problem_names_a_missing_field(body: Any, field: str) -> None:
    assert_problem(send(json.dumps(body)), 422, field)


def test_a_refused_body_reaches_no_route() -> None:
    api = Api()
    for body in ("{", "{}", "x" * 65 * KIBIBYTE):
        call(api, "POST", "/parcels", body)
    assert api.seen == []


# The caller


@pytest.mark.parametrize(
    "groups",
    ["[operators]", "[a operators]", "[operators b]", "operators", ["operators"], ["a", "operators"]],
)
def test_a_member_of_operators_may_use_an_operators_route(groups: Any) -> None:
    answer = call(Api(), "PUT", "/parcels/7/label", claims={"sub": "operator-1", "cognito:groups": groups})
    assert answer.status == 201


@pytest.mark.parametrize(
    "groups", ["", "[]", [], "[customers]", "[operators2]", "[ex-operators]", "Operators", "[a,operators]"]
)
def test_a_member_of_other_groups_may_not_use_an_operators_route(groups: Any) -> None:
    api = Api()
    assert_problem(call(api, "PUT", "/parcels/7/label", claims={"sub": "customer-1", "cognito:groups": groups}), 403)
    assert api.seen == []


def test_a_caller_without_a_group_may_not_use_an_operators_route() -> None:
    assert_problem(call(Api(), "PUT", "/parcels/7/label", claims={"sub": "customer-1"}), 403)
    assert_problem(call(Api(), "PUT", "/parcels/7/label"), 403)


def test_the_caller_is_the_tokens_subject() -> None:
    assert call(Api(), "GET", "/mine", claims={"sub": "customer-1"}).body == "customer-1"


def test_a_request_without_a_token_is_a_problem() -> None:
    assert_problem(call(Api(), "GET", "/mine"), 401)


# The request


def test_header_names_are_read_in_any_case() -> None:
    api = Api()
    call(api, headers={"Idempotency-Key": "k"})
    assert api.seen[0].headers == {"idempotency-key": "k"}


def test_the_requests_id_is_its_correlation_id() -> None:
    api = Api()
    call(api)
    assert api.seen[0].correlation_id == "request=1"


def test_a_valid_trace_context_is_kept() -> None:
    api = Api()
    call(api, headers={"traceparent": TRACEPARENT})
    assert api.seen[0].traceparent == TRACEPARENT


@pytest.mark.parametrize(
    "trace",
    [
        "",
        "nonsense",
        TRACEPARENT.upper(),
        TRACEPARENT + "\n",
        "ff" + TRACEPARENT[2:],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
    ],
)
def test_an_invalid_trace_context_is_replaced(trace: str) -> None:
    api = Api()
    call(api, headers={"traceparent": trace})
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", api.seen[0].traceparent)
    assert api.seen[0].traceparent != trace


def test_each_request_without_a_trace_context_gets_a_new_one() -> None:
    api = Api()
    call(api)
    call(api)
    assert api.seen[0].traceparent != api.seen[1].traceparent


# Problems


def test_a_problem_is_answered_with_its_field_and_headers() -> None:
    problem = Problem(409, "Gone", "It has left.", field="id", headers={"Retry-After": "3"})
    answer = call(Api(fails=problem))
    assert_problem(answer, 409, "id")
    assert answer.headers["Retry-After"] == "3"
    assert (answer.body["title"], answer.body["detail"]) == ("Gone", "It has left.")


def test_a_retryable_error_says_when_to_try_again() -> None:
    answer = call(Api(fails=RetryableError("the table is busy")))
    assert_problem(answer, 503)
    assert answer.headers["Retry-After"] == "1"


def test_an_unknown_error_is_a_problem_that_reveals_nothing() -> None:
    answer = call(Api(fails=KeyError("secret")))
    assert_problem(answer, 500)
    assert "secret" not in json.dumps(answer.body)
    assert "KeyError" not in json.dumps(answer.body)


# Parameters


Part = Annotated[str, Meta(pattern=r"^[a-z]+\Z", description="A part is one or more letters")]


def test_a_parameter_of_the_path_that_has_its_form_is_returned() -> None:
    assert make_request({"part": "lid"}).path_parameter("part", Part) == "lid"


@pytest.mark.parametrize("text", ["", "Lid", "lid\n", "#lid", "ž"])
def test_a_parameter_of_the_path_that_has_not_its_form_is_a_problem(text: str) -> None:
    with pytest.raises(Problem, match="A part is one or more letters") as refusal:
        make_request({"part": text}).path_parameter("part", Part)
    assert (refusal.value.status, refusal.value.field) == (422, "part")


def test_a_requests_metadata_has_its_correlation_id_and_its_trace_context() -> None:
    metadata = make_request().metadata(7)
    assert (metadata.correlation_id, metadata.traceparent, metadata.time) == (CORRELATION_ID, TRACEPARENT, 7)
    assert metadata.inbox_key is None
