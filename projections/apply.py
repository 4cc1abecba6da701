"""Applying rows: the set of rows that each object owns is replaced, so what is gone goes."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import orjson
from psycopg import Connection
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Composable, Composed, Identifier

from ingest.event import Identity
from projections.columns import columns

_COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""


class UnknownColumns(Exception):
    """A fold yields columns that its table lacks: mend the fold or `schema.sql`."""


Owned = Mapping[Identity, Sequence[Mapping[str, Any]]]
"""For each object the complete set of rows that it owns: the fold's columns and the engine's."""


class Model(Protocol):
    """What is stored: rows in `table`, each owned by what its column `owner` names, told apart by `key`."""

    @property
    def table(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def key(self) -> tuple[str, ...]: ...


M = TypeVar("M", bound=Model)


class Table(Generic[M]):
    """A read model's table, and how its rows are replaced."""

    def __init__(self, model: M, columns: frozenset[str], name: str | None = None) -> None:
        self.model = model
        self.columns = columns
        self.name = name or model.table
        self.key = ("account", "livemode", model.owner, *model.key)
        self._upsert = self._upsert_statement().as_bytes()
        self._replace = self._replace_statement().as_bytes()

    @classmethod
    def of(cls, connection: "Connection", model: M, name: str | None = None) -> "Table[M]":
        """The model's own table, or one named otherwise that has its columns."""
        with connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(_COLUMNS, [model.table]).fetchall()
        return cls(model, frozenset(column for (column,) in rows), name)

    @property
    def others(self) -> list[str]:
        """The columns besides the key, in a fixed order."""
        return sorted(self.columns - set(self.key))

    def replace(self, connection: "Connection", owned: Owned, *, known_before: bool = True) -> None:
        """Replace each object's rows; `known_before=False` where none of the objects can have any yet."""
        rows = [row for its in owned.values() for row in its]
        if unknown := set().union(*rows) - self.columns:
            raise UnknownColumns(f"{self.name} has no column {', '.join(sorted(unknown))}")
        document = orjson.dumps(rows).decode()
        shrinkable = [identity for identity, its in owned.items() if self.model.key or not its]
        if known_before and shrinkable:
            accounts, livemodes, _, ids = columns(shrinkable)
            connection.execute(self._replace, [document, accounts, livemodes, ids])
        elif rows:
            connection.execute(self._upsert, [document])

    def _upsert_statement(self) -> Composed:
        return self._upserting(SQL("jsonb_populate_recordset(NULL::{}, %s)").format(Identifier(self.name)))

    def _replace_statement(self) -> Composed:
        # NOT IN looks each row up in a hash of the new ones. NOT EXISTS would be planned as a join, and as
        # nothing tells how many new ones there are, as one that may compare each row with each of them.
        return SQL(
            "WITH new AS MATERIALIZED (SELECT * FROM jsonb_populate_recordset(NULL::{table}, %s)),"
            " gone AS (DELETE FROM {table} AS kept"
            " USING unnest(%s::text[], %s::boolean[], %s::text[]) AS owner (account, livemode, id)"
            " WHERE kept.account = owner.account AND kept.livemode = owner.livemode"
            " AND kept.{owner} = owner.id AND ({kept}) NOT IN (SELECT {key} FROM new)) {upsert}"
        ).format(
            table=Identifier(self.name),
            owner=Identifier(self.model.owner),
            kept=_list(self.key, "kept"),
            key=_list(self.key),
            upsert=self._upserting(SQL("new")),
        )

    def _upserting(self, rows: Composable) -> Composed:
        others = self.others
        return SQL(
            "INSERT INTO {table} AS kept ({columns}) SELECT {columns} FROM {rows}"
            " ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({kept}) IS DISTINCT FROM ({new})"
        ).format(
            table=Identifier(self.name),
            columns=_list((*self.key, *others)),
            rows=rows,
            key=_list(self.key),
            assignments=SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(name)) for name in others),
            kept=_list(others, "kept"),
            new=_list(others, "excluded"),
        )


def _list(names: Sequence[str], table: str | None = None) -> Composed:
    return SQL(", ").join(Identifier(table, name) if table else Identifier(name) for name in names)
