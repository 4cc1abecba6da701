"""Both embedded servers on one home."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.settings import Settings
from workers.servers.guardian import Guardian
from workers.servers.home import Home
from workers.servers.ports import available
from workers.servers.postgres import Postgres
from workers.servers.server import Server
from workers.servers.valkey import Valkey


@dataclass(frozen=True)
class Embedded:
    """Two running servers; each can also be killed and started again."""

    valkey: Valkey
    postgres: Postgres

    @property
    def redis_url(self) -> str:
        return self.valkey.url

    @property
    def database_url(self) -> str:
        return self.postgres.url


@contextmanager
def embedded(path: Path) -> Iterator[Embedded]:
    """Start both on the home at `path`; they end with the block, or with this process, however it ends."""
    home = Home(path)
    with home.lock() as held, Guardian(held) as guardian:
        valkey = Valkey(home, guardian, available(0, variable="REDIS_PORT"))
        postgres = Postgres(home, guardian, available(0, variable="DATABASE_PORT"))
        try:
            valkey.start()
            postgres.start()
            yield Embedded(valkey, postgres)
        finally:
            valkey.stop()
            postgres.stop()


def servers(settings: Settings, home: Home, guardian: Guardian) -> dict[str, Server]:
    """Those that `settings` names no server for, by the variable that would name it; none is started."""
    wanted: dict[str, Server] = {}
    if not settings.redis_url:
        port = available(settings.redis_port, variable="REDIS_PORT")
        wanted["REDIS_URL"] = Valkey(home, guardian, port)
    if not settings.database_url:
        port = available(settings.database_port, variable="DATABASE_PORT")
        wanted["DATABASE_URL"] = Postgres(home, guardian, port)
    return wanted
