"""The web process: uvicorn on one port, until SIGTERM."""

import errno
import math
import signal
import socket
import sys
from typing import NoReturn

import structlog
import uvicorn

from ingest import logging
from ingest.app import create_app
from ingest.refusal import Refusal
from ingest.settings import Settings

BACKLOG = 2048

log = structlog.get_logger()


class PortInUse(Refusal):
    """Another process has the port: stop it, or set the variable that the message names."""


def main(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, finish the requests that have begun, and exit. Raises PortInUse."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, _exit)  # uvicorn raises again, when it is done, what stopped it
    logging.configure()
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
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
    with _listen(settings.host, settings.port) as listener:
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"port {port} on {host} is in use: stop what has it, or set PORT") from None
        raise


def _exit(_signal: int, _frame: object) -> NoReturn:
    sys.exit(0)
