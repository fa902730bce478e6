"""Problems: refusals of a request, answered as problem+json."""

from collections.abc import Mapping


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """A refusal of a request, answered as problem+json (RFC 9457).

    Attributes:
        status: The HTTP status.
        title: The kind of problem, in a few words.
        detail: What the caller can do about it.
        field: The part of the request that was refused.
        headers: Headers of the answer.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.headers = headers or {}
