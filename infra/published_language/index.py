"""The index of the documents: a page with all events, their producers, their consumers and their fields."""

from infra.application import Application
from infra.discovery import ServiceFolder, summary_of
from infra.published_language.schemas import Json, describe_type, event_schema, schema_path
from tidings.core.contract import Contract
from tidings.core.personal import PERSONAL

INTRODUCTION = """\
# The contracts

`make contracts` generates this folder from the code. Do not edit it.

- [asyncapi.json](asyncapi.json): the topic, the services' queues, and who announces and handles each event \
(AsyncAPI 3.0)
- [openapi.json](openapi.json): the HTTP API (OpenAPI 3.1), as `GET /openapi.json` returns it
- [schemas/](schemas): a JSON Schema (2020-12) of each event, envelope and data, in a folder for each producing \
service. A file's name contains the contract's major version.

A schema accepts what the decoder of consumers accepts, except for what JSON Schema cannot say. The decoder also refuses
an event that repeats a name in one object, contains a lone surrogate, is nested more than 64 deep or has more than 64
KiB; whose `id` does not contain its `subject`; whose `time` is more than five minutes ahead; and whose `personal` is no
text, although its contract carries no personal data. Where a contract carries some, `personal` is JSON text: its
`contentSchema` describes that text, to which the same limits apply. In a pattern `$` is
the end of the text, as ECMA-262 says. Python's own `$` also matches before a line break at the end.

Within a major version a contract gains optional fields only, and a reader ignores fields that it does not know. Every
other change needs a new major version. The old version's schema stays, because its events can be replayed.
"""


def index_page(application: Application) -> str:
    """Return the page in Markdown."""
    return "\n".join(
        [
            INTRODUCTION,
            "## Events",
            "",
            "A `?` marks an optional field. The event's schema contains the bounds of each field. `personal` is the "
            "personal data that the envelope carries beside the event's data, until it is erased.",
            "",
            "| event | meaning | announced by | handled by | fields |",
            "|---|---|---|---|---|",
            *(_event_row(application, contract) for contract in application.contracts),
            "",
            "## Services",
            "",
            "| service | queue | handles |",
            "|---|---|---|",
            *(_service_row(service) for service in application.services),
            "",
        ]
    )


def _event_row(application: Application, contract: type[Contract]) -> str:
    producers = [folder.name for folder in application.services if contract in folder.service.announces]
    consumers = [
        folder.name
        for folder in application.services
        if folder.service.subscribes_to_all or contract in folder.service.contracts
    ]
    name = f"[{contract.__name__}]({schema_path(contract)})"
    return _row(name, summary_of(contract), ", ".join(producers), ", ".join(consumers), _fields(contract))


def _fields(contract: type[Contract]) -> str:
    data: Json = event_schema(contract)["$defs"][contract.__name__]
    fields = [
        f"`{name}{'' if name in data.get('required', ()) else '?'}` {describe_type(field)}"
        for name, field in data["properties"].items()
    ]
    personal = [f"`{PERSONAL}?` {contract.personal.__name__}"] if contract.personal else []
    return "<br>".join(fields + personal)


def _service_row(folder: ServiceFolder) -> str:
    service = folder.service
    types = ["all events"] if service.subscribes_to_all else sorted(each.__name__ for each in service.contracts)
    return _row(folder.summary, service.queue if service.consumes else "none", ", ".join(types))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
