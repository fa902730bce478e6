"""The page that one begins at: which events there are, who announces them, who reacts, what they say."""

from collections.abc import Iterable, Sequence

from infra.contracts.asyncapi import about, event_file, says
from infra.contracts.schemas import Json, event_schema, kind
from infra.services import Found
from tidings.events import Contract

INTRODUCTION = """\
# The contracts

`make contracts` generates all of this from the code; change it there.

- [asyncapi.json](asyncapi.json): the topic, the services' queues, who announces and who reacts (AsyncAPI 3.0)
- [openapi.json](openapi.json): the HTTP API (OpenAPI 3.1), as `GET /openapi.json` answers
- [events/](events): a JSON Schema (2020-12) of each event, envelope and data, named for the event and its contract's \
major version

Within a major version a contract only ever gains fields that may be absent; a reader ignores fields that it does not
know. Anything else is another major version, and the schema of the old one stays: its events are replayed for ever.
"""


def page(services: Sequence[Found], contracts: Sequence[type[Contract]]) -> str:
    """The page, in Markdown."""
    return "\n".join(
        [
            INTRODUCTION,
            "## The events",
            "",
            "A `?` marks a field that may be absent; each event's schema says what its fields may hold.",
            "",
            "| event | says | announced by | reacted to by | fields |",
            "|---|---|---|---|---|",
            *(_row(services, contract) for contract in contracts),
            "",
            "## The services",
            "",
            "| service | queue | reacts to |",
            "|---|---|---|",
            *(_service(found) for found in services),
            "",
        ]
    )


def _row(services: Iterable[Found], contract: type[Contract]) -> str:
    announcers = [found.name for found in services if contract in found.service.announces]
    readers = [
        found.name for found in services if found.service.subscribes_to_all or contract in found.service.reactions
    ]
    name = f"[{contract.__name__}]({event_file(contract)})"
    return _cells(name, says(contract), ", ".join(announcers), ", ".join(readers), _fields(contract))


def _fields(contract: type[Contract]) -> str:
    data: Json = event_schema(contract)["$defs"][contract.__name__]
    return "<br>".join(
        f"`{name}{'' if name in data.get('required', ()) else '?'}` {kind(field)}"
        for name, field in data["properties"].items()
    )


def _service(found: Found) -> str:
    service = found.service
    heard = ["everything"] if service.subscribes_to_all else sorted(each.__name__ for each in service.reactions)
    queue = service.queue if service.consumes else "none"
    return _cells(about(service), f"{queue}, thin events" if service.thin else queue, ", ".join(heard))


def _cells(*texts: str) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"
