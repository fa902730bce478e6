"""Problems: refusals of a request, answered as problem+json, and the rules by which requests are refused."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tidings.core.strict_json import MAX_DEPTH


class Rule(Struct, frozen=True):
    """A rule by which a request is refused. The API's document names it.

    Attributes:
        status: The HTTP status of the refusal.
        title: The kind of problem, in a few words. Clients distinguish the problems of an operation by it.
        description: When a request is refused, for the API's document.
        members: The types of the extension members of such a problem, by name (RFC 9457, section 3.2).
    """

    status: int
    title: str
    description: str
    members: Mapping[str, Any] = {}


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A refusal of a request, answered as problem+json (RFC 9457).

    Attributes:
        rule: The rule by which the request is refused.
        detail: What the caller can do about it.
        field: The part of the request that was refused.
        headers: Headers of the answer.
        members: The values of the rule's extension members, which clients read instead of the detail.
        others: The request's other problems. The answer lists them, and takes everything else from this problem.
    """

    def __init__(
        self,
        rule: Rule,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        others: Sequence["Problem"] = (),
    ) -> None:
        super().__init__(f"{rule.status} {rule.title}: {detail}")
        self.rule = rule
        self.detail = detail
        self.field = field
        self.headers = headers or {}
        self.members = members or {}
        self.others = tuple(others)


def raise_all(problems: Sequence[Problem]) -> None:
    """Raise the first of a request's problems with the others, so that the answer lists all of them.

    Raises:
        Problem: If there are any.
    """
    if problems:
        first, *others = problems
        raise Problem(
            first.rule,
            first.detail,
            field=first.field,
            headers=first.headers,
            members=first.members,
            others=others,
        )


NO_SUCH_PATH = Rule(404, "Not found", "Nothing is at this path.")
NO_TOKEN = Rule(401, "No ID token", "The request has no token, or an access token instead of an ID token.")
NOT_JSON = Rule(
    400,
    "Not JSON",
    "The body is not JSON in UTF-8, or parsers may read it differently: it has a name twice in one object, a lone "
    f"surrogate, or a number that no double represents, or it is nested more than {MAX_DEPTH} deep.",
)
TOO_LARGE = Rule(413, "Too large", "The body has too many bytes.")
NOT_JSON_TYPE = Rule(415, "Not the type of JSON", "The body's `Content-Type` is not `application/json`.")
INVALID = Rule(
    422, "Not valid", "A parameter or the body is not valid by its schema. `field` names the parameter or the field."
)
BUSY = Rule(503, "Busy", "Others change the same thing, or the table is throttled. Nothing was done.")
FAILED = Rule(500, "Failed", "Something failed on our side. The same request may safely be sent again.")
