"""A web process under test, asked over raw sockets, with everything that it logged."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPMessage, HTTPResponse
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from stripe import WebhookSignature

from workers.servers import launch

T = TypeVar("T")

SECRET = "whsec_of_the_tests"
PATIENCE = 120.0
"""Seconds after which a test gives up: however slow a machine is, what has not come by then never comes."""

UNHURRIED = {"WEBHOOK_TIMEOUT_SECONDS": "60", "SHUTDOWN_GRACE_SECONDS": "60"}
"""Bounds of the service that a busy machine does not reach. A test of a bound sets its own."""

BOUND = [sys.executable, "-I", "-S", launch.__file__, str(int(signal.SIGKILL)), ""]
"""What begins a program that ends with the tests, however these end (on Linux)."""

_SERVE = "from ingest import settings, web; web.main(settings.Settings.from_environment())"


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WebProcess:
    """Listens on a port of the system's choice when constructed."""

    def __init__(self, environment: Mapping[str, str], program: str = _SERVE) -> None:
        self.environment = {"PORT": "0", "STRIPE_WEBHOOK_SECRET": SECRET, **UNHURRIED, **environment}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "COVERAGE"))}
        self.process = subprocess.Popen(
            [*BOUND, sys.executable, "-c", program],
            env={**kept, **self.environment},
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self.port = until(lambda: next((line["port"] for line in self.lines() if "port" in line), None))

    def exchange(self, request: bytes, method: str = "POST") -> Answer:
        """Send bytes as they are; the answer, read until the end or the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            connection.sendall(request)
            with HTTPResponse(connection, method=method) as response:
                response.begin()
                return Answer(response.status, response.headers, response.read())

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        fields = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return self.exchange(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body, method)

    def get(self, path: str) -> Answer:
        return self.request("GET", path, {})

    def post(self, body: bytes, *, path: str = "/webhooks", signature: str | None = None) -> Answer:
        """Deliver; signed now with SECRET unless another header is given ("" for none at all)."""
        signature = sign(body) if signature is None else signature
        return self.request("POST", path, {"Stripe-Signature": signature} if signature else {}, body)

    def output(self) -> bytes:
        """Everything that the process has written."""
        return os.pread(self._output.fileno(), 1 << 26, 0)

    def lines(self) -> list[dict[str, Any]]:
        """The log lines that are whole."""
        return [json.loads(line) for line in self.output().splitlines(keepends=True) if line.endswith(b"\n")]

    def line_of(self, event_id: str) -> dict[str, Any]:
        """The request's line: it is written when the answer is already sent."""
        return until(lambda: next((line for line in self.lines() if line.get("event_id") == event_id), None))

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.close()


@contextmanager
def serving(redis_url: str, **environment: str) -> Iterator[WebProcess]:
    """A web process with a log of its own, which is gone afterwards where Redis still answers."""
    prefix = environment.setdefault("LOG_PREFIX", f"test_{uuid4().hex[:12]}")
    web = WebProcess({"REDIS_URL": redis_url, **environment})
    try:
        yield web
    finally:
        web.close()
        with suppress(RedisConnectionError), Redis.from_url(redis_url, retry=None) as redis:
            for key in redis.scan_iter(f"*{prefix}*", count=1000):
                redis.unlink(key)


def until(found: Callable[[], T | None]) -> T:
    """What `found` returns, as soon as that is anything: neither None nor false, nor empty."""
    deadline = time.monotonic() + PATIENCE
    while not (result := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
    return result


def sign(body: bytes, secret: str = SECRET, age: float = 0) -> str:
    """The Stripe-Signature header of a delivery that is `age` seconds old."""
    return WebhookSignature.generate_signature_header(body.decode(), secret, int(time.time() - age))


def event(**changes: object) -> bytes:
    """An event with an id of its own; `...` leaves a field out."""
    fields = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "customer.created",
        "created": int(time.time()),
        "api_version": "2026-10-28.endive",
        "livemode": False,
        "data": {"object": {"id": f"cus_{uuid4().hex}", "object": "customer", "email": "jenny@example.com"}},
    }
    return json.dumps({k: v for k, v in {**fields, **changes}.items() if v is not ...}).encode()
