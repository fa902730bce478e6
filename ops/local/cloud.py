"""The local cloud: one MiniStack in the background, with IAM enforced, reachable from this machine only."""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from ops.errors import CommandError
from tidings.recovery import wait_until

DEFAULT_PORT = 4566
HOST = "127.0.0.1"
REGION = "eu-west-1"
ACCOUNT = "000000000000"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

START_SECONDS = 30
STOP_SECONDS = 10
LOG_LINES = 10

REMAINS = "ended-cloud-"
"""The beginning of the names of folders whose cloud has ended. The next `stop` deletes those that are left."""


@dataclass(frozen=True)
class Running:
    """A running local cloud: the process that leads its group, and its port."""

    pid: int
    port: int

    @property
    def endpoint(self) -> str:
        """The address of all its services."""
        return f"http://{HOST}:{self.port}"


@dataclass(frozen=True)
class LocalCloud:
    """The local cloud whose files are in `directory`.

    Its process holds a lock on `cloud.json` while it lives. The lock says whether the cloud runs, and that the process
    id in the file is still its own: the system may have given the number to another process.
    """

    directory: Path

    @property
    def log(self) -> Path:
        """The log of MiniStack since its start."""
        return self.directory / "cloud.log"

    @property
    def _record(self) -> Path:
        return self.directory / "cloud.json"

    @property
    def _state(self) -> Path:
        """The folder of its data and of the functions that it runs. It is deleted with the cloud."""
        return self.directory / "cloud"

    @property
    def demonstration(self) -> Path:
        """The file that says that the demonstration has ended on the running cloud. It is deleted with the cloud."""
        return self._state / "demonstration"

    def running(self) -> Running | None:
        """Return the cloud if its process is alive.

        Raises:
            CommandError: If another command is starting it.
        """
        try:
            with self._record.open() as record:
                try:
                    fcntl.flock(record, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return Running(**json.load(record))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise CommandError("another command is starting the local cloud; try again") from error
        return None

    def start(self, port: int | None = None) -> Running:
        """Start the cloud unless it runs, and wait until it answers.

        Args:
            port: Its port; None for the running cloud's, or the default.

        Raises:
            CommandError: If the port is taken, the cloud runs on another port, or it does not start.
        """
        running = self.running()
        if running is None:
            return self._launch(port or DEFAULT_PORT)
        if port not in (None, running.port):
            raise CommandError(
                f"the local cloud already runs on port {running.port}; omit PORT, or run make stop first"
            )
        return self._wait_until_ready(running)

    def stop(self, report: Callable[[str], None] = lambda _: None) -> bool:
        """Stop the cloud with all its workers, wait until they have ended, and delete its contents.

        Args:
            report: Receives a sentence about each part that takes a while.

        Returns:
            Whether a cloud was running.
        """
        running = self.running()
        if running is not None:
            report("Stopping the local cloud.")
            self._end(running)
            self._set_aside()
        if remains := list(self.directory.glob(f"{REMAINS}*")):
            report("No local cloud runs any more. Deleting its contents, which takes minutes on a busy disk.")
            for each in remains:
                shutil.rmtree(each, ignore_errors=True)
        return running is not None

    def _end(self, running: Running) -> None:
        os.killpg(running.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            wait_until(lambda: self.running() is None, STOP_SECONDS, "the local cloud's end")
        # Its workers belong to its group too, and some may have been too busy to react.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        wait_until(lambda: self.running() is None, STOP_SECONDS, "the local cloud's end")

    def _set_aside(self) -> None:
        """Rename the folder of the contents, so that the next cloud starts at once, whoever interrupts the deletion."""
        with suppress(FileNotFoundError):
            self._state.rename(self.directory / f"{REMAINS}{uuid.uuid4()}")

    def _launch(self, port: int) -> Running:
        if is_taken(port):
            raise CommandError(
                f"port {port} is taken by another program; "
                f"choose another with make run PORT={_other_port(port)}, or stop that program"
            )
        self._set_aside()
        (self._state / "tmp").mkdir(parents=True)
        with self._record.open("a+") as record, self.log.open("w") as log:
            try:
                fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError("another command is starting the local cloud; try again") from error
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
        return self._wait_until_ready(Running(process.pid, port))

    def _wait_until_ready(self, running: Running) -> Running:
        def ready() -> bool:
            if self.running() is None:
                raise CommandError(f"the local cloud ended while it started:\n{self._last_log_lines()}")
            with suppress(httpx.TransportError):
                return httpx.get(f"{running.endpoint}/_ministack/ready", timeout=5).is_success
            return False

        try:
            wait_until(ready, START_SECONDS, "the local cloud's first answer")
        except TimeoutError as error:
            raise CommandError(
                f"the local cloud does not answer; read {self.log}, then run make stop and try again"
            ) from error
        return running

    def _last_log_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])


def is_taken(port: int) -> bool:
    """Return whether a program listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """Return a port on which no program listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _other_port(port: int) -> int:
    return next(other for other in range(4600, 65536) if other != port and not is_taken(other))


def settings(port: int, state: Path) -> Mapping[str, str]:
    """Return MiniStack's whole environment. No AWS setting of the user may reach the functions that it runs."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return inherited | {
        "AUTH": "true",
        "AWS_DEFAULT_REGION": REGION,
        "BIND_HOST": HOST,
        # MiniStack would look for its containers in the user's Docker.
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
