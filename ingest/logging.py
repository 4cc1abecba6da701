"""Logging: one line a request, JSON for machines, readable on a terminal; never a payload or a secret.

A request's line holds what the application noted of it, and nothing of a body that did not verify. A
traceback is logged as its frames: the message and the values of an exception may be a payload's.
"""

import logging
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from structlog.types import EventDict, WrappedLogger

if TYPE_CHECKING:  # most processes serve nothing, and start in less time without
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FACTS = "hooklog.facts"

log = structlog.get_logger()


def configure() -> None:
    """Send structlog's and the standard library's lines, from INFO up, to standard output."""
    on_terminal = sys.stdout.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not on_terminal),
            _frames,
            structlog.dev.ConsoleRenderer()
            if on_terminal
            else structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory() if on_terminal else structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.INFO, handlers=[_ToStructlog()], force=True)


def note(request: "Request", **facts: str) -> None:
    """Add to the request's line."""
    request.scope[FACTS].update(facts)


class RequestLog:
    """Writes one line for each request that something was noted of: a probe that succeeds leaves none."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on, and write its line when it is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        facts: dict[str, str] = {}
        scope[FACTS] = facts
        status = 500

        async def send_noting_the_status(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_noting_the_status)
        finally:
            if facts:
                write = log.info if status < 400 else log.warning
                duration = round((time.perf_counter() - began) * 1000, 3)
                write("request", **facts, status=status, duration_ms=duration)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage().strip(), logger=record.name, exc_info=record.exc_info)


def _frames(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    error: Any = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, BaseException):
        error = (type(error), error, error.__traceback__)
    if error and error[0]:
        line["error"] = error[0].__qualname__
        line["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error[2])]
    return line
