"""The web process: uvicorn on one port, until SIGTERM."""

import gc
import math
import signal
import socket
import sys
from typing import NoReturn

import structlog
import uvicorn

from ingest import logging
from ingest.api import AccessRoute
from ingest.app import create_app
from ingest.refusal import Refusal
from ingest.settings import Settings

BACKLOG = 2048

log = structlog.get_logger()


class CannotListen(Refusal):
    """The address cannot be had: the message names the variables that change it."""


def main(settings: Settings, access: AccessRoute | None = None) -> None:
    """Serve until SIGTERM or SIGINT, finish the requests that have begun, and exit. Raises CannotListen.

    `access` answers GET /users/{user_id}/access.
    """
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit)  # uvicorn raises again, when it is done, what stopped it
    logging.configure()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, access),
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
        )
    )
    # A full collection would walk all of the modules each time, and hold the deliveries for 25 ms.
    gc.collect()
    gc.freeze()
    with listen(settings) as listener:
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        server.run(sockets=[listener])


def listen(settings: Settings) -> socket.socket:
    """A listening socket on HOST and PORT; port 0 takes a free one. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python appends the address
        raise CannotListen(
            f"cannot listen on port {settings.port} of {settings.host} ({reason}): "
            "stop what has it, or set PORT or HOST"
        ) from None


def _exit(_signal: int, _frame: object) -> NoReturn:
    sys.exit(0)
