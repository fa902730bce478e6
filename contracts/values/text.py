r"""Bounded texts that several contracts share.

Their patterns use only what Python and ECMA-262 read alike: no `\s`, `\S`, `\w`, `\d`, `\b` or `.`. No text contains
U+FFFE or U+FFFF, because queues refuse them (Amazon SQS API Reference, "SendMessage").
"""

import re
from typing import Annotated

from msgspec import Meta

# Control characters, among them all line breaks, and what else no text contains. A gateway puts U+FFFD in the place of
# bytes that are not UTF-8.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd-\uffff"
_SPACES = r"\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000"
# Characters that are not shown (Unicode Character Database, `Default_Ignorable_Code_Point`, up to U+FFFF).
_HIDDEN = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
)
# Those beyond, which ECMA-262 reads in a pattern only with the flag `u`.
_HIDDEN_BEYOND = r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"

Id = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+\Z",
    ),
]
"""An address in ASCII, as SES requires (Amazon SES API Reference, "Destination")."""

# The classes of `PlainLine`. Those that name a letter above ASCII contain none above U+FFFF, which ECMA-262 sees as two
# characters without its flag `u`.
_REFUSED = rf"{_CONTROL}{_HIDDEN}@\\\ufe6b\uff20"
_STOP = r".\u2024\u3002\ufe52\uff0e\uff61"
_SLASH = r"/\uff0f"
# All letters, and other characters between them.
_LETTERS = r"A-Za-z\xaa-\u02ff\u0370-\u1fff\u2070-\u2fff\u3004-\ud7ff\uf900-\uffef"
# Letters, none of which is refused. In the scripts of India an initial is a letter with its vowel.
_INITIAL = (
    r"(?:[A-Za-z\xaa\xba\xc0-\u02ff\u0370-\u061b\u061d-\u08ff\u0e00-\u10ff\u1e00-\u1fff\u3005-\u3163\u3165-\ud7ff]"
    r"|[\u0900-\u0dff]{1,2})"
)
_ANY = rf"[^{_REFUSED}{_STOP}{_SLASH}]"
_WORDS = rf"(?:[{_SLASH}]?{_ANY})*"
_AFTER_STOP = rf"(?:[^{_REFUSED}{_STOP}{_SLASH}{_LETTERS}]|[{_SLASH}]{_ANY})"

PLAIN_PATTERN = (
    rf"^(?:[{_SLASH}]?[^{_REFUSED}{_STOP}{_SLASH}{_SPACES}]{_WORDS})?"
    rf"(?:[{_SLASH}]?[{_STOP}]{_INITIAL}?(?:{_AFTER_STOP}{_WORDS})?)*[{_SLASH}]?\Z"
)

SURELY_PLAIN = r"^[A-Za-z0-9](?:[A-Za-z0-9 ,'#-]|\. )*\Z"
"""A pattern of texts that surely match `PLAIN_PATTERN`, among them most names and addresses in ASCII."""

PlainLine = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        description=(
            "One line of text, which contains no web address and no e-mail address. It begins with no space, and "
            "contains no @, no backslash, no // and no invisible characters. After a full stop comes a space or a "
            "single letter, as in P.O. Box 5, but no word"
        ),
        extra_json_schema={"pattern": PLAIN_PATTERN},
    ),
]
"""One line of text that is not blank, and in which no mail client finds a link.

Its decoder checks the length only. It would compile the pattern in every cold start, which takes 3 ms. So a type of
personal data with plain lines checks them by `is_plain_line` in its `check`.
"""

Code = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]
"""A fixed word for programs. Texts of other systems do not have its form, because they contain spaces."""

Text = Annotated[str, Meta(max_length=256, pattern=r"^[^\ufffe\uffff]*\Z")]


def is_plain_line(text: str) -> bool:
    """Return whether a text matches the pattern of `PlainLine`, which is compiled for the first text that needs it."""
    return bool(text and (re.search(SURELY_PLAIN, text) or re.search(PLAIN_PATTERN, text)))


def is_plain(text: str) -> bool:
    """Return whether a text is plain however it is written: no part of it is a link or invisible.

    This is stricter than `PlainLine`. A browser reads the domain `evil.\U0001d41c\U0001d428\U0001d426` in mathematical
    letters as `evil.com`, and a portable pattern cannot name characters above U+FFFF.
    """
    if not text.isascii():
        # Imported here, because the names in most functions' first event are in ASCII.
        from unicodedata import normalize

        text = normalize("NFKC", text)
        if re.search(f"[{_HIDDEN_BEYOND}]", text):
            return False
    return is_plain_line(text)


def comparable(text: str) -> str:
    """Return a form of the text that is the same for texts that differ only in how they are written.

    Case, compatibility forms, the order and composition of combining marks, spaces, and characters that are not shown
    make no difference. The form is for comparison and hashing only; it is not meant to be shown.
    """
    # Imported here, because most functions compare no texts.
    from unicodedata import normalize

    # The compatibility caseless match of the Unicode Standard, section 3.13, D146.
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", text).casefold()).casefold())
    shown = re.sub(f"[{_CONTROL}{_SPACES}{_HIDDEN}{_HIDDEN_BEYOND}]", "", folded)
    # Combining marks are sorted again, because an omitted character may have stood between them.
    return normalize("NFKD", shown)
