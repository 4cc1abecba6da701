"""Connections whose answers come whole within the time-out, or not at all.

A socket's time-out bounds each read alone: who drips his answer would hold a thread for as long as he likes.
"""

import socket
from http.client import HTTPConnection
from io import BufferedReader, RawIOBase
from time import monotonic
from typing import Any, cast


class _Answer(RawIOBase):
    """What is read of an answer, which began to be waited for when this was made."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._raw = line.makefile("rb", buffering=0)
        self._seconds = line.gettimeout()
        assert self._seconds is not None, "who asks says how long he waits"
        self._deadline = monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError
        self._line.settimeout(left)
        try:
            return self._raw.readinto(buffer)
        finally:
            self._line.settimeout(self._seconds)  # the next request may go over the same line

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Line:
    """A socket, but for how answers are read from it."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(_Answer(self._line))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


class Punctual(HTTPConnection):
    """To be put before a class of connections, of http.client or urllib3."""

    def connect(self) -> None:
        super().connect()
        self.sock = cast(socket.socket, _Line(self.sock))
