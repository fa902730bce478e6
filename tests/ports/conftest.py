from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.integration.cloud import REGION, one_call_at_a_time, sent_mails, set_credentials
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
    set_credentials(monkeypatch)
    with mock_aws(), one_call_at_a_time():
        session: Any = boto3.Session(region_name=REGION)
        yield AwsPorts(session.client, lambda order: sum(order in mail.subject for mail in sent_mails()))
