"""localstripe, an independent implementation of Stripe's API, on a free port of the loopback.

Its own command listens on every address, and stores its payments in a file that all runs on the machine share.
"""

import socket

from aiohttp import web
from localstripe.resources import store  # type: ignore[import-untyped]  # it has no types
from localstripe.server import app  # type: ignore[import-untyped]

from tests.gateway.stripe_edge import LOOPBACK


def serve() -> None:
    """Serve until the process ends. Print the port as soon as it listens."""
    store.dump_to_disk = lambda: None
    with socket.create_server((LOOPBACK, 0)) as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201 - the parent reads it
        web.run_app(app, sock=listening, print=None, access_log=None)


if __name__ == "__main__":
    serve()
