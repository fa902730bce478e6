"""The error for a history that breaks an invariant."""


class ViolationError(BaseException):
    """A violated invariant. It is not an Exception, because no code under test may catch it."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Let a process of the pool report it."""
        return ViolationError, (self.invariant, self.text)
