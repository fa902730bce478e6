"""A stub of Secrets Manager."""

from dataclasses import dataclass, field
from typing import Any, cast

from tidings.aws.secrets import Secret


@dataclass
class StubSecrets:
    """One secret.

    Attributes:
        value: Its value.
        later: The values that it has after each read.
        reads: How often it was read.
    """

    value: str
    later: list[str] = field(default_factory=list)
    reads: int = 0

    def get_secret_value(self, **_: str) -> dict[str, str]:
        self.reads += 1
        answer = {"SecretString": self.value}
        if self.later:
            self.value = self.later.pop(0)
        return answer

    def secret(self, **options: Any) -> Secret:
        return Secret(cast("Any", self), "stripe-key", **options)
