"""Starting and stopping the local cloud, without a deployment."""

import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from ops.local import LocalCloud, Running, free_port, is_taken
from ops.stage import local_stage
from tests.system.deployed import SECONDS, tidings
from tidings.recovery import wait_until


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    cloud = LocalCloud(tmp_path)
    try:
        yield cloud
    finally:
        cloud.stop()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


def test_the_error_about_a_taken_port_is_one_line(cloud: LocalCloud, taken_port: int) -> None:
    answer = tidings(cloud.directory, "up", "--port", str(taken_port))

    last = answer.stderr.splitlines()[-1]
    assert answer.returncode == 1
    assert last.startswith(f"Error: port {taken_port} is taken by another program; choose another with make run PORT=")
    assert cloud.running() is None


def test_a_running_cloud_is_not_started_again(cloud: LocalCloud) -> None:
    started = cloud.start(free_port())
    assert cloud.start() == started


def test_a_running_cloud_is_not_started_on_another_port(cloud: LocalCloud) -> None:
    cloud.start(free_port())

    answer = tidings(cloud.directory, "up", "--port", str(free_port()))

    assert answer.returncode == 1
    assert "already runs on port" in answer.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has a single loopback address")
def test_the_cloud_is_reachable_from_this_machine_only(cloud: LocalCloud) -> None:
    port = cloud.start(free_port()).port
    with socket.socket() as other_address:
        # The port of another address would be taken too if the cloud listened on all addresses.
        other_address.bind(("127.0.0.2", port))


def test_a_cloud_that_is_started_anew_has_no_demonstration_behind_it(cloud: LocalCloud) -> None:
    cloud.start(free_port())
    cloud.demonstration.touch()
    cloud.start()
    assert cloud.demonstration.exists()

    cloud.stop()

    assert not cloud.demonstration.exists()


def test_down_stops_the_cloud(cloud: LocalCloud) -> None:
    started = cloud.start(free_port())

    answer = tidings(cloud.directory, "down")

    assert answer.returncode == 0
    assert cloud.running() is None
    assert not is_taken(started.port)


# The system releases a process's locks when the process ends.
WORKER = """
import fcntl
held = []
def handler(event, context):
    held.append(open(event["lock"], "w"))
    fcntl.flock(held[0], fcntl.LOCK_EX)
"""


def run_function(running: Running, lock: Path) -> None:
    """Run a function on the cloud. Its process stays alive and holds the lock."""
    stage = local_stage(running.endpoint)
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = stage.session.client("iam", endpoint_url=stage.endpoint).create_role(
        RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust)
    )
    code = BytesIO()
    with ZipFile(code, "w") as archive:
        archive.writestr("worker.py", WORKER)
    functions = stage.session.client("lambda", endpoint_url=stage.endpoint)
    functions.create_function(
        FunctionName="worker",
        Runtime="python3.13",
        Handler="worker.handler",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="worker")
    functions.invoke(FunctionName="worker", Payload=json.dumps({"lock": str(lock)}))


def is_locked(lock: Path) -> bool:
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_down_ends_the_processes_of_functions(cloud: LocalCloud, tmp_path: Path) -> None:
    lock = tmp_path / "worker.lock"
    run_function(cloud.start(free_port()), lock)
    assert is_locked(lock)

    tidings(cloud.directory, "down")

    wait_until(lambda: not is_locked(lock), SECONDS, "the worker's end")


def test_down_ends_no_other_process(cloud: LocalCloud) -> None:
    # The file of a cloud that ended when the machine was switched off. This test now has the cloud's process id.
    (cloud.directory / "cloud.json").write_text(f'{{"pid": {os.getpid()}, "port": 4566}}')

    answer = tidings(cloud.directory, "down")

    assert answer.returncode == 0
    assert answer.stderr == "No local cloud was running.\n"


def test_without_a_cloud_a_command_says_how_to_start_it(cloud: LocalCloud) -> None:
    answer = tidings(cloud.directory, "outputs")

    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr == "Error: the local cloud does not run; start it with make run\n"


def test_before_the_deployment_a_command_says_that_the_shop_is_not_deployed(cloud: LocalCloud) -> None:
    cloud.start(free_port())

    answer = tidings(cloud.directory, "outputs")

    assert answer.returncode == 1
    assert "the stage local is not deployed" in answer.stderr
