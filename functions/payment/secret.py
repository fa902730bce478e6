"""A secret of Secrets Manager, remembered for a while and never shown."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

MAX_AGE = 300.0
"""Seconds for which a value is remembered: so long does a rotated secret's old value serve on at the most."""


@dataclass
class Secret:
    """A secret's text, by its name or ARN. Whatever the client raises goes on to the caller, and is not remembered."""

    client: "SecretsManagerClient" = field(repr=False)
    name: str
    max_age: float = MAX_AGE
    clock: Callable[[], float] = time.monotonic
    _value: str = field(default="", init=False, repr=False)
    _until: float = field(default=float("-inf"), init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def value(self) -> str:
        """The secret, as it was some minutes ago at the most."""
        # A function's threads that all find it too old wait for the first of them, and ask no more.
        with self._lock:
            return self._value if self.clock() < self._until else self._fetch()

    def other_than(self, refused: str) -> str | None:
        """The secret as it is now, where one that was refused has been replaced; None where it is still the same."""
        with self._lock:
            value = self._value if self._value != refused else self._fetch()
        return value if value != refused else None

    def _fetch(self) -> str:
        # Whoever puts it there with an editor leaves the end of a line.
        self._value = self.client.get_secret_value(SecretId=self.name)["SecretString"].strip()
        self._until = self.clock() + self.max_age
        return self._value
