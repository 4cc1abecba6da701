"""Load on a web process: signed deliveries, built beforehand, over raw sockets, from a process of its own.

An HTTP client library would be slower than the server that it measures. Prints one JSON object:
requests, seconds, rate (requests/s), the statuses, and latencies in ms; with --announce one before it.
"""

import hmac
import os
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from math import inf
from pathlib import Path
from urllib.parse import urlsplit

import click
import orjson

EVENT_BYTES = 2800


def payments(count: int, size: int) -> Iterator[bytes]:
    """`count` signed-to-be bodies of `size` bytes, each of a PaymentIntent of its own."""
    run, now = os.urandom(6).hex(), int(time.time())
    for number in range(count):
        intent = {
            "id": f"pi_{run}{number:09}",
            "object": "payment_intent",
            "amount": 1000 + number % 9000,
            "amount_received": 1000 + number % 9000,
            "amount_capturable": 0,
            "currency": "usd",
            "status": "succeeded",
            "created": now,
            "livemode": False,
            "metadata": {"order_id": str(number)},
        }
        event = {
            "id": f"evt_{run}{number:09}",
            "object": "event",
            "type": "payment_intent.succeeded",
            "api_version": "2026-10-28.endive",
            "created": now,
            "livemode": False,
            "data": {"object": intent},
        }
        intent["description"] = "x" * (size - len(orjson.dumps(event)) - len(',"description":""'))
        yield orjson.dumps(event)


def request(url: str, body: bytes, secret: str) -> bytes:
    """One delivery as Stripe would send it now."""
    parts, now = urlsplit(url), int(time.time())
    signature = hmac.digest(secret.encode(), b"%d.%s" % (now, body), "sha256").hex()
    head = (
        f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: Stripe/1.0\r\n"
        f"Content-Type: application/json; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
        f"Stripe-Signature: t={now},v1={signature}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A kept-alive connection with at most one request under way, due at `due` (monotonic)."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._received = b""

    def send(self, message: bytes, due: float) -> None:
        self.due = due
        self.socket.sendall(message)

    def receive(self) -> int | None:
        """The status of the answer, None while it is not whole."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError(f"the server hung up after {self._received!r}")
        self._received += chunk
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(body) < length:
            return None
        self._received = b""
        return int(head[9:12])


def run(
    url: str,
    messages: Sequence[bytes],
    connections: int,
    rate: float | None,
    limit: float = inf,
    announce: bool = False,
) -> dict[str, object]:
    """Send all messages, as fast as they are answered, or `rate` a second; latencies are from when due.

    After `limit` seconds nothing more is sent. To `announce` is to print when the first is.
    """
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    # In turn: the server hangs up on a connection that is not used for seconds.
    idle = deque(Connection(parts.hostname, parts.port) for _ in range(connections))
    statuses: Counter[int] = Counter()
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for connection in idle:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        sent, began = 0, time.monotonic()
        if announce:
            click.echo(orjson.dumps({"began": began}))
        left = len(messages)
        while len(latencies) < sent + left:
            now = time.monotonic()
            left = len(messages) - sent if now - began < limit else 0
            while idle and left:
                due = began + sent / rate if rate else time.monotonic()
                if due > now and rate:
                    break
                idle.popleft().send(messages[sent], due)
                sent, left = sent + 1, left - 1
            wait = max(0.0, due - time.monotonic()) if rate and idle and left else 10.0
            for key, _ in selector.select(wait):
                try:
                    status = key.data.receive()
                except ConnectionError:
                    if key.data not in idle:
                        raise
                    # Nothing was asked of it for seconds: the server may hang up.
                    selector.unregister(key.fileobj)
                    idle.remove(key.data)
                    continue
                if status:
                    statuses[status] += 1
                    latencies.append(time.monotonic() - key.data.due)
                    idle.append(key.data)
        seconds = time.monotonic() - began
        for connection in idle:
            connection.socket.close()
    return {
        "requests": len(latencies),
        "seconds": round(seconds, 3),
        "rate": round(len(latencies) / seconds, 1),
        "statuses": {str(status): count for status, count in statuses.items()},
        "ms": _percentiles(latencies),
    }


def bodies(file: Iterable[bytes]) -> Iterator[bytes]:
    """The events of a file, one a line."""
    return (line.removesuffix(b"\n") for line in file)


def _percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[int(part * (len(ordered) - 1))] * 1000, 3) for name, part in at.items()}


@click.command(help=__doc__)
@click.argument("url")
@click.option("--secret", envvar="STRIPE_WEBHOOK_SECRET", default="whsec_bench", help="Signs the deliveries.")
@click.option("--requests", "count", default=20_000, show_default=True, help="How many to send.")
@click.option("--connections", default=64, show_default=True)
@click.option("--rate", type=float, help="Requests a second; without it, as fast as they are answered.")
@click.option("--seconds", default=inf, help="Send nothing more after so many; without it, everything.")
@click.option("--bytes", "size", default=EVENT_BYTES, show_default=True, help="The size of a made-up event.")
@click.option("--events", type=click.Path(path_type=Path, exists=True), help="Events to send, one a line.")
@click.option("--announce", is_flag=True, help="Say when the first is sent, by the monotonic clock.")
def main(
    url: str,
    secret: str,
    count: int,
    connections: int,
    rate: float | None,
    seconds: float,
    size: int,
    events: Path | None,
    announce: bool,
) -> None:
    """Build the requests, send them, print the result."""
    with ExitStack() as files:
        told = bodies(files.enter_context(events.open("rb"))) if events else payments(count, size)
        messages = [request(url, body, secret) for body in islice(told, count)]
    click.echo(orjson.dumps(run(url, messages, connections, rate, seconds, announce)))


if __name__ == "__main__":
    main()
