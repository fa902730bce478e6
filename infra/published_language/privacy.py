"""The page about personal data: what is stored, where, who reads it, and for how long.

Its tables come from the declarations of the services and the data of the stages. The text around them is `privacy.md`
beside this module.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from string import Template

import msgspec

from functions.fraud import handlers as fraud
from functions.live.owners import OWNER_DAYS
from functions.privacy.files import KEPT_DAYS, LINK_SECONDS
from infra.application import Application
from infra.discovery import ServiceFolder, summary_of
from infra.published_language.schemas import DEFINITIONS, Json, schema_path
from infra.shop import SETTINGS
from infra.stages import STAGES, Stage
from tidings.core.contract import Contract
from tidings.core.personal import Personal
from tidings.core.strategy import Log

TEMPLATE = Path(__file__).with_name("privacy.md")

STREAM_HOURS = 24
"""How long a table's stream keeps a record (Amazon DynamoDB Developer Guide, "Change data capture for DynamoDB
Streams")."""

BACKUP_DAYS = 35
"""How far back a table can be restored (Amazon DynamoDB Developer Guide, "Point-in-time recovery")."""


def privacy_page(application: Application) -> str:
    """Return the page in Markdown."""
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    return template.substitute(
        types="\n".join(_types(application)),
        events="\n".join(_events(application)),
        places="\n".join(_places(application)),
        times="\n".join(_times()),
        exported=_names(folder for folder in application.services if folder.service.answers_about_people),
        backup_days=BACKUP_DAYS,
        export_days=KEPT_DAYS,
        link_minutes=LINK_SECONDS // 60,
        fraud_days=fraud.KEPT_DAYS,
        owner_days=OWNER_DAYS,
    )


def personal_types(application: Application) -> list[type[Personal]]:
    """Return the types of personal data that the events carry and the services keep, by name."""
    carried = {contract.personal for contract in application.contracts if contract.personal}
    kept = {kind for folder in application.services for kind in folder.service.keeps}
    return sorted(carried | kept, key=lambda kind: kind.__name__)


def carrying(application: Application) -> list[type[Contract]]:
    """Return the contracts of the events that carry personal data, by name."""
    return [contract for contract in application.contracts if contract.personal]


def receivers(application: Application, contract: type[Contract]) -> list[ServiceFolder]:
    """Return the services whose queues receive an event."""
    return [
        folder
        for folder in application.services
        if folder.service.subscribes_to_all or contract in folder.service.contracts
    ]


def readers(application: Application, contract: type[Contract]) -> list[ServiceFolder]:
    """Return the services whose handlers of an event read its personal data."""
    return [
        folder
        for folder in application.services
        for handler in folder.service.handlers
        if handler.contract is contract and handler.reads_personal
    ]


def _types(application: Application) -> Iterator[str]:
    yield from _head("type", "meaning", "fields", "erased by")
    for kind in personal_types(application):
        yield _row(f"`{kind.__name__}`", summary_of(kind), _fields(kind), f"`{kind.erased_by.__name__}`")


def _fields(kind: type[Personal]) -> str:
    """Return the names of a type's fields, and of the fields of their types."""
    (root,), definitions = msgspec.json.schema_components([kind], ref_template=f"{DEFINITIONS}{{name}}")

    def names(schema: Json) -> str:
        inner = definitions.get(schema.get("$ref", "").removeprefix(DEFINITIONS), {}).get("properties", {})
        return ", ".join(
            f"`{name}`" + (f" ({parts})" if (parts := names(each)) else "") for name, each in inner.items()
        )

    return names(root)


def _events(application: Application) -> Iterator[str]:
    yield from _head("event", "carries", "announced by", "received by", "read by")
    for contract in carrying(application):
        yield _row(
            f"[{contract.__name__}](contracts/{schema_path(contract)})",
            f"`{contract.personal.__name__}`" if contract.personal else "",
            contract.producer,
            _names(receivers(application, contract)),
            _names(readers(application, contract)),
        )


def _places(application: Application) -> Iterator[str]:
    yield from _head("service", "keeps", "table", "stream of the table", "queues")
    received = {folder.name for contract in carrying(application) for folder in receivers(application, contract)}
    announced = {contract.producer for contract in carrying(application)}
    for folder in application.services:
        service = folder.service
        if folder.name not in received | announced and not service.keeps:
            continue
        name = application.resource_name(folder.name)
        queues = [name, f"{name}-dlq", f"{name}-undelivered"] if folder.name in received else []
        # The relay sends the events there that the topic refuses.
        queues += [f"{name}-relay-dlq"] if folder.name in announced else []
        kept = [f"`{kind.__name__}`" for kind in service.keeps]
        if isinstance(service.strategy, Log):
            kept = ["the personal parts of all events"]
        yield _row(
            folder.name,
            ", ".join(kept) or "nothing",
            f"`{application.table_name(folder.name)}`" if kept else "",
            "yes" if service.keeps and service.announces else "",
            ", ".join(f"`{queue}`" for queue in queues),
        )


def _times() -> Iterator[str]:
    """Return the table of times, with a column for each stage."""
    rows: Sequence[tuple[str, Callable[[Stage], str]]] = (
        ("personal data of an order, after its end", lambda stage: f"{SETTINGS[stage.name].retention_days} days"),
        ("files of exports", lambda _: f"{KEPT_DAYS} days"),
        ("messages in queues and dead-letter queues", lambda stage: f"{stage.message_retention_days} days"),
        ("records of a table's stream, until they are relayed", lambda _: f"{STREAM_HOURS} hours"),
        ("backups of tables", lambda stage: f"{BACKUP_DAYS} days" if stage.point_in_time_recovery else "none"),
        ("logs, without personal data; the access log has IP addresses and customers' ids", _log_time),
    )
    yield from _head("what", *(f"`{name}`" for name in STAGES))
    for what, time_of in rows:
        yield _row(what, *(time_of(stage) for stage in STAGES.values()))


def _log_time(stage: Stage) -> str:
    return stage.log_retention.name.lower().replace("_", " ")


def _names(folders: Iterable[ServiceFolder]) -> str:
    return ", ".join(dict.fromkeys(folder.name for folder in folders))


def _head(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield "|---" * len(names) + "|"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
