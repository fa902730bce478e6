"""An API for tests of commands."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.ops.api import FakeApi, Install


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs an API with its answers."""

    def install(answers: Mapping[str, Any]) -> FakeApi:
        api = FakeApi(answers)
        api.install(monkeypatch)
        return api

    return install
