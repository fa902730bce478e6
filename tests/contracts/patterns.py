"""The regular expressions that Python and ECMA-262 read alike, which JSON Schema uses."""

import re
from typing import Any

_PORTABLE = re.compile(
    r"""\^(
        \[\^?( \\x[0-9a-f]{2} | \\u[0-9a-f]{4} | \\[-.\]\[\\^/] | [^\\\[\]] )+\]  # a set
      | \\x[0-9a-f]{2} | \\u[0-9a-f]{4} | \\[-.*+?^$|(){}\[\]\\/]                # an escape
      | \(\?: | \((?!\?) | \) | \|                                              # a group
      | ( [*+?] | \{[0-9]+(,[0-9]*)?\} )\??(?![*+?{])                           # a count
      | [^\\.^$*+?(){}\[\]|]                                                    # a character
    )*\$""",
    re.VERBOSE,
)


def is_portable(pattern: str) -> bool:
    r"""Return whether Python and ECMA-262 (with its flag `u`) read a pattern alike, and it matches whole texts.

    They differ in what `.`, `\d`, `\w`, `\s`, `\b` and `$` match, and in escapes, flags and groups.
    """
    return _PORTABLE.fullmatch(pattern) is not None


def patterns(schema: Any) -> set[str]:
    """Return all patterns in a schema."""
    if isinstance(schema, list):
        return set().union(*map(patterns, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["pattern"]} if isinstance(schema.get("pattern"), str) else set()
    return own.union(*map(patterns, schema.values()))
