"""The contracts of a release, and those that have changed since."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.application import Application
from infra.discovery import ROOT
from infra.published_language.schemas import Json, event_schema
from tidings.core.contract import Contract
from tidings.core.personal import PERSONAL

CONTRACTS = ROOT / "infra" / "release" / "contracts.json"
"""The digests of the last release's contracts. `make record` writes it; there is no such file before that."""

Digests = Mapping[str, str]
"""The digest of each contract, by its `dataschema`."""

TEXTS = {"title", "description"}
NAMES = {"properties", "$defs"}
"""The keywords whose value has names of the schema's own, among which may be `title`."""

VALUES = {"default", "const", "enum"}
"""The keywords whose value is no schema."""


def digests_of(application: Application) -> dict[str, str]:
    """Return the digests of an application's contracts."""
    return {contract.schema(): digest_of(contract) for contract in application.contracts}


def digest_of(contract: type[Contract]) -> str:
    """Return the digest of what a contract says about its events.

    Texts for readers are not part of it, and neither is the envelope, which all contracts share.
    """
    schema = event_schema(contract)
    own = {name: schema["properties"].get(name) for name in ("subject", "source", PERSONAL)}
    meaning = _without_texts({"properties": own, "$defs": schema["$defs"]})
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


def read_contracts(file: Path = CONTRACTS) -> Digests | None:
    """Return the digests of the last release's contracts; None if no release is recorded."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None


def write_contracts(digests: Digests, file: Path = CONTRACTS) -> None:
    """Record digests as those of the last release."""
    file.write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def changed_contracts(released: Digests | None, current: Digests) -> frozenset[str]:
    """Return the contracts that are new or have changed since the last release, by their `dataschema`.

    Args:
        released: The digests of the last release; None if no release is recorded. Then nothing counts as changed.
        current: The digests of the code.
    """
    if released is None:
        return frozenset()
    return frozenset(name for name, digest in current.items() if released.get(name) != digest)


def _without_texts(schema: Any) -> Json | Any:
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
