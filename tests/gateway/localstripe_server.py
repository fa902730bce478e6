"""localstripe, an implementation of Stripe's API that is not ours, on a free port of the loopback.

Its own command listens on every address and keeps its payments in a file that all of the machine's runs share.
"""

import socket

from aiohttp import web
from localstripe.resources import store  # type: ignore[import-untyped]  # it has no types
from localstripe.server import app  # type: ignore[import-untyped]

from tests.gateway.stripe_edge import LOOPBACK


def serve() -> None:
    """Serves until it is ended; the one line that it prints is its port, where it listens by then."""
    store.dump_to_disk = lambda: None
    with socket.create_server((LOOPBACK, 0)) as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201 - that is how its port is known
        web.run_app(app, sock=listening, print=None, access_log=None)


if __name__ == "__main__":
    serve()
