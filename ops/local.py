"""The local cloud: one MiniStack in the background, with IAM enforced, reachable from this machine alone."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from ops.failure import Failure
from ops.waiting import wait_until

DEFAULT_PORT = 4566
HOST = "127.0.0.1"
REGION = "eu-west-1"
ACCOUNT = "000000000000"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

START_SECONDS = 30
STOP_SECONDS = 10
LOG_LINES = 10


@dataclass(frozen=True)
class Running:
    """A local cloud that is up: the process that leads its group, and the port it answers on."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        """Where all its services answer."""
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True)
class LocalCloud:
    """The local cloud whose files are in `directory`.

    Its process holds a lock on `cloud.json` for as long as it lives. So whether it runs, and whether a
    process id is still its own, is not guessed from a number that the system may have given to another.
    """

    directory: Path

    @property
    def log(self) -> Path:
        """What MiniStack wrote since it was started."""
        return self.directory / "cloud.log"

    @property
    def _record(self) -> Path:
        return self.directory / "cloud.json"

    @property
    def _state(self) -> Path:
        """What it stores, and the functions that it runs: nothing of it outlives it."""
        return self.directory / "cloud"

    def running(self) -> Running | None:
        """The cloud, if its process is alive."""
        try:
            with self._record.open() as record:
                try:
                    fcntl.flock(record, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return Running(**json.load(record))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Failure("the local cloud is just being started by another command; try again") from error
        return None

    def start(self, port: int | None = None) -> Running:
        """Starts the cloud and waits until it answers; finds it where it runs already.

        Without a port it is the running cloud's, or the default.
        """
        running = self.running()
        if running is None:
            return self._launch(port or DEFAULT_PORT)
        if port not in (None, running.port):
            raise Failure(f"the local cloud already runs on port {running.port}; leave PORT out, or make stop first")
        return self._when_healthy(running)

    def stop(self) -> bool:
        """Ends the cloud with all its workers and waits until it is gone; False where none ran."""
        running = self.running()
        if running is None:
            return False
        os.killpg(running.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            wait_until(lambda: self.running() is None, STOP_SECONDS, "the local cloud's end")
        # Its workers are of its group too, and some may have been too busy to listen.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        wait_until(lambda: self.running() is None, STOP_SECONDS, "the local cloud's end")
        shutil.rmtree(self._state, ignore_errors=True)
        return True

    def _launch(self, port: int) -> Running:
        if is_taken(port):
            raise Failure(
                f"port {port} is taken by another program; "
                f"choose another with make run PORT={_another(port)}, or stop it"
            )
        shutil.rmtree(self._state, ignore_errors=True)
        (self._state / "tmp").mkdir(parents=True)
        with self._record.open("a+") as record, self.log.open("w") as log:
            try:
                fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Failure("the local cloud is just being started by another command; try again") from error
            record.truncate(0)
            process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=self._state,
                env=settings(port, self._state),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[record.fileno()],
            )
            json.dump({"pid": process.pid, "port": port}, record)
        return self._when_healthy(Running(process.pid, port))

    def _when_healthy(self, running: Running) -> Running:
        def healthy() -> bool:
            if self.running() is None:
                raise Failure(f"the local cloud ended while it started:\n{self._last_words()}")
            with suppress(httpx.TransportError):
                health = httpx.get(f"{running.endpoint}/_ministack/ready", timeout=5)
                return health.is_success
            return False

        try:
            wait_until(healthy, START_SECONDS, "the local cloud's health")
        except TimeoutError as error:
            raise Failure(f"the local cloud does not answer; see {self.log}, then make stop and try again") from error
        return running

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def is_taken(port: int) -> bool:
    """Whether some program listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """A port that nobody listens on, right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _another(port: int) -> int:
    return next(other for other in range(4600, 65536) if other != port and not is_taken(other))


def settings(port: int, state: Path) -> Mapping[str, str]:
    """MiniStack's whole environment: no AWS setting of the user's may reach the functions it runs."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return inherited | {
        "AUTH": "true",
        "AWS_DEFAULT_REGION": REGION,
        "BIND_HOST": HOST,
        # It would look for containers to tidy up in a Docker that is none of our business.
        "DOCKER_HOST": "unix:///nonexistent",
        "GATEWAY_PORT": str(port),
        "HOME": str(state),
        "IOT_MTLS_ENABLED": "false",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "PERSIST_STATE": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "SFTP_ENABLED": "false",
        "STATE_DIR": str(state / "state"),
        "TMPDIR": str(state / "tmp"),
    }
