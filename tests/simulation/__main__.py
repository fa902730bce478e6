"""`python -m tests.simulation`: plays histories on all processors, or the history of one seed with its trace."""

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.run import ORDERS, explained, first_failure, quiet, seeded
from tests.simulation.shrink import Failure

CHUNK = 25
SECONDS_BETWEEN_LINES = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--histories", type=int, default=2000)
    parser.add_argument("--seed", type=int, help="play the history of this seed, and show its trace")
    parser.add_argument("--orders", type=int, default=ORDERS, help="number of orders in a history")
    parser.add_argument("--restored", default="", help="the service whose table goes back to earlier moments")
    options = parser.parse_args()
    if options.seed is not None:
        return _play(options.seed, options.orders, options.restored)
    return _run(options.histories, options.orders, options.restored)


def _play(seed: int, orders: int, restored: str) -> int:
    with quiet():
        found = seeded(seed, orders, _say, restored)
    _say(explained(seed, found) if found else "Every invariant holds.")
    return int(found is not None)


def _run(histories: int, orders: int, restored: str) -> int:
    first = random.SystemRandom().randrange(2**40)
    _say(f"{histories} histories of {orders} orders, from seed {first}")
    begun = reported = time.monotonic()
    done = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        chunks = [
            range(start, min(start + CHUNK, first + histories)) for start in range(first, first + histories, CHUNK)
        ]
        running = {pool.submit(_chunk, chunk, orders, restored): chunk for chunk in chunks}
        for finished in as_completed(running):
            if failed := finished.result():
                pool.shutdown(wait=False, cancel_futures=True)
                _say(explained(*failed))
                return 1
            done += len(running[finished])
            now = time.monotonic()
            if now - reported > SECONDS_BETWEEN_LINES or done == histories:
                reported = now
                _say(f"{done} histories, {done / (now - begun):.1f} a second, {(now - begun):.0f} s")
    _say("Every invariant holds in all of them.")
    return 0


def _chunk(seeds: Sequence[int], orders: int, restored: str) -> tuple[int, Failure] | None:
    return first_failure(seeds, orders, restored)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
