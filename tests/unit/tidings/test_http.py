import base64
import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

import pytest
from botocore.exceptions import ClientError
from msgspec import Meta, Struct

from tidings.aws.throttling import is_throttled
from tidings.core.clock import DATE_PATTERN
from tidings.core.errors import RetryableError, ThrottledError
from tidings.http.problems import (
    BUSY,
    FAILED,
    INVALID,
    NO_SUCH_PATH,
    NO_TOKEN,
    NOT_JSON,
    NOT_JSON_TYPE,
    TOO_LARGE,
    Problem,
    Rule,
    raise_all,
)
from tidings.http.requests import Reply, Request
from tidings.http.routes import route, routes_of
from tidings.http.server import serve
from tidings.testing import CORRELATION_ID, TRACEPARENT, make_request

KIBIBYTE = 1024

ParcelId = Annotated[str, Meta(pattern=r"^[a-z0-9]{1,8}\Z", description="A parcel's id is 1 to 8 letters or digits")]
Count = Annotated[int, Meta(ge=-5, le=20, description="A whole number from -5 to 20")]
Day = Annotated[str, Meta(pattern=DATE_PATTERN, description="A day such as `2026-01-31`")]
Key = Annotated[str, Meta(pattern=r"^[a-z]+\Z", description="One or more letters.")]

CLAIMS = {"sub": "caller-1", "token_use": "id", "email": "caller@example.com", "email_verified": "true"}
KEY = {"Parcel-Key": "abc"}

LOST = Rule(409, "Lost", "The parcel is lost.")


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

    @route(
        "GET",
        "/parcels/{id}",
        str,
        path={"id": ParcelId},
        query={"count": Count | None, "day": Day | None},
        rules=(LOST,),
    )
    def show(self, request: Request) -> str:
        """Show a parcel."""
        self.seen.append(request)
        if self.fails:
            raise self.fails
        return request.path["id"]

    @route(
        "PUT",
        "/parcels/{id}/label",
        str,
        path={"id": ParcelId},
        query={"count": Count | None},
        headers={"Parcel-Key": Key},
    )
    def label(self, request: Request) -> Reply:
        """Label a parcel."""
        self.seen.append(request)
        return Reply("labelled", {"Location": "label"}, status=201)

    @route("GET", "/mine", str)
    def mine(self, request: Request) -> str:
        """Show the caller."""
        return f"{request.require_caller().id} {request.require_caller().email}"

    @route("GET", "/public", str, open=True)
    def public(self, _request: Request) -> str:
        """Show what everybody may see."""
        if self.fails:
            raise self.fails
        return "public"

    @route("GET", "/operators/parcels", str)
    def list_all(self, _request: Request) -> str:
        """List the parcels of all people."""
        return "all"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


ROUTES = {
    "POST /parcels": r"/parcels",
    "GET /parcels/{id}": r"/parcels/(?P<id>[^/]*)",
    "PUT /parcels/{id}/label": r"/parcels/(?P<id>[^/]*)/label",
    "GET /mine": r"/mine",
    "GET /public": r"/public",
    "GET /operators/parcels": r"/operators/parcels",
}
"""The paths of each route of the gateway, as regular expressions."""


def call(
    api: Api,
    method: str = "GET",
    path: str = "/parcels/7",
    body: str | None = None,
    *,
    claims: dict[str, Any] | None = CLAIMS,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    encoded: bool = False,
    raw_path: str | None = None,
) -> Answer:
    """Send a request in the form of an HTTP API (payload format 2.0)."""
    key, parameters = next(
        (key, found.groupdict())
        for key, pattern in ROUTES.items()
        if key.startswith(f"{method} ") and (found := re.fullmatch(pattern, path))
    )
    context: dict[str, Any] = {
        "requestId": "request=1",
        "stage": "$default",
        "http": {"method": method, "path": path},
    }
    if claims is not None:
        context["authorizer"] = {"jwt": {"claims": claims}}
    event = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path if raw_path is None else raw_path,
        "pathParameters": parameters or None,
        "queryStringParameters": query,
        "headers": headers,
        "requestContext": context,
        "body": body,
        "isBase64Encoded": encoded,
    }
    answer = serve(api, is_throttled)(event, cast(Any, None))
    return Answer(answer["statusCode"], answer["headers"], json.loads(answer["body"]))


def send(body: str, *, encoded: bool = False) -> Answer:
    return call(Api(), "POST", "/parcels", body, encoded=encoded)


def parcel(**changes: Any) -> dict[str, Any]:
    return {"lines": [{"part": "tea", "quantity": 2}, {"part": "cup", "quantity": 1}]} | changes


def aws_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "Query")


def assert_problem(answer: Answer, rule: Rule, field: str | None = None) -> None:
    """Require a problem of RFC 9457 whose detail is a sentence."""
    assert answer.status == answer.body["status"] == rule.status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["title"] == rule.title
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
    answer = call(Api(), "PUT", "/parcels/7/label", headers=KEY)
    assert answer.status == 201
    assert answer.headers["Location"] == "label"


@pytest.mark.parametrize("path", ["//parcels/7", "/parcels//7", "/parcels/7/", "/v1//parcels/7"])
def test_a_path_with_an_empty_segment_is_not_found(path: str) -> None:
    api = Api()
    assert_problem(call(api, raw_path=path), NO_SUCH_PATH)
    assert api.seen == []


def test_the_path_may_have_a_prefix_that_the_gateway_routes() -> None:
    assert call(Api(), raw_path="/v1/parcels/7").status == 200


def test_a_route_that_declares_other_parameters_than_its_path_is_an_error() -> None:
    with pytest.raises(TypeError, match="parameters of the path"):
        route("GET", "/parcels/{id}", str, path={"sku": ParcelId})(Api.mine)


def test_routes_are_known_without_serving_them() -> None:
    assert [declared.key for declared in routes_of(Api)] == [
        "POST /parcels",
        "GET /parcels/{id}",
        "PUT /parcels/{id}/label",
        "GET /mine",
        "GET /public",
        "GET /operators/parcels",
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
    assert_problem(send(body), NOT_JSON, "body")


def test_a_missing_body_is_a_problem() -> None:
    assert_problem(call(Api(), "POST", "/parcels", None), NOT_JSON, "body")


@pytest.mark.parametrize("body", [base64.b64encode(b'{"note": "\xff"}').decode(), "abc"])
def test_a_body_that_is_not_text_is_a_problem(body: str) -> None:
    assert_problem(send(body, encoded=True), NOT_JSON, "body")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"lines": [{"part": "tea", "quantity": 2, "quantity": 9}]}', "quantity"),
        ('{"lines": [], "note": "", "lines": []}', "lines"),
        (r'{"lines": [], "not\u0065": "", "note": ""}', "note"),
    ],
)
def test_a_body_with_a_name_twice_is_a_problem(body: str, name: str) -> None:
    answer = send(body)
    assert_problem(answer, NOT_JSON, "body")
    assert f"{name}' appears twice" in answer.body["detail"]


@pytest.mark.parametrize("quantity", ["2.0", "2e0", "20E-1", "0.2e1"])
def test_an_integer_may_be_written_as_json_schema_allows(quantity: str) -> None:
    answer = send(f'{{"lines": [{{"part": "tea", "quantity": {quantity}}}]}}')
    assert answer.body["lines"] == [{"part": "tea", "quantity": 2}]


@pytest.mark.parametrize("quantity", ["2.5", "true", '"2"', "1e30", "-2.0", "11.0", "9" * 300])
def test_a_number_that_is_no_valid_integer_is_a_problem(quantity: str) -> None:
    assert_problem(send(f'{{"lines": [{{"part": "tea", "quantity": {quantity}}}]}}'), INVALID, "lines[0].quantity")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_number_that_json_or_a_double_has_not_is_a_problem(number: str) -> None:
    assert_problem(send(f'{{"lines": [], "note": {number}}}'), NOT_JSON, "body")


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"]
)
def test_a_body_of_the_type_of_json_is_accepted(media_type: str) -> None:
    assert call(Api(), "POST", "/parcels", json.dumps(parcel()), headers={"content-type": media_type}).status == 202


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_a_body_of_another_type_is_a_problem(media_type: str) -> None:
    answer = call(Api(), "POST", "/parcels", json.dumps(parcel()), headers={"content-type": media_type})
    assert_problem(answer, NOT_JSON_TYPE, "Content-Type")


@pytest.mark.parametrize("letter", ["x", "é"])
def test_a_body_may_have_64_kibibytes_and_no_more(letter: str) -> None:
    rest = 64 * KIBIBYTE - len(json.dumps(parcel(note="")))
    fits = json.dumps(parcel(note=letter * (rest // len(letter.encode()))), ensure_ascii=False)
    assert send(fits).status == 202
    assert_problem(send(fits + "  "), TOO_LARGE, "body")


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
    assert_problem(send(json.dumps(body)), INVALID, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (parcel(colour="red"), "colour"),
        (parcel(lines=[{"part": "tea", "quantity": 1, "price": 0}]), "lines[0].price"),
    ],
)
def test_the_problem_names_an_unknown_field(body: Any, field: str) -> None:
    assert_problem(send(json.dumps(body)), INVALID, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "lines"), (parcel(lines=[{"part": "tea", "quantity": 1}, {"part": "cup"}]), "lines[1].quantity")],
)
def test_the_problem_names_a_missing_field(body: Any, field: str) -> None:
    assert_problem(send(json.dumps(body)), INVALID, field)


def test_a_refused_body_reaches_no_route() -> None:
    api = Api()
    for body in ("{", "{}", "x" * 65 * KIBIBYTE):
        call(api, "POST", "/parcels", body)
    assert api.seen == []


# The caller


def test_the_caller_is_the_tokens_subject_with_its_verified_address() -> None:
    assert call(Api(), "GET", "/mine").body == "caller-1 caller@example.com"


@pytest.mark.parametrize(
    "changes", [{"email_verified": "false"}, {"email_verified": ""}, {"email_verified": "True"}, {"email": ""}]
)
def test_an_address_that_is_not_verified_is_not_the_callers(changes: dict[str, str]) -> None:
    assert call(Api(), "GET", "/mine", claims=CLAIMS | changes).body == "caller-1 "


@pytest.mark.parametrize("claims", [{"sub": "caller-1"}, {"sub": "caller-1", "token_use": "id"}])
def test_a_token_without_an_address_is_accepted_only_if_it_is_an_id_token(claims: dict[str, str]) -> None:
    answer = call(Api(), "GET", "/mine", claims=claims)
    assert answer.status == (200 if "token_use" in claims else 401)


@pytest.mark.parametrize("claims", [None, {}, CLAIMS | {"token_use": "access"}, CLAIMS | {"token_use": "[id]"}])
@pytest.mark.parametrize(("method", "path"), [("GET", "/mine"), ("GET", "/operators/parcels"), ("POST", "/parcels")])
def test_a_request_without_an_id_token_is_a_problem(claims: dict[str, str] | None, method: str, path: str) -> None:
    api = Api()
    assert_problem(call(api, method, path, "{", claims=claims), NO_TOKEN)
    assert api.seen == []


def test_an_open_route_needs_no_token() -> None:
    assert call(Api(), "GET", "/public", claims=None).body == "public"


def test_a_route_is_for_operators_if_its_path_says_so() -> None:
    assert [declared.key for declared in routes_of(Api) if declared.operators] == ["GET /operators/parcels"]


def test_an_operators_route_cannot_be_open() -> None:
    with pytest.raises(TypeError, match="cannot be open"):
        route("GET", "/operators/parcels", str, open=True)(Api.mine)


@pytest.mark.parametrize("fails", [None, Problem(LOST, "Send another."), KeyError("x"), RetryableError("busy")])
def test_no_answer_to_a_request_with_a_token_may_be_stored(fails: Exception | None) -> None:
    assert call(Api(fails=fails)).headers["Cache-Control"] == "no-store"
    assert call(Api(), claims=None).headers["Cache-Control"] == "no-store"
    assert "Cache-Control" not in call(Api(fails=fails), "GET", "/public", claims=None).headers


# The request


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
    answer = call(Api(fails=Problem(LOST, "Send another.", field="id", headers={"Retry-After": "3"})))
    assert_problem(answer, LOST, "id")
    assert answer.headers["Retry-After"] == "3"
    assert answer.body["detail"] == "Send another."


@pytest.mark.parametrize(
    "error",
    [RetryableError("the table is busy"), ThrottledError("slow"), aws_error("ProvisionedThroughputExceededException")],
)
def test_contention_and_throttling_say_when_to_try_again(error: Exception) -> None:
    answer = call(Api(fails=error))
    assert_problem(answer, BUSY)
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("error", [KeyError("secret"), aws_error("secret")])
def test_an_unknown_error_is_a_problem_that_reveals_nothing(error: Exception) -> None:
    answer = call(Api(fails=error))
    assert_problem(answer, FAILED)
    assert "secret" not in json.dumps(answer.body)
    assert "KeyError" not in json.dumps(answer.body)


def test_the_errors_of_a_body_are_all_listed() -> None:
    lines = [{"part": "tea", "quantity": 0}, {"part": "", "colour": "red"}]
    answer = send(json.dumps({"lines": lines, "note": None}))
    assert_problem(answer, INVALID, "lines[0].quantity")
    assert [error["field"] for error in answer.body["errors"]] == [
        "lines[0].quantity",
        "lines[1].part",
        "lines[1].quantity",
        "lines[1].colour",
        "note",
    ]
    assert {error["title"] for error in answer.body["errors"]} == {INVALID.title}
    assert answer.body["errors"][0]["detail"] == answer.body["detail"] == "This number must be at least 1."


def test_the_errors_of_all_parameters_are_listed() -> None:
    answer = call(Api(), "PUT", "/parcels/A/label", query={"count": "x"}, headers={"Parcel-Key": "1"})
    assert_problem(answer, INVALID, "id")
    assert [error["field"] for error in answer.body["errors"]] == ["id", "count", "Parcel-Key"]


def test_one_error_is_not_listed_again() -> None:
    assert "errors" not in send(json.dumps(parcel(note=None))).body


def test_the_problems_that_a_method_finds_are_all_listed() -> None:
    found = [Problem(LOST, "Send another.", field="id", headers={"Retry-After": "3"}), Problem(INVALID, "No.")]
    with pytest.raises(Problem) as raised:
        raise_all(found)
    answer = call(Api(fails=raised.value))
    assert_problem(answer, LOST, "id")
    assert answer.headers["Retry-After"] == "3"
    assert answer.body["errors"] == [
        {"title": "Lost", "detail": "Send another.", "field": "id"},
        {"title": "Not valid", "detail": "No."},
    ]


def test_a_problem_and_its_entry_in_the_list_have_the_members_of_the_rule() -> None:
    with pytest.raises(Problem) as raised:
        raise_all([Problem(LOST, "Send another.", members={"left": 2}), Problem(INVALID, "No.")])
    answer = call(Api(fails=raised.value))
    assert answer.body["left"] == 2
    assert answer.body["errors"] == [
        {"title": "Lost", "detail": "Send another.", "left": 2},
        {"title": "Not valid", "detail": "No."},
    ]


def test_without_problems_nothing_is_raised() -> None:
    raise_all([])


# Parameters


@pytest.mark.parametrize("text", ["7", "a", "abcdefgh"])
def test_a_parameter_of_the_path_that_is_valid_reaches_the_route(text: str) -> None:
    assert call(Api(), path=f"/parcels/{text}").body == text


@pytest.mark.parametrize(
    "text", ["A", "7\n", "\n7", " 7", "7 ", "#7", "ž", "٣", "%37", "7%0a", "7%250a", "..", "abcdefghi", "\ud800"]
)
def test_a_parameter_of_the_path_that_is_not_valid_is_a_problem(text: str) -> None:
    api = Api()
    answer = call(api, path=f"/parcels/{text}")
    assert_problem(answer, INVALID, "id")
    assert answer.body["detail"] == "A parcel's id is 1 to 8 letters or digits."
    assert api.seen == []


@pytest.mark.parametrize("n", [-5, -1, 0, 1, 9, 10, 20])
def test_a_number_of_the_query_is_read_from_its_one_text(n: int) -> None:
    api = Api()
    call(api, query={"count": str(n)})
    assert api.seen[0].query == {"count": n}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-6",
        "21",
        "05",
        "+5",
        " 5",
        "5 ",
        "5\n",
        "5.0",
        "5e0",
        "-0",
        "00",
        "1,2",
        "٣",
        "\uff15",
        "²",
        "1_0",
        "0x5",
        "9" * 5000,
    ],
)
def test_a_number_that_is_written_in_another_way_or_out_of_bounds_is_a_problem(text: str) -> None:
    answer = call(Api(), query={"count": text})
    assert_problem(answer, INVALID, "count")
    assert answer.body["detail"] == "A whole number from -5 to 20."


@pytest.mark.parametrize("text", ["2024-02-29", "2026-12-31", "1970-01-01", "9999-12-31"])
def test_a_day_of_the_query_is_accepted(text: str) -> None:
    api = Api()
    call(api, query={"day": text})
    assert api.seen[0].query == {"day": text}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026-02-29",
            "1900-02-29",
            "2026-1-31",
            "20260131",
            "2026-W05-6",
            "2026-01-31T00:00:00",
            "2026-01-31Z",
            "0000-01-01",
        ),
        *(" 2026-01-31", "2026-01-31\n", "\uff12026-01-31", "2026-01-31,2026-02-01", "+2026-01-31", "12026-01-31"),
    ],
)
def test_a_day_that_does_not_exist_or_is_written_in_another_way_is_a_problem(text: str) -> None:
    assert_problem(call(Api(), query={"day": text}), INVALID, "day")


def test_undeclared_parameters_of_the_query_are_ignored() -> None:
    api = Api()
    call(api, query={"colour": "red"})
    assert api.seen[0].query == {}


def label(headers: dict[str, str]) -> Answer:
    return call(Api(), "PUT", "/parcels/7/label", headers=headers)


@pytest.mark.parametrize("name", ["Parcel-Key", "parcel-key", "PARCEL-KEY"])
def test_a_declared_header_is_read_in_any_case(name: str) -> None:
    assert label({name: "abc"}).status == 201


@pytest.mark.parametrize("headers", [{"Parcel-Key": ""}, {"Parcel-Key": "a,b"}, {"Parcel-Key": "A"}, {}])
def test_a_declared_header_that_is_missing_or_not_valid_is_a_problem(headers: dict[str, str]) -> None:
    assert_problem(label(headers), INVALID, "Parcel-Key")


def test_a_requests_metadata_has_its_correlation_id_and_its_trace_context() -> None:
    metadata = make_request().metadata(7)
    assert (metadata.correlation_id, metadata.traceparent, metadata.time) == (CORRELATION_ID, TRACEPARENT, 7)
    assert metadata.inbox_key is None
