"""The embedded server's log-in for analysts: it reads, changes nothing, and is in nobody's way."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege, ReadOnlySqlTransaction
from psycopg.sql import SQL, Identifier

from tests.conftest import Servers
from workers.analyst_login import AT_ONCE, LOGIN, make_login
from workers.command import hooklog
from workers.database import apply_schema
from workers.servers.home import Home


@pytest.fixture
def own_database(servers: Servers) -> Iterator[str]:
    """A database of the test's own, whose functions are closed to all but its owner."""
    name = f"login_{uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        url = urlsplit(servers.database_url)._replace(path=f"/{name}").geturl()
        with psycopg.connect(url) as owner:
            apply_schema(owner)
            owner.execute("INSERT INTO checkpoints (partition) VALUES (0)")
        yield url
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def login(own_database: str, tmp_path: Path) -> str:
    return make_login(own_database, Home(tmp_path))


REFUSED = (
    "DELETE FROM customers",
    "SELECT * FROM heads",
    "SELECT * FROM configuration",
    "RESET ROLE; SELECT * FROM heads",
    "SET ROLE hooklog",
    "SET SESSION AUTHORIZATION hooklog",
    "CREATE TABLE own ()",
    "CREATE TEMP TABLE own ()",
    "COPY customers TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO '/tmp/own'",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/own')",
    "SELECT lo_from_bytea(0, 'a')",
    "SELECT lo_create(0)",
    "SELECT pg_logical_emit_message(false, 'own', repeat('a', 99))",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock_shared(1, 2)",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'hooklog'",
    "DO $$ BEGIN LOCK TABLE customers IN SHARE MODE; END $$",
    "SET temp_file_limit = -1",
    "DO $$ BEGIN EXECUTE 'DELETE FROM customers'; END $$",
)


def test_it_reads_and_does_nothing_else_whatever_its_session_asks_for(login: str) -> None:
    with psycopg.connect(login, autocommit=True) as connection:
        assert [(1,)] == connection.execute("SELECT count(*) FROM checkpoints").fetchall()
        with pytest.raises((InsufficientPrivilege, ReadOnlySqlTransaction)):
            connection.execute("DELETE FROM customers")
        connection.execute("SET default_transaction_read_only = off")
        for statement in REFUSED:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


def test_it_reaches_no_other_database(login: str) -> None:
    for name in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(urlsplit(login)._replace(path=f"/{name}").geturl())


def test_what_it_changed_of_itself_is_as_before_after_the_next_start(
    login: str, own_database: str, tmp_path: Path
) -> None:
    with psycopg.connect(login, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER ROLE CURRENT_USER SET DateStyle = 'German'")
        connection.execute("ALTER ROLE CURRENT_USER PASSWORD 'mine'")
        database = Identifier(connection.info.dbname)
        connection.execute(
            SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET default_transaction_read_only = off").format(
                database
            )
        )
    assert login == make_login(own_database, Home(tmp_path))
    with psycopg.connect(login) as connection:
        assert ("on", "ISO, MDY", "8GB") == tuple(
            setting(connection, name)
            for name in ("default_transaction_read_only", "DateStyle", "temp_file_limit")
        )


def setting(connection: "Connection[tuple[str]]", name: str) -> str:
    [(value,)] = connection.execute("SELECT current_setting(%s)", [name]).fetchall()
    return value


def test_it_leaves_connections_to_the_others(login: str, own_database: str) -> None:
    with psycopg.connect(own_database) as owner:
        asked = "SELECT rolconnlimit FROM pg_roles WHERE rolname = %s"
        assert [(AT_ONCE,)] == owner.execute(asked, [LOGIN]).fetchall()
        assert int(setting(owner, "max_connections")) > 2 * AT_ONCE


def test_the_server_never_sees_its_password(
    own_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    execute = psycopg.Connection.execute

    def heard(self: "Connection[object]", query: object, *others: object) -> object:
        text = query if isinstance(query, str) else query.as_string(self)  # type: ignore[attr-defined]
        said.append(text)
        return execute(self, query, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.Connection, "execute", heard)
    password = urlsplit(make_login(own_database, Home(tmp_path))).password
    assert password
    assert any("PASSWORD 'SCRAM-SHA-256$" in each for each in said)
    assert not any(password in each for each in said)


def test_a_machine_that_has_it_needs_nothing_else(login: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYST_DATABASE_URL", login)
    for elsewhere in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(elsewhere, raising=False)

    def run(*arguments: str) -> str:
        return CliRunner().invoke(hooklog, arguments).output

    assert LOGIN in run("query", "SELECT current_user")
    assert "permission denied for table heads" in run("query", "SELECT * FROM heads")
    assert "fx_rates" in run("dictionary")
    assert 1 == len(run("export", "fx_rates").splitlines())
