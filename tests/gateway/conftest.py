import subprocess
import sys
from collections.abc import Iterator

import boto3
import httpx
import pytest
from moto import mock_aws

from functions.payment.simulated import SimulatedGateway
from infra.discovery import ROOT
from infra.shop import CHARGES
from tests.gateway.keys import StubSecrets
from tests.gateway.providers import MemoryProvider, Provider, SimulatedProvider
from tests.gateway.stripe_edge import KEY, LOOPBACK, StripeEdge, serving
from tests.gateway.stripe_provider import StripeProvider, stripe_gateway
from tests.integration.cloud import create_table, one_call_at_a_time, set_credentials
from tests.simulation.ports.gateway import MemoryGateway
from tidings.testing import VirtualClock


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    set_credentials(monkeypatch)


@pytest.fixture(scope="session")
def localstripe() -> Iterator[int]:
    """Run localstripe, and return its port."""
    command = [sys.executable, "-m", "tests.gateway.localstripe_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        assert server.stdout
        try:
            # It prints its port as soon as it listens. If it cannot start, the line is empty and the reason is above.
            yield int(server.stdout.readline())
        finally:
            server.terminate()


@pytest.fixture
def edge(localstripe: int) -> Iterator[StripeEdge]:
    with serving(StripeEdge(localstripe)) as edge:
        yield edge


@pytest.fixture
def secrets() -> StubSecrets:
    return StubSecrets(KEY)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


@pytest.fixture
def stripe_provider(edge: StripeEdge, secrets: StubSecrets, http: httpx.Client) -> StripeProvider:
    return StripeProvider(stripe_gateway(secrets, edge.url), stripe_gateway(secrets, edge.url, "other"), edge, http)


@pytest.fixture
def simulated_provider() -> Iterator[SimulatedProvider]:
    with mock_aws(), one_call_at_a_time():
        client = boto3.client("dynamodb")
        create_table(client, "payments")
        gateway, elsewhere = (
            SimulatedGateway(client, "payments", CHARGES, stage, lambda _news: None) for stage in ("dev", "other")
        )
        yield SimulatedProvider(gateway, elsewhere, client)


@pytest.fixture
def memory_provider() -> MemoryProvider:
    return MemoryProvider(MemoryGateway(VirtualClock()))


@pytest.fixture(params=["simulated", "stripe", "memory"])
def provider(request: pytest.FixtureRequest) -> Provider:
    """Return each of the providers in turn."""
    provider: Provider = request.getfixturevalue(f"{request.param}_provider")
    return provider


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "gateway"):
            item.add_marker(pytest.mark.allow_hosts([LOOPBACK]))
