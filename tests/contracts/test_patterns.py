"""The check of patterns finds those that engines read differently."""

import pytest

from tests.contracts.patterns import is_portable


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"^[0-9a-f]{8}\Z", r"^\d$", r"^[\w-]+$", r"^[^\S]+$", r"^\bword\b$", r"^\p{L}$", r"^\"$", "^.$", "^a$|b$"),
        *("^(?=a)a$", "^(?i:a)$", "^a++$", "^a*{2}$", "^a{,2}$", "[a]", "^a", "a$", r"^a\$", "^[]$", "^[[:alpha:]]$"),
    ],
)
def test_a_pattern_that_engines_read_differently_is_not_portable(pattern: str) -> None:
    assert not is_portable(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        *("^$", r"^(?:[a-z]|\.)\x20$", r"^[^\u2028.$]{1,2}?[!-~]*$", r"^a\-b\/(c)+$", "^a{2,}$"),
        "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]$",
    ],
)
def test_a_pattern_that_engines_read_alike_is_portable(pattern: str) -> None:
    assert is_portable(pattern)
