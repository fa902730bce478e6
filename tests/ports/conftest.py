from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.integration.cloud import REGION, one_call_at_a_time, sent_mails
from tests.ports.beyond import NOT_MOTO
from tests.ports.implementations import AwsPorts, MemoryPorts, Ports


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "ports" in metafunc.fixturenames:
        moto = [] if metafunc.function in NOT_MOTO else ["moto"]
        metafunc.parametrize("ports", ["memory", *moto], indirect=True)


@pytest.fixture
def ports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ports]:
    if request.param == "memory":
        yield MemoryPorts()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws(), one_call_at_a_time():
        session: Any = boto3.Session(region_name=REGION)
        yield AwsPorts(session.client, lambda order: sum(order in mail.subject for mail in sent_mails()))
