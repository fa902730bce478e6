"""The contract of `TicketOpened`."""

from typing import Annotated

from msgspec import Meta

from examples.helpdesk.contracts.ticket import TicketEvent

Team = Annotated[str, Meta(pattern=r"^[a-z]{1,20}\Z", description="A team's name has 1 to 20 small letters")]


class TicketOpened(TicketEvent, frozen=True, kw_only=True):
    """Somebody asked a team for help."""

    producer = "desk"

    team: Team
    # A queue refuses U+FFFE and U+FFFF (Amazon SQS API Reference, "SendMessage"). A gateway writes U+FFFD for bytes
    # that are not UTF-8.
    question: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=500,
            pattern=r"^[^\ufffd-\uffff]*\Z",
            description="A question has no characters that stand for broken ones",
        ),
    ]
