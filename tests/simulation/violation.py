"""What no history may show."""


class ViolationError(BaseException):
    """An invariant does not hold: not an Exception, since no code under test may catch it."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
        self.text = text
