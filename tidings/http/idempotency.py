"""The header by which a client may safely repeat a request that creates something.

Its name is that of an IETF draft ("The Idempotency-Key HTTP Header Field").
"""

from typing import Annotated

from msgspec import Meta

IdempotencyKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        # Without a comma: the gateway joins a header that was sent twice with one.
        pattern=r"^[!-+\--~]+\Z",
        description=(
            "1 to 255 visible ASCII characters but no comma, new for each thing that a request creates. A repeated "
            "request has the same key, and creates nothing more"
        ),
    ),
]
