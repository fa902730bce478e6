import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from tests.integration.cli_driver import CliDriver
from tests.integration.cloud import Cloud, Snapshot, one_call_at_a_time, set_credentials, synthesized
from tests.integration.shop import Shop


@pytest.fixture(autouse=True, scope="session")
def _aws_environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        set_credentials(patch)
        yield


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the last tries of a message follow one another at once."""
    monkeypatch.setattr("tidings.handling.retries.LAST_PAUSE", 0)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return synthesized(Path(os.environ.get("TIDINGS_TEMPLATES") or tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="module")
def deployed(templates: dict[str, dict[str, Any]]) -> Iterator[tuple[Cloud, Snapshot]]:
    with mock_aws(), one_call_at_a_time():
        cloud = Cloud(copy.deepcopy(templates))
        yield cloud, cloud.snapshot()


@pytest.fixture
def cloud(deployed: tuple[Cloud, Snapshot]) -> Cloud:
    cloud, empty = deployed
    cloud.restore(empty)
    return cloud


@pytest.fixture
def shop(cloud: Cloud) -> Shop:
    return Shop(cloud)


@pytest.fixture
def driver(cloud: Cloud, tmp_path: Path) -> CliDriver:
    return CliDriver(cloud, tmp_path)
