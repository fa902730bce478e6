r"""Bounded texts that several contracts share.

Their patterns use only what Python and ECMA-262 read alike: no `\s`, `\S`, `\w`, `\d`, `\b` or `.`. No text contains
U+FFFE or U+FFFF, because queues refuse them (Amazon SQS API Reference, "SendMessage").
"""

from typing import Annotated

from msgspec import Meta

# Control characters, among them all line breaks, and what else no text contains.
_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff"
# Spaces, and characters without a width.
_INVISIBLE = r"\x20\xa0\xad\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff"

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
        pattern=rf"^[^{_CONTROL}]*[^{_CONTROL}{_INVISIBLE}][^{_CONTROL}]*\Z",
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
    """Return a form of the text that is the same for all texts that people read as the same.

    Case, compatibility forms, the order and composition of combining marks, spaces, and invisible characters make no
    difference. The form is for comparison and hashing only; it is not meant to be shown.
    """
    # Imported here, because most functions compare no texts.
    from unicodedata import category, normalize

    # The compatibility caseless match of the Unicode Standard, section 3.13, D146.
    folded = normalize("NFKD", normalize("NFKD", normalize("NFD", text).casefold()).casefold())
    seen = "".join(each for each in folded if category(each) not in _UNSEEN and each not in _IGNORED)
    # Combining marks are sorted again, because an omitted character may have stood between them.
    return normalize("NFKD", seen)


_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
"""The categories of control and format characters, and of separators."""

_IGNORED = "".join(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0xFE00, 0xFE0F),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)
"""The decomposed characters of no such category that are invisible too (Unicode Character Database,
`Default_Ignorable_Code_Point`)."""
