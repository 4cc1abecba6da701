"""Reading Postgres: a few connections that can only read, opened when they are first needed and kept."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg import errors
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed

AT_ONCE = 6
"""Connections; whoever comes while all are taken waits."""

ROLE = "hooklog_analyst"

CONNECT_SECONDS = 3
ANSWER_MILLISECONDS = 60_000

log = structlog.get_logger()

Connection = psycopg.AsyncConnection[DictRow]
Query = LiteralString | SQL | Composed
Parameters = Mapping[str, Any] | Sequence[Any]


class Reader:
    """A pool. `options` are further parameters of every connection, as psycopg.connect takes them."""

    def __init__(self, url: str, **options: Any) -> None:
        self._url = url
        self._options = options
        self._warned = False
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._idle: list[Connection] = []

    async def rows(self, query: Query, parameters: Parameters = ()) -> list[DictRow]:
        """The rows of one query. Raises psycopg.Error."""
        async with self._turns:
            while self._idle:
                connection = self._idle.pop()
                try:
                    return await self._ask(connection, query, parameters)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
                    # The server was started anew since: that is no reason to fail, but to dial again.
            return await self._ask(await self._dial(), query, parameters)

    async def _ask(self, connection: Connection, query: Query, parameters: Parameters) -> list[DictRow]:
        async with self._kept(connection):
            return await (await connection.execute(query, parameters)).fetchall()

    @asynccontextmanager
    async def _kept(self, connection: Connection) -> AsyncIterator[None]:
        """The connection is there for the next one afterwards, unless it broke or somebody lost patience."""
        whole = False
        try:
            yield
            whole = True
        except (errors.UndefinedTable, errors.UndefinedFunction):
            raise  # perhaps it was dialled before there were tables, and the role to read them with
        except psycopg.Error:
            whole = not connection.closed
            raise
        finally:
            if whole:
                self._idle.append(connection)
            else:
                await connection.close()

    async def _dial(self) -> Connection:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=CONNECT_SECONDS,
            **self._options,
        )
        await connection.execute("SET default_transaction_read_only = on")
        await self._become_an_analyst(connection)
        await connection.execute(f"SET statement_timeout = {ANSWER_MILLISECONDS}")
        return connection

    async def _become_an_analyst(self, connection: Connection) -> None:
        """Give up whatever more this log-in may. Where the role could not be made, reading only must do."""
        try:
            await connection.execute(f"SET ROLE {ROLE}")
        except (errors.InsufficientPrivilege, errors.InvalidParameterValue) as error:
            if not self._warned:
                log.warning("no role to read with, only read-only transactions", error=type(error).__name__)
            self._warned = True

    async def close(self) -> None:
        """Close what is idle; whatever still runs ends by itself."""
        while self._idle:
            await self._idle.pop().close()
