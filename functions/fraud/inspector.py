"""The stage's rules, and the pseudonyms of customers and addresses."""

import hmac
from collections.abc import Callable

from msgspec import Struct

from contracts.values.address import Address
from contracts.values.text import comparable
from functions.fraud.rules import Order, Rules

LENGTH = 32
"""Number of hexadecimal digits of a pseudonym: 128 bits of HMAC-SHA-256."""


class Inspector(Struct, frozen=True):
    """The port of fraud's effects.

    Attributes:
        rules: The rules.
        secret: Returns the stage's secret. Another secret makes other pseudonyms, so all windows begin anew.
    """

    rules: Rules
    secret: Callable[[], str]

    def pseudonymize(self, customer: str, address: Address | None, time: int) -> Order:
        """Return an order as the rules count it. Nobody without the secret can relate it to a person.

        An address has the same pseudonym however it is written and whoever receives the goods there, but another for a
        different customer. All addresses that were erased have one.
        """
        parts = (address.street, address.postal_code, address.city, address.country) if address else ()
        return Order(self._hash("customer", customer), self._hash("address", customer, *map(comparable, parts)), time)

    def _hash(self, *parts: str) -> str:
        # No part contains a line break, so different parts are never the same text.
        return hmac.digest(self.secret().encode(), "\n".join(parts).encode(), "sha256").hex()[:LENGTH]
