"""The marks of orders: unlikely words in names, streets, cities and addresses, by which personal data is found."""

import re

WORD, TAIL = "zyzzyva", "abcdefghij"
_MARK = re.compile(rf"{WORD}[{TAIL}{TAIL.upper()}]{{{len(TAIL)}}}")


def mark(number: int) -> str:
    """Return the mark of the n-th order. Marks differ in case only, so fraud takes marked streets for the same."""
    return WORD + "".join(letter.upper() if number >> n & 1 else letter for n, letter in enumerate(TAIL))


def marks_in(text: str) -> set[str]:
    """Return the marks in a text."""
    return set(_MARK.findall(text))
