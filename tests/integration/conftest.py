import copy
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from moto import mock_aws

from tests.integration.cloud import REGION, Cloud, read_templates
from tests.integration.shop import Shop


@pytest.fixture(autouse=True, scope="session")
def _aws_environment() -> Iterator[None]:
    settings = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        patch.delenv("AWS_PROFILE", raising=False)
        for name, value in settings.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    from aws_cdk import App

    from infra.application import build
    from infra.services import discover
    from infra.stages import STAGES

    directory = Path(os.environ.get("TIDINGS_TEMPLATES") or tmp_path_factory.mktemp("templates"))
    if not any(directory.glob("*.template.json")):
        context = json.loads(Path("cdk.json").read_text())["context"]
        app = App(outdir=str(directory), context=context)
        build(app, STAGES["local"], discover())
        app.synth()
    return read_templates(directory)


@contextmanager
def one_call_at_a_time() -> Iterator[None]:
    """moto keeps its tables in plain dictionaries, and transactions in it are not isolated from one another."""
    lock = threading.RLock()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # where every client's calls come through

    def alone(self: BaseClient, *args: Any, **options: Any) -> Any:
        with lock:
            return call(self, *args, **options)

    with patch.object(BaseClient, "_make_api_call", alone):
        yield


@pytest.fixture
def cloud(templates: dict[str, dict[str, Any]]) -> Iterator[Cloud]:
    with mock_aws(), one_call_at_a_time():
        yield Cloud(copy.deepcopy(templates))


@pytest.fixture
def shop(cloud: Cloud) -> Shop:
    return Shop(cloud)
