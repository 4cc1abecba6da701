"""A client's callback address: a real HTTP server on loopback that keeps what it is sent."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import sleep
from typing import Any


class Receiver(ThreadingHTTPServer):
    """Answers each POST with the next of `answers`, then with 204; None hangs up without an answer.

    While `patient` is cleared no answer goes out; while `dripping` is set it comes byte by byte, without end.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int | None] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.extra: dict[str, str] = {}
        self.lock = Lock()
        self.patient = Event()
        self.patient.set()
        self.dripping = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks"

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.server.bodies.append(body)
            answer = self.server.answers.pop(0) if self.server.answers else 204
        self.server.patient.wait()
        with suppress(OSError):  # whoever waited hung up
            while self.server.dripping.is_set():
                answer = None
                self.wfile.write(b"H")
                sleep(0.01)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer)
        for name, value in self.server.extra.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that answers for as long as the block runs."""
    with Receiver() as receiver:
        thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
