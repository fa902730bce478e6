from typing import Any

import msgspec
import pytest

from contracts.values.text import Email, Id, Line, Text


def accepts(kind: Any, text: str) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "text", ["1 Mill Lane", "Łódź, Zażółć 1", "漢字", "🫖", "é", "x" * 100, " padded ", "no\u00a0break"]
)
def test_a_line_is_any_visible_text(text: str) -> None:
    assert accepts(Line, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u2060\u00ad", "x" * 101),
        *("two\nlines", "line\n", "two\u2028lines", "two\x85lines", "tab\there", "\x00", "a\x7f", "a\ufffe", "a\uffff"),
    ],
)
def test_a_text_that_is_blank_or_breaks_the_line_is_no_line(text: str) -> None:
    assert not accepts(Line, text)


@pytest.mark.parametrize(
    "text", ["a@b.example", "first.last+tag@mail.example.com", f"{'a' * 64}@b.example", "o'hara@b.ie"]
)
def test_an_address_in_ascii_is_an_email(text: str) -> None:
    assert accepts(Email, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "a@b", "@b.example", "a@b@c.example", "a b@c.example", "a@b.example\n", "a@b..example"),
        *("a,b@c.example", "a<b@c.example", "é@b.example", "a@bücher.example", f"{'a' * 65}@b.example"),
        "a@" + "b." * 130 + "c",
    ],
)
def test_another_text_is_no_email(text: str) -> None:
    assert not accepts(Email, text)


@pytest.mark.parametrize(
    ("text", "accepted"), [("pay_1", True), ("x" * 64, True), ("", False), ("a b", False), ("é", False)]
)
def test_an_id_is_in_visible_ascii(text: str, accepted: bool) -> None:
    assert accepts(Id, text) == accepted


@pytest.mark.parametrize(
    ("text", "accepted"), [("two\nlines", True), ("", True), ("x" * 257, False), ("\ufffe", False)]
)
def test_a_text_may_have_lines_but_no_character_that_queues_refuse(text: str, accepted: bool) -> None:
    assert accepts(Text, text) == accepted
