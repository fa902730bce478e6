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

Line = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=100,
        pattern=rf"^[^{_CONTROL}]*[^{_CONTROL}{_SPACES}{_HIDDEN}][^{_CONTROL}]*\Z",
    ),
]
"""One line of text that is not blank."""

Code = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]
MAX_TEXT = 256
"""Maximum number of characters of a text."""

Text = Annotated[str, Meta(max_length=MAX_TEXT, pattern=r"^[^\ufffe\uffff]*\Z")]


def as_text(text: str) -> str:
    """Return a text that another system wrote as events carry it: not too long, and without what queues refuse."""
    return text.replace("\ufffe", "").replace("\uffff", "")[:MAX_TEXT]


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
