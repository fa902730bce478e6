"""The contracts that have changed since the last release."""

from collections.abc import Iterable
from typing import Any

from infra.published_language.baseline import Schemas
from infra.published_language.schemas import Json, event_schema, schema_path
from tidings.core.contract import Contract
from tidings.core.personal import PERSONAL

TEXTS = {"title", "description"}
NAMES = {"properties", "$defs"}
"""The keywords whose value has names of the schema's own, among which may be `title`."""

VALUES = {"default", "const", "enum"}
"""The keywords whose value is no schema."""


def changed_contracts(contracts: Iterable[type[Contract]], released: Schemas) -> frozenset[str]:
    """Return the contracts that are new or have changed since the last release, by their `dataschema`.

    Args:
        contracts: All contracts of an application.
        released: The schemas of the last release. If there are none, no contract counts as changed.
    """
    before = {path: _meaning(schema) for path, schema in released.items()}
    if not before:
        return frozenset()
    current = {contract: _meaning(event_schema(contract)) for contract in contracts}
    return frozenset(
        contract.schema() for contract, meaning in current.items() if before.get(schema_path(contract)) != meaning
    )


def _meaning(schema: Json) -> Json:
    """Return what a schema says about the events of its contract.

    Texts for readers are not part of it, and neither is the envelope, which all contracts share.
    """
    own = {name: schema["properties"].get(name) for name in ("subject", "source", PERSONAL)}
    meaning: Json = _without_texts({"properties": own, "$defs": schema["$defs"]})
    return meaning


def _without_texts(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_texts(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _value(key, value) for key, value in schema.items() if key not in TEXTS}


def _value(key: str, value: Any) -> Any:
    if key in VALUES:
        return value
    if key in NAMES:
        return {name: _without_texts(each) for name, each in value.items()}
    return _without_texts(value)
