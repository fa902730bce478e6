"""A proxy on the loopback with the parts of Stripe's edge that localstripe lacks.

It adds idempotency keys and the search by metadata, refuses API keys, and loses answers. So the tests of these rely on
this proxy and not on localstripe, which ignores such keys and has no search. It refuses two requests that localstripe
carries out: to capture an intent that is not authorized, and to refund more than is left of a charge. localstripe
implements an older version of the API: the proxy passes `allowed_payment_method_types` on under its older name, and
adds members that intents and charges lack.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
KEY = "sk_test_the_first"

SEARCH = "/v1/payment_intents/search"
CLAUSE = re.compile(r'metadata\["(?P<name>\w+)"\]:"(?P<value>[^"]+)"')

Answer = tuple[int, bytes]


@dataclass(frozen=True)
class Call:
    """A request that reached the edge."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("Idempotency-Key")


@dataclass
class StripeEdge:
    """The proxy's state.

    Attributes:
        upstream: localstripe's port.
        api_key: The only API key that is accepted.
        calls: The calls that reached it.
        before: Actions by the end of a path. Each runs once, before such a call is passed on.
        lost: Ends of paths. The answer to one such call is lost on its way back.
        port: The proxy's own port.
    """

    upstream: int
    api_key: str = KEY
    calls: list[Call] = field(default_factory=list)
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    port: int = 0
    _answers: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def answer(self, call: Call) -> tuple[Answer, bool]:
        """Return the answer to a call, and whether it is replayed."""
        self.calls.append(call)
        if call.key != self.api_key:
            return _error(401, "invalid_request_error", "Invalid API Key provided"), False
        for end in [end for end in self.before if call.path.endswith(end)]:
            self.before.pop(end)()
        if call.idempotency_key is None:
            return self._pass_on(call), False
        # The second request of a key waits for the first one's answer. Stripe would refuse it with a conflict.
        with self._locks[call.idempotency_key]:
            if call.idempotency_key not in self._answers:
                self._answers[call.idempotency_key] = (call.body, self._pass_on(call))
                return self._answers[call.idempotency_key][1], False
        body, answer = self._answers[call.idempotency_key]
        if body != call.body:
            return _error(400, "idempotency_error", "The key was first used with other parameters"), False
        return answer, True

    def loses(self, call: Call) -> bool:
        """Return whether the answer to a call is lost."""
        ends = {end for end in self.lost if call.path.endswith(end)}
        self.lost -= ends
        return bool(ends)

    def forget_keys(self) -> None:
        """Forget all idempotency keys, as Stripe does after a day."""
        self._answers.clear()

    def _pass_on(self, call: Call) -> Answer:
        if call.path.startswith(f"{SEARCH}?"):
            return self._search(call)
        if call.method != "POST" or not call.path.endswith(("/capture", "/cancel", "/refunds")):
            return self._forward(call)
        # The look and the change are one step at Stripe.
        with self._locks["intents"]:
            return self._refusal(call) or self._forward(call)

    def _refusal(self, call: Call) -> Answer | None:
        if call.path.endswith("/capture"):
            intent = self._look(call, call.path.removesuffix("/capture"))
            if intent["status"] != "requires_capture":
                code = "payment_intent_unexpected_state"
                return _error(400, "invalid_request_error", "The intent is not authorized", code=code)
        if call.path.endswith("/refunds"):
            form = parse_qs(call.body.decode())
            charge = self._look(call, f"/v1/payment_intents/{form['payment_intent'][0]}?expand[]=latest_charge")
            left = charge["latest_charge"]["amount"] - charge["latest_charge"]["amount_refunded"]
            if left <= 0:
                return _error(400, "invalid_request_error", "It has been refunded", code="charge_already_refunded")
            if int(form["amount"][0]) > left:
                return _error(400, "invalid_request_error", "It is greater than what is left", param="amount")
        return None

    def _search(self, call: Call) -> Answer:
        """Return the intents that have all metadata of a query (Stripe Docs, "Search query language"), latest first."""
        (query,) = parse_qs(urlsplit(call.path).query)["query"]
        clauses = [CLAUSE.fullmatch(clause) for clause in query.split(" AND ")]
        if not all(clauses):
            return _error(400, "invalid_request_error", "The query cannot be parsed")
        wanted = {clause["name"]: clause["value"] for clause in clauses if clause}
        intents = self._look(call, "/v1/payment_intents?limit=10000")["data"]
        found = [intent for intent in intents if wanted.items() <= intent["metadata"].items()]
        latest_first = sorted(found, key=lambda intent: -intent["created"])
        return 200, json.dumps({"object": "search_result", "has_more": False, "data": latest_first}).encode()

    def _look(self, call: Call, path: str) -> dict[str, Any]:
        _, body = self._forward(Call("GET", path, call.headers, b""))
        return dict(json.loads(body))

    def _forward(self, call: Call) -> Answer:
        connection = HTTPConnection(LOOPBACK, self.upstream, timeout=10)
        headers = {"Authorization": f"Bearer {call.key}", "Content-Type": "application/x-www-form-urlencoded"}
        body = call.body.replace(b"allowed_payment_method_types", b"payment_method_types")
        try:
            connection.request(call.method, call.path, body, headers)
            response = connection.getresponse()
            return response.status, _completed(response.read())
        finally:
            connection.close()


@contextmanager
def serving(edge: StripeEdge) -> Iterator[StripeEdge]:
    """Let the edge listen on a free port of the loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The answer is sent in one piece. A second piece would wait for the acknowledgement of the first one.
        wbufsize = -1

        def do_GET(self) -> None:
            self._pass()

        def do_POST(self) -> None:
            self._pass()

        def log_message(self, *_: object) -> None:
            pass

        def _pass(self) -> None:
            call = Call(
                method=self.command,
                path=self.path,
                headers=dict(self.headers),
                body=self.rfile.read(int(self.headers["Content-Length"] or 0)),
            )
            (status, body), replayed = edge.answer(call)
            if edge.loses(call):
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if replayed:
                self.send_header("Idempotent-Replayed", "true")
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    edge.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield edge
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _completed(body: bytes) -> bytes:
    """Add the members that the version of the API has since localstripe's."""
    answer = json.loads(body)
    if answer.get("object") == "payment_intent":
        answer.setdefault("cancellation_reason", None)
        if isinstance(answer["latest_charge"], dict):
            answer["latest_charge"].setdefault("disputed", False)
    return json.dumps(answer).encode()


def _error(status: int, kind: str, message: str, **more: str) -> Answer:
    return status, json.dumps({"error": {"type": kind, "message": message, **more}}).encode()
