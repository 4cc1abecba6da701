"""Ports to listen on: the one that was asked for, or any free one."""

import errno
import socket
import sys

from ingest.refusal import Refusal


class PortInUse(Refusal):
    """Something else listens there: set the named variable to another port."""


class NotOurs(Refusal):
    """This machine has no such address to listen on: set HOST to another."""


def available(port: int, *, variable: str, host: str = "127.0.0.1") -> int:
    """`port` if it is free, a free one if it is 0. Raises PortInUse, which names `variable`, and NotOurs.

    One that the system chose stays bound, though nobody listens there, until this process ends: or it might
    be given to somebody else before the server that it is for has it. Only Linux lets both bind.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise NotOurs(
                    f"{host} is no address of this machine ({error.strerror}): set HOST to one of its own"
                ) from None
            raise PortInUse(
                f"port {port} on {host} cannot be used ({error.strerror}): set {variable} to another one"
            ) from None
        found = int(probe.getsockname()[1])
        if not port and sys.platform == "linux":
            probe.detach()
        return found
