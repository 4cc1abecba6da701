"""Ports to listen on: the one that was asked for, or any free one."""

import socket
import sys

from ingest.refusal import Refusal

_kept: list[socket.socket] = []
"""A port that the system chose stays bound, though nobody listens there, until this process ends: or the
system might give it to somebody else before a server of ours has it. Only Linux lets both bind."""


class PortInUse(Refusal):
    """Something else listens there: set the named variable to another port."""


def available(port: int, *, variable: str, host: str = "127.0.0.1") -> int:
    """`port` if it is free, a free one if it is 0. Raises PortInUse, which names `variable`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    try:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        found = int(probe.getsockname()[1])
        if not port and sys.platform == "linux":
            _kept.append(probe.dup())
    except OSError as error:
        raise PortInUse(
            f"port {port} on {host} cannot be used ({error.strerror}): set {variable} to another one"
        ) from None
    finally:
        probe.close()
    return found
