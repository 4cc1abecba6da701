"""Reading as an analyst: with the rights of hooklog_analyst, in a transaction that changes nothing.

ANALYST_DATABASE_URL names a log-in that has these rights and no others; the embedded server gets one at each
start. Where there is none, the role of DATABASE_URL becomes hooklog_analyst for the transaction. That guards
against accidents; who holds the rights of DATABASE_URL has them, whatever a session calls itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier, Literal

from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.servers.home import Home
from workers.stack import find

ROLE = "hooklog_analyst"
LOGIN = "hooklog_reader"
CANCEL_SECONDS = 5.0
PASSWORD_FILE = "analyst-password"  # noqa: S105 - the file's name

Connection = psycopg.Connection[tuple[Any, ...]]


class NoAnalyst(Refusal):
    """Nobody here may read as an analyst: the message says what an administrator has to grant."""


def settings_for_reading() -> Settings:
    """The environment's, where that names a database; else those of the stack on this home."""
    own = Settings.from_environment()
    return own if own.analyst_database_url or own.database_url else find(own.hooklog_home).settings


@contextmanager
def reading(settings: Settings, timeout: float | None = None) -> Iterator[Connection]:
    """A connection in a read-only transaction, in UTC; the server ends what takes more than `timeout` (s)."""
    url = settings.analyst_database_url or settings.database_url
    assert url, "whoever asks has found one of the two"
    with psycopg.connect(url, connect_timeout=10, application_name="hooklog query") as connection:
        connection.read_only = True
        if not settings.analyst_database_url:
            _become_analyst(connection)
        milliseconds = 0 if timeout is None else max(1, round(timeout * 1000))
        connection.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('TimeZone', 'UTC', true)",
            [str(milliseconds)],
        )
        try:
            yield connection
        finally:
            _leave(connection)


def _leave(connection: Connection) -> None:
    """End the query, and with the connection its transaction.

    Not by a rollback: that waits for the rows to be read, which whoever failed on one of them never does.
    """
    if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):  # whatever hinders this ends with the connection
            connection.cancel_safe(timeout=CANCEL_SECONDS)
    connection.close()


def _become_analyst(connection: Connection) -> None:
    try:
        connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(ROLE)))
    except (InsufficientPrivilege, InvalidParameterValue) as error:
        raise NoAnalyst(
            f"{connection.info.user} may not read as {ROLE} ({error.diag.message_primary}): have an "
            f"administrator GRANT {ROLE} TO {connection.info.user}, or set ANALYST_DATABASE_URL to a log-in "
            "that has it"
        ) from None


def make_login(database_url: str, home: Home) -> str:
    """Make the embedded server's log-in for analysts, with a password that stays; returns its URL.

    It reads, even where a session asks for more: nobody but the owner makes temporary tables there.
    """
    password = home.secret(PASSWORD_FILE)
    with psycopg.connect(database_url, autocommit=True) as connection:
        login, role, database = map(Identifier, (LOGIN, ROLE, connection.info.dbname))
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [LOGIN]).rowcount:
            connection.execute(SQL("CREATE ROLE {} LOGIN").format(login))
        for statement in (
            SQL("ALTER ROLE {} PASSWORD {}").format(login, Literal(password)),
            SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(login),
            SQL("GRANT {} TO {}").format(role, login),
            SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database),
        ):
            connection.execute(statement)
        at = connection.info
        return f"postgresql://{LOGIN}:{password}@{at.host}:{at.port}/{at.dbname}"
