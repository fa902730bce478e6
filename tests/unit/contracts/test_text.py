from typing import Any

import msgspec
import pytest

from contracts.values.text import Email, Id, Line, Text, comparable


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
        *("\u3164", "\u115f\u1160", "\uffa0", "\u2800", "\ufe0f", "\u2065", "K\ufffdln"),
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("M\u00fcller", "Mu\u0308ller"),
        ("Stra\u00dfe 1", "STRASSE 1"),
        ("\u1e9e", "ss"),
        ("12 Mill Lane", "12\u00a0Mill\u3000Lane"),
        ("12", "\uff11\uff12"),
        ("Mill Lane", "Mi\u200bll\u00ad La\u2065ne\ufeff"),
        ("\u2764", "\u2764\ufe0f"),
        ("Lane", "Lane\U000e0020\U000e0fff"),
        ("a\u0323\u0302", "a\u0302\u0323"),
        ("a\u0323\u0302", "a\u0302\u034f\u0323"),
        ("\u3164", ""),
    ],
)
def test_texts_that_differ_only_in_how_they_are_written_have_one_comparable_form(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)
    assert comparable(comparable(one)) == comparable(one)


@pytest.mark.parametrize(
    ("one", "other"), [("Muller", "M\u00fcller"), ("1 Lane", "2 Lane"), ("a", "\u0430"), ("o", "0")]
)
def test_other_texts_have_other_comparable_forms(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)
