"""How any process serves: uvicorn on one port, until SIGTERM."""

import gc
import math
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

import structlog
import uvicorn
from starlette.types import ASGIApp

from ingest import logging
from ingest.refusal import Refusal
from ingest.settings import Settings

BACKLOG = 2048

log = structlog.get_logger()


class CannotListen(Refusal):
    """The address cannot be had: the message names the variables that change it."""


class Server(uvicorn.Server):
    """Says that it is to stop before it waits for the answers that have begun: some end only by that."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def serve(
    app: ASGIApp,
    settings: Settings,
    port: int,
    variable: str,
    stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, finish the requests that have begun, and exit. Raises CannotListen.

    `variable` names the port where it cannot be had; `stopping` is called before requests are waited for.
    """
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit)  # uvicorn raises again, when it is done, what stopped it
    logging.configure()
    server = Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            proxy_headers=False,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_seconds),
        ),
        stopping,
    )
    # A full collection would walk all of the modules each time, and hold the deliveries for 25 ms.
    gc.collect()
    gc.freeze()
    with listen(settings.host, port, variable) as listener:
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        server.run(sockets=[listener])


def listen(host: str, port: int, variable: str) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises CannotListen, which names `variable`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python appends the address
        raise CannotListen(
            f"cannot listen on port {port} of {host} ({reason}): stop what has it, or set {variable} or HOST"
        ) from None


def _exit(_signal: int, _frame: object) -> NoReturn:
    sys.exit(0)
