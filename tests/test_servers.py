"""The embedded servers: what they keep, whom they let in, and how they end."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError

from ingest.durability import ServerFacts, refuse_undurable
from tests.conftest import clear
from tests.running import living
from tests.web_process import until
from workers import durability
from workers.database import connect
from workers.servers.embedded import Embedded, embedded
from workers.servers.home import Home, HomeInUse
from workers.servers.ports import NotOurs, PortInUse, available
from workers.servers.postgres import binary
from workers.servers.server import ServerFailed

HOLD = """
import sys, time
from pathlib import Path
from workers.servers.embedded import embedded
with embedded(Path(sys.argv[1])) as servers:
    print(servers.valkey.pid, servers.postgres.pid, servers.database_url, servers.redis_url, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its path has a space, and its parent is closed to everybody else."""
    return tmp_path_factory.mktemp("closed") / "a home"


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Embedded]:
    with embedded(home) as running:
        yield running


def test_both_pass_the_checks_of_durability(running: Embedded) -> None:
    with Redis.from_url(running.redis_url) as redis, connect(running.database_url) as connection:
        refuse_undurable(ServerFacts.ask_now(redis))
        durability.refuse_undurable(connection)


def test_text_sorts_by_code_point_in_utf8_whatever_the_machine_speaks(running: Embedded) -> None:
    with connect(running.database_url) as connection:
        rows = connection.execute("SELECT * FROM unnest(ARRAY['b', 'ä', 'Z']) AS word ORDER BY word")
        assert ["Z", "b", "ä"] == [row["word"] for row in rows]


@pytest.mark.parametrize("server", ["valkey", "postgres"])
def test_what_was_written_survives_a_kill_and_an_orderly_stop(running: Embedded, server: str) -> None:
    with Redis.from_url(running.redis_url) as redis, connect(running.database_url) as connection:
        redis.set(f"kept by {server}", "yes")
        connection.execute(f"CREATE TABLE kept_by_{server} AS SELECT 1 AS one")
    getattr(running, server).kill()
    getattr(running, server).start()
    getattr(running, server).stop()
    getattr(running, server).start()
    with Redis.from_url(running.redis_url) as redis, connect(running.database_url) as connection:
        assert redis.get(f"kept by {server}") == b"yes"
        assert [{"one": 1}] == connection.execute(f"SELECT * FROM kept_by_{server}").fetchall()


def test_nobody_enters_without_the_password(running: Embedded) -> None:
    port = running.postgres.port
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://hooklog:wrong@127.0.0.1:{port}/hooklog")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(f"postgresql://hooklog@127.0.0.1:{port}/hooklog")
    with pytest.raises(AuthenticationError), Redis(port=running.valkey.port, retry=None) as redis:
        redis.ping()


def test_passwords_are_in_files_that_only_their_owner_reads(running: Embedded, home: Path) -> None:
    secret = [home / "valkey/password", home / "valkey/valkey.conf", home / "postgres/password"]
    assert [0o600] * 3 == [stat.S_IMODE(path.stat().st_mode) for path in secret]
    arguments = " ".join(psutil.Process(running.postgres.pid).cmdline())
    assert running.postgres.password not in arguments
    assert running.valkey.password not in " ".join(psutil.Process(running.valkey.pid).cmdline())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_postgres_has_no_privileges(running: Embedded) -> None:
    status = Path(f"/proc/{running.postgres.pid}/status").read_text()
    [capabilities] = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    assert int(capabilities, 16) == 0


def test_a_base_backup_taken_at_work_is_a_cluster_to_start_from(running: Embedded, tmp_path: Path) -> None:
    with connect(running.database_url) as connection:
        connection.execute("CREATE TABLE before_the_backup AS SELECT 1 AS one")
    directory = Home(tmp_path).directory("postgres")
    copy = [binary("pg_basebackup"), "--pgdata", directory / "data", "--dbname", running.database_url]
    subprocess.run([*copy, "--checkpoint=fast"], check=True)
    shutil.copy(running.postgres.directory / "password", directory)
    with embedded(tmp_path) as restored, connect(restored.database_url) as connection:
        assert [{"one": 1}] == connection.execute("SELECT * FROM before_the_backup").fetchall()


def test_a_killed_parent_takes_both_servers_with_it_and_the_next_start_finds_the_data(tmp_path: Path) -> None:
    parent, (valkey, postgres, database_url, redis_url) = hold(tmp_path)
    with Redis.from_url(redis_url) as redis, connect(database_url) as connection:
        redis.set("kept", "yes")
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    parent.kill()
    parent.wait()
    until(lambda: not left(valkey, postgres))
    with (
        embedded(tmp_path) as again,
        Redis.from_url(again.redis_url) as redis,
        connect(again.database_url) as connection,
    ):
        assert redis.get("kept") == b"yes"
        assert [{"one": 1}] == connection.execute("SELECT * FROM kept").fetchall()


def test_a_killed_parent_leaves_not_even_a_process_that_ignores_signals(tmp_path: Path) -> None:
    stubborn = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 3, 15)]; time.sleep(600)"
    program = (
        "import sys, time\n"
        "from workers.servers.guardian import Guardian\n"
        "with Guardian() as guardian:\n"
        f"    print(guardian.start([sys.executable, '-c', {stubborn!r}]).pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    child = parent.stdout.readline()
    parent.kill()
    parent.communicate()
    until(lambda: not left(child))


def test_a_lost_password_is_told_at_once(tmp_path: Path) -> None:
    with embedded(tmp_path):
        pass
    (tmp_path / "postgres/password").write_text("another")
    with pytest.raises(ServerFailed, match="put that one back"), embedded(tmp_path):
        pass


def test_a_home_may_have_any_name() -> None:
    with tempfile.TemporaryDirectory() as short:
        home = Path(short) / 'a, "b"'
        with embedded(home) as running, Redis.from_url(running.redis_url) as redis:
            assert (home / f"postgres/.s.PGSQL.{running.postgres.port}").is_socket()
            assert redis.ping()


def test_a_home_that_is_held_names_its_holder(running: Embedded, home: Path) -> None:
    with pytest.raises(HomeInUse, match=f"held by process {os.getpid()}.*HOOKLOG_HOME"), Home(home).lock():
        pass


def test_what_a_killed_run_of_tests_left_is_cleared_and_what_is_held_stays(tmp_path: Path) -> None:
    dead, held, beginning = (tmp_path / f"hooklog-{name}" for name in ("dead", "held", "beginning"))
    with Home(dead).lock():
        pass
    with Home(held).lock():
        Home(beginning)
        (beginning / "lock").touch()
        clear(tmp_path)
    assert {held, beginning} == set(tmp_path.iterdir())


def test_a_busy_port_names_the_variable_that_changes_it(running: Embedded) -> None:
    with pytest.raises(PortInUse, match=f"port {running.valkey.port} .*set REDIS_PORT"):
        available(running.valkey.port, variable="REDIS_PORT")


def test_an_address_of_another_machine_is_not_taken_for_a_busy_port() -> None:
    with pytest.raises(NotOurs, match=r"203\.0\.113\.1 is no address of this machine .*set HOST"):
        available(0, variable="PORT", host="203.0.113.1")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two cannot be bound to one port")
def test_a_port_that_was_chosen_is_left_to_the_server_that_it_was_chosen_for() -> None:
    port = available(0, variable="REDIS_PORT")
    with socket.socket() as somebody, pytest.raises(OSError, match="already in use"):
        somebody.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)) as ours:
        assert port == ours.getsockname()[1]


def hold(home: Path) -> tuple["subprocess.Popen[str]", list[str]]:
    """A process that runs both servers on `home`, and what it says of them."""
    parent = subprocess.Popen([sys.executable, "-c", HOLD, home], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    with parent.stdout:
        return parent, parent.stdout.readline().split()


def left(*pids: str) -> list[str]:
    """Those of the processes that have not ended."""
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found += [pid] if living(psutil.Process(int(pid))) else []
    return found
