"""Stripe's API, with the account's key, the pace of calls, and errors that say whether a retry can help."""

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TypeVar

import stripe

from tidings.aws.secrets import Secret
from tidings.core.errors import RetryableError, ThrottledError, as_code, described

T = TypeVar("T")
Kind = TypeVar("Kind", bound=stripe.StripeObject)

API_BASE = stripe.DEFAULT_API_BASE

TIMEOUT = (1.0, 5.0)
"""Seconds to connect, and to wait for an answer. Two calls to open and one to confirm fit in a function's timeout."""

RETRIES = 0
"""The queue retries what fails, with a growing delay. Retries here would exceed the function's timeout."""

stripe.enable_telemetry = False

# Below this level the library logs answers, with the secrets of intents, and texts of errors.
logging.getLogger("stripe").setLevel(logging.WARNING)


@described.register
def _(error: stripe.StripeError) -> str:
    code, status, request = (as_code(str(part)) for part in (_code(error), error.http_status, error.request_id))
    return f"{type(error).__name__}: {code}, HTTP {status}, request {request}"


class StripeApi:
    """Calls to Stripe's API.

    Lost connections, Stripe's own failures, and an idempotency key that another request uses now raise
    `RetryableError`. Stripe's limits raise `ThrottledError`: too many requests, or an object that another request locks
    (Stripe Docs, "Rate limits"). A request that Stripe refuses, such as one with a key without permission, raises
    Stripe's own `StripeError`.

    Args:
        key: The account's secret API key, or a restricted one.
        api_base: The address of Stripe's API.
        http: The HTTP client; Stripe's own if omitted.
        pace: Waits before each HTTP call until the rate of calls allows it.
    """

    def __init__(self, key: Secret, api_base: str, http: stripe.HTTPClient | None, pace: Callable[[], None]) -> None:
        self._key = key
        self._api_base = api_base
        self._http = http or stripe.RequestsClient(timeout=TIMEOUT)
        self._pace = pace
        # Two clients: that of the current key, and that of a replaced key for threads that still use it.
        self._client = lru_cache(2)(self._make_client)

    def ask(self, call: Callable[[stripe.StripeClient], T]) -> T:
        """Make a call. If the cached API key is refused, repeat it with the current one."""
        key = self._key.value()
        try:
            try:
                self._pace()
                return call(self._client(key))
            except stripe.AuthenticationError:
                replaced = self._key.other_than(key)
                if replaced is None:
                    raise
                self._pace()
                return call(self._client(replaced))
        except stripe.RateLimitError as error:
            raise ThrottledError(f"Stripe asks to slow down: {described(error)}") from error
        except (stripe.APIConnectionError, stripe.APIError) as error:
            raise RetryableError(f"Stripe did not answer: {described(error)}") from error

    def ask_once(self, key: str, call: Callable[[stripe.StripeClient, stripe.RequestOptions], T]) -> T:
        """Make a call with an idempotency key, so that a repeat within a day has no effect.

        Stripe also replays a failure for a day, and refuses a repeat with other parameters, which a deployment may have
        changed (Stripe API Reference, "Idempotent requests"). In both cases the call is made with a second key. That
        may repeat the effect of the first call. An intent that is opened twice moves no money, because only one of the
        two becomes known. A refund is made once, because it is looked up by its attempt before this call.
        """
        try:
            return self.ask(lambda client: call(client, {"idempotency_key": key}))
        except (stripe.StripeError, RetryableError) as error:
            cause = error.__cause__ if isinstance(error, RetryableError) else error
            if not _uses_up_key(cause):
                raise
        return self.ask(lambda client: call(client, {"idempotency_key": f"{key}/again"}))

    def ask_all(self, call: Callable[[stripe.StripeClient], stripe.ListObject[Kind]]) -> Iterator[Kind]:
        """Iterate over a list's objects, with a call for each page."""
        page = self.ask(call)
        yield from page.data
        if page.has_more:
            yield from self.ask_all(lambda _client: page.next_page())

    def _make_client(self, key: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            key, base_addresses={"api": self._api_base}, max_network_retries=RETRIES, http_client=self._http
        )


def _uses_up_key(error: BaseException | None) -> bool:
    """Return whether an error comes again with the same idempotency key."""
    if not isinstance(error, stripe.StripeError):
        return False
    if getattr(error.error, "type", None) == "idempotency_error":
        return _code(error) != "idempotency_key_in_use"
    return (error.headers or {}).get("idempotent-replayed") == "true"


def _code(error: stripe.StripeError) -> str | None:
    """Return an error's code, which Stripe's library leaves out of some errors."""
    return error.code or getattr(error.error, "code", None)
