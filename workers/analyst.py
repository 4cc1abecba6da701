"""Reading as an analyst: with the rights of hooklog_analyst, in a transaction that changes nothing.

ANALYST_DATABASE_URL names a log-in that has these rights and no others; the embedded server gets one at each
start. Where there is none, the role of DATABASE_URL becomes hooklog_analyst for the transaction. That guards
against accidents; who holds the rights of DATABASE_URL has them, whatever a session calls itself.
"""

import math
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import psycopg
from psycopg.errors import InsufficientPrivilege, InvalidParameterValue
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier

from ingest.refusal import Refusal
from ingest.settings import Settings
from workers.conninfo import readable
from workers.stack import find

ROLE = "hooklog_analyst"
CANCEL_SECONDS = 5.0
TIMEOUT = "Seconds that the query may take, 0 for any time.  [default: what the log-in may]"

WRITTEN = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
}
"""How the server writes values, whatever a log-in, a database or PGTZ and the like say."""

Connection = psycopg.Connection[tuple[Any, ...]]


class NoAnalyst(Refusal):
    """Nobody here may read as an analyst: the message says what an administrator has to grant."""


class NoTables(Refusal):
    """The database is another one, or no stack has started on it yet: the message says what to set."""


def settings_for_reading() -> Settings:
    """The environment's, where that names a database; else those of the stack on this home."""
    own = readable(Settings.from_environment())
    return own if own.analyst_database_url or own.database_url else find(own.hooklog_home).settings


@contextmanager
def reading(settings: Settings, timeout: float | None = None) -> Iterator[Connection]:
    """A connection in a read-only transaction, whose values are written as `WRITTEN` says.

    The server ends what takes more than `timeout` (s; 0: never), or without one, what takes more than the
    log-in's own statement_timeout. Raises NoAnalyst, NoTables.
    """
    url = settings.analyst_database_url or settings.database_url
    assert url, "whoever asks has found one of the two"
    chosen = {} if timeout is None else {"statement_timeout": str(math.ceil(timeout * 1000))}
    with psycopg.connect(
        url, connect_timeout=10, application_name="hooklog query", client_encoding="utf8"
    ) as connection:
        connection.read_only = True
        if not settings.analyst_database_url:
            _become_analyst(connection)
        for name, value in {**WRITTEN, **chosen}.items():
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        _notice_a_client_that_left(connection)
        _find_tables(connection)
        try:
            with _interruptible(connection):
                yield connection
        finally:
            _leave(connection)


def _notice_a_client_that_left(connection: Connection) -> None:
    with suppress(InvalidParameterValue), connection.transaction():  # a server whose system cannot tell
        connection.execute("SELECT set_config('client_connection_check_interval', '1s', true)")


@contextmanager
def _interruptible(connection: Connection) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM hang up, at which the server ends the query.

    psycopg alone would ask the server to cancel it, once, and then wait: for the query's whole time, where
    the request came before the server had begun with it.
    """
    ended: BaseException | None = None

    def hang_up(number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        raise ended

    before = {number: signal.signal(number, hang_up) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except psycopg.OperationalError:
        if ended:
            raise ended from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(connection: Connection) -> None:
    """End the query, and with the connection its transaction.

    Not by a rollback: that waits for the rows to be read, which whoever failed on one of them never does.
    """
    if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        with suppress(psycopg.Error):  # whatever hinders this ends with the connection
            connection.cancel_safe(timeout=CANCEL_SECONDS)
    connection.close()


def _find_tables(connection: Connection) -> None:
    [(there,)] = connection.execute("SELECT to_regclass('events') IS NOT NULL").fetchall()
    if not there:
        raise NoTables(
            f"the database {connection.info.dbname} has no tables of hooklog: set DATABASE_URL, or "
            "ANALYST_DATABASE_URL, to the one that has; a stack that starts on it (./run up) makes them"
        )


def _become_analyst(connection: Connection) -> None:
    try:
        connection.execute(SQL("SET LOCAL ROLE {}").format(Identifier(ROLE)))
    except (InsufficientPrivilege, InvalidParameterValue) as error:
        raise NoAnalyst(
            f"{connection.info.user} may not read as {ROLE} ({error.diag.message_primary}): have an "
            f"administrator GRANT {ROLE} TO {connection.info.user}, or set ANALYST_DATABASE_URL to a log-in "
            "that has it"
        ) from None
