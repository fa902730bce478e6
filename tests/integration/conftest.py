import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from tests.integration.cloud import REGION, Cloud, one_call_at_a_time, synthesized
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
    return synthesized(Path(os.environ.get("TIDINGS_TEMPLATES") or tmp_path_factory.mktemp("templates")))


@pytest.fixture
def cloud(templates: dict[str, dict[str, Any]]) -> Iterator[Cloud]:
    with mock_aws(), one_call_at_a_time():
        yield Cloud(copy.deepcopy(templates))


@pytest.fixture
def shop(cloud: Cloud) -> Shop:
    return Shop(cloud)
