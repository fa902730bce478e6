"""Numbers of things in sentences."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: `1 message`, `1,200 messages`.

    Args:
        number: How many there are.
        noun: The noun in the singular.
        plural: The noun in the plural; by default with an `s` at its end.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or f'{noun}s'}"
