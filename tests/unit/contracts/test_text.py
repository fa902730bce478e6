import re
from itertools import product
from typing import Any, get_args

import msgspec
import pytest

from contracts.values.text import (
    PLAIN_PATTERN,
    SURELY_PLAIN,
    Email,
    Id,
    PlainLine,
    Text,
    comparable,
    is_plain,
    is_plain_line,
)
from functions.orders.requests import CheckedLine


def accepts(kind: Any, text: str) -> bool:
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


def accepts_plain(text: str) -> bool:
    """Return whether a contract accepts a text as a plain line, which a request's decoder decides alike."""
    accepted = accepts(PlainLine, text) and is_plain_line(text)
    assert accepts(CheckedLine, text) == accepted
    return accepted


NAMES = [
    *(
        "A. Customer",
        "O'Brien",
        "N\u2019Golo Kant\u00e9",
        "Dr. M\u00fcller-L\u00fcdenscheidt",
        "Anne-Marie d'Arc, Jr.",
        "J.R.R. Tolkien",
    ),
    *(
        "Ph.D. Anna Nov\u00e1k",
        "S\u00f8ren Kierkegaard",
        "Nguy\u1ec5n V\u0103n A",
        "\u00d6zg\u00fcr \u0130\u011fde",
        "\u0410.\u0421. \u041f\u0443\u0448\u043a\u0438\u043d",
        "J.E\u0301. Dupont",
    ),
    *(
        "\u0645\u062d\u0645\u062f \u0639\u0644\u064a",
        "\u062f. \u0645\u062d\u0645\u062f",
        "\u05d3\u05d5\u05d3 \u05db\u05d4\u05df",
        "\u0906\u0930.\u0915\u0947. \u0928\u093e\u0930\u093e\u092f\u0923",
        "\u0938\u0941\u0930\u0947\u0936 \u0915\u0941\u092e\u093e\u0930",
        "\u0bae\u0bc1.\u0b95. \u0bb8\u0bcd\u0b9f\u0bbe\u0bb2\u0bbf\u0ba9\u0bcd",
    ),
    *(
        "\u738b\u5c0f\u660e",
        "\U00020bb7\u91ce\u5bb6",
        "\u7530\u4e2d\u30fb\u592a\u90ce",
        "\uae40\ubbfc\uc218",
        "\u0e2a\u0e21\u0e0a\u0e32\u0e22 \u0e43\u0e08\u0e14\u0e35",
        "Zo\u00eb",
        "Zoe\u0308",
    ),
]
PLACES = [
    *(
        "St. Gallen",
        "12/3 Harbour St.",
        "No. 5",
        "No:5",
        "P.O. Box 5",
        "c/o Smith & Co.",
        "M\u00fcllerstr.12",
        "1.\u00ba A",
        "Flat 3/",
    ),
    *(
        "(rear) #4",
        "Stra\u00dfe des 17. Juni 135",
        "\u0141\u00f3d\u017a, Za\u017c\u00f3\u0142\u0107 1",
        "no\u00a0break",
        "5 \u00bd Lane",
        "x" * 100,
        ".",
    ),
]
LINKS = [
    *(
        "Verify at http://evil.example/x",
        "evil.example",
        "www.evil.example",
        "x@evil.example",
        "see evil.co now",
        "evil.co/x",
    ),
    *("HTTP://EVIL", "//evil", "http://1.2.3.4/x", "\\\\evil\\x", "a\\b", "evil.xn--p1ai", "evil.com.", "x.y.zz"),
    # Full stops, slashes and letters that browsers read as those of ASCII.
    *(
        "evil\u3002com",
        "evil\uff0ecom",
        "evil\uff61com",
        "evil.\uff43\uff4f\uff4d",
        "evil.\u24d2\u24de\u24dc",
        "http:\uff0f\uff0fevil",
    ),
    *(
        "x\uff20evil",
        "\u0441\u0430\u0439\u0442.\u0440\u0444",
        "\u0938\u093e\u0907\u091f.\u092d\u093e\u0930\u0924",
        "a.\u0915\u0949\u092e",
        "\u0634\u0631\u0643\u0629.\u0627\u0644\u0633\u0639\u0648\u062f\u064a\u0629",
        "a.\u4e2d\u56fd",
    ),
]
UNSEEN = [
    *(
        "a\u202eb",
        "a\u2066b",
        "a\u200eb",
        "a\u200bb",
        "a\u200db",
        "a\u2060b",
        "a\u00adb",
        "\ufeffa",
        "a\ufe0f",
        "a\u3164b",
    ),
    *("two\nlines", "line\n", "two\u2028lines", "tab\there", "\x00", "a\x7f", "two\x85lines", "a\ufffe", "K\ufffdln"),
    *("", " ", "\u00a0", "\u3000", " padded", "x" * 101),
    *("\u2060\u00ad", "\u115f\u1160", "\uffa0", "\u2800", "\u2065"),
]


@pytest.mark.parametrize("text", [*NAMES, *PLACES])
def test_a_plain_line_is_the_name_or_the_address_of_anybody(text: str) -> None:
    assert accepts_plain(text)
    assert is_plain(text)


@pytest.mark.parametrize("text", LINKS)
def test_a_text_in_which_a_mail_client_finds_a_link_is_no_plain_line(text: str) -> None:
    assert not accepts_plain(text)
    assert not is_plain(text)


@pytest.mark.parametrize("text", UNSEEN)
def test_a_text_with_control_invisible_or_direction_characters_is_no_plain_line(text: str) -> None:
    assert not accepts_plain(text)


def test_a_surely_plain_text_matches_the_pattern_of_plain_lines() -> None:
    texts = ["".join(characters) for size in range(7) for characters in product("aZ0 .'-", repeat=size)]
    sure = [text for text in texts if re.search(SURELY_PLAIN, text)]
    assert len(sure) > 1000
    assert all(re.search(PLAIN_PATTERN, text) for text in sure)
    characters = [chr(n) for n in range(0x10000) if re.search(SURELY_PLAIN, f"a{chr(n)}")]
    assert "".join(characters) == " #',-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert all(re.search(PLAIN_PATTERN, f"a{character}") for character in characters)


def test_the_decoder_of_an_event_with_plain_lines_compiles_no_pattern_for_them() -> None:
    (meta,) = get_args(PlainLine)[1:]
    assert meta.pattern is None


@pytest.mark.parametrize("text", ["evil.\U0001d41c\U0001d428\U0001d426", "a\U000e0041b", "a\U0001bca0b"])
def test_a_text_that_no_portable_pattern_refuses_is_not_plain(text: str) -> None:
    assert not is_plain(text)


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
