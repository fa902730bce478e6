"""Ends functions in the midst of their work, as a failing machine would: those of one local cloud, and no others."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

WORKER = re.compile(r"ministack-lambda-tidings-local-(?P<function>[a-z]+-[a-z]+)-")
"""How the local cloud names the folder that a function's process runs in."""

GLANCE = 0.05
"""Seconds in which who computes is at work."""

INFANCY = 20
"""Seconds for which a worker is spared. MiniStack ends all of a function's workers where one dies as it starts, which
may be others that start, and so on without end; Lambda starts each by itself.
"""


@contextmanager
def killing(cloud: int, chance: random.Random, most: int, pause: float = 4) -> Iterator[Counter[str]]:
    """Kills so many of a cloud's workers, one after another; gives how many of each function, complete at the end.

    One that had nothing to do is told as `idle`. `cloud` is the id of the cloud's process, which the caller has
    started; `pause` is the longest time between two kills, in seconds.
    """
    killed: Counter[str] = Counter()
    over = threading.Event()

    def kill() -> None:
        while killed.total() < most and not over.wait(chance.uniform(0, pause)):
            victim, function = _chosen(cloud, chance)
            if victim:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
                    killed[function] += 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    except BaseException:
        over.set()
        raise
    finally:
        thread.join()


def _chosen(cloud: int, chance: random.Random) -> tuple[psutil.Process | None, str]:
    """One of the workers that are at work at this moment, with its function's name; an idle one, where none is."""
    workers = list(_workers(cloud))
    before = {worker: _computed(worker) for worker, _ in workers}
    time.sleep(GLANCE)
    at_work = [(worker, function) for worker, function in workers if _computed(worker) > before[worker]]
    idle = [(worker, f"idle {function}") for worker, function in workers]
    return chance.choice(at_work or idle or [(None, "")])


def _workers(cloud: int) -> Iterator[tuple[psutil.Process, str]]:
    for child in psutil.Process(cloud).children():
        with suppress(psutil.Error):
            found = WORKER.search(" ".join(child.cmdline()))
            if found and time.time() - child.create_time() > INFANCY:
                yield child, found["function"]


def _computed(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0
