import subprocess
import sys
from collections.abc import Iterator

import boto3
import httpx
import pytest
from moto import mock_aws

from functions.payment.simulated import SimulatedGateway
from functions.payment.stripe_gateway import StripeGateway
from infra.services import ROOT
from tests.gateway.bench import Bench, MemoryBench, SimulatedBench, StripeBench
from tests.gateway.keys import StubSecrets
from tests.gateway.stripe_edge import KEY, LOOPBACK, StripeEdge, standing
from tests.integration.cloud import one_call_at_a_time
from tests.simulation.clock import VirtualClock
from tests.simulation.ports.gateway import MemoryGateway

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def localstripe() -> Iterator[int]:
    """localstripe's port, while it runs."""
    command = [sys.executable, "-m", "tests.gateway.localstripe_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own
        assert server.stdout
        try:
            # It prints the port once it listens there; where it cannot start, the line is empty and it has said why.
            yield int(server.stdout.readline())
        finally:
            server.terminate()


@pytest.fixture
def edge(localstripe: int) -> Iterator[StripeEdge]:
    with standing(StripeEdge(localstripe)) as edge:
        yield edge


@pytest.fixture
def secrets() -> StubSecrets:
    return StubSecrets(KEY)


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}) as client:
        yield client


@pytest.fixture
def stripe_bench(edge: StripeEdge, secrets: StubSecrets, http: httpx.Client) -> StripeBench:
    return StripeBench(StripeGateway(secrets.secret(), edge.url), edge, http)


@pytest.fixture
def simulated_bench() -> Iterator[SimulatedBench]:
    with mock_aws(), one_call_at_a_time():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="payments",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield SimulatedBench(SimulatedGateway(client, "payments"), client)


@pytest.fixture
def memory_bench() -> MemoryBench:
    return MemoryBench(MemoryGateway(VirtualClock()))


@pytest.fixture(params=["simulated", "stripe", "memory"])
def bench(request: pytest.FixtureRequest) -> Bench:
    """Each of the gateways in turn."""
    bench: Bench = request.getfixturevalue(f"{request.param}_bench")
    return bench


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(ROOT / "tests" / "gateway"):
            item.add_marker(pytest.mark.allow_hosts([LOOPBACK]))
