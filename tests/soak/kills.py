"""Kills functions of one local cloud while they work, as a failing machine would."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

WORKER = re.compile(r"ministack-lambda-tidings-local-(?P<function>[a-z]+-[a-z]+)-")
"""The name of the folder in which the local cloud runs a function's process."""

SAMPLE_SECONDS = 0.05
"""A worker that uses the processor in this time is at work."""

MAX_SAMPLES = 100
"""Samples before an idle worker is chosen."""

KILL_SECONDS = 30
"""Maximum number of seconds for each kill, on average. If no function runs, fewer are killed."""

MIN_AGE = 20
"""Seconds for which a worker is spared.

MiniStack ends all workers of a function if one dies while it starts. These may be others that start, and so on without
end. Lambda starts each by itself.
"""


@contextmanager
def kill_functions(cloud: int, rng: random.Random, kills: int, max_pause: float = 4) -> Iterator[Counter[str]]:
    """Kill workers of a cloud, one after another.

    Args:
        cloud: The process id of the cloud, which the caller has started.
        rng: Chooses the workers and the pauses.
        kills: Number of kills.
        max_pause: Maximum number of seconds between two kills.

    Yields:
        The number of kills by function, complete at the end of the context. A worker without work counts as `idle`.
    """
    killed: Counter[str] = Counter()
    stopped = threading.Event()

    deadline = time.monotonic() + kills * KILL_SECONDS

    def kill() -> None:
        while killed.total() < kills and time.monotonic() < deadline and not stopped.wait(rng.uniform(0, max_pause)):
            victim, function = _choose(cloud, rng)
            if victim:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
                    killed[function] += 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
        thread.join()
    finally:
        stopped.set()
        thread.join()


def _choose(cloud: int, rng: random.Random) -> tuple[psutil.Process | None, str]:
    """Return a worker that is at work now, with its function's name; an idle one if none is in any sample."""
    idle: list[tuple[psutil.Process, str]] = []
    for _ in range(MAX_SAMPLES):
        workers = list(_workers(cloud))
        before = {worker: _cpu_seconds(worker) for worker, _ in workers}
        time.sleep(SAMPLE_SECONDS)
        at_work = [(worker, function) for worker, function in workers if _cpu_seconds(worker) > before[worker]]
        if at_work:
            return rng.choice(at_work)
        idle = [(worker, f"idle {function}") for worker, function in workers]
    return rng.choice(idle) if idle else (None, "")


def _workers(cloud: int) -> Iterator[tuple[psutil.Process, str]]:
    for child in psutil.Process(cloud).children():
        with suppress(psutil.Error):
            found = WORKER.search(" ".join(child.cmdline()))
            if found and time.time() - child.create_time() > MIN_AGE:
                yield child, found["function"]


def _cpu_seconds(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0
