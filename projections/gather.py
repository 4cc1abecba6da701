"""Gathering: an aggregate's rows anew, from those of several objects, for the owners that a batch touched.

The objects of one owner may be in several partitions, and so in the hands of several drains at once. Each
writes its own objects' rows first, then takes the locks of all owners that it touched, in one statement and
one order for all, and only in later statements reads what to gather: so whoever comes second sees the rows of
whoever came first. This rests on READ COMMITTED.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import orjson
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import set_json_loads

from ingest.event import Identity
from projections.aggregate import Aggregate
from projections.apply import Table
from projections.heads import Standing
from projections.projection import Projection, Row
from projections.registry import aggregates

LOCKS, SLOTS = 3, 1024
"""The class of advisory locks, and how many there are of it: a transaction may well touch more owners."""

_LOCK = "SELECT pg_advisory_xact_lock(%s, slot) FROM unnest(%s::integer[]) AS slot"

_OWNERS = """
SELECT DISTINCT account, livemode, {owner} FROM {rows}
JOIN unnest(%s::text[], %s::boolean[], %s::text[]) AS wanted (account, livemode, {of})
USING (account, livemode, {of})
"""
_GATHER = """
SELECT account, livemode, {owner}, {columns} FROM {rows}
JOIN unnest(%s::text[], %s::boolean[], %s::text[]) AS wanted (account, livemode, {owner})
USING (account, livemode, {owner})
"""


class Gathering:
    """An aggregate, its table, and the table `rows` of the projection that it gathers from."""

    def __init__(
        self, connection: "Connection[Any]", rows: Table[Projection], table: Table[Aggregate]
    ) -> None:
        self._connection = connection
        self.table = table
        self.aggregate = aggregate = table.model
        names = {
            "rows": Identifier(rows.name),
            "of": Identifier(rows.model.owner),
            "owner": Identifier(aggregate.owner),
            "columns": SQL(", ").join(map(Identifier, aggregate.reads)),
        }
        self._owners = SQL(_OWNERS).format(**names).as_bytes()
        self._gather = SQL(_GATHER).format(**names).as_bytes()

    def owners(self, identities: Collection[Identity]) -> set[Identity]:
        """Those to whom the objects' rows belong now, each named as an object of the aggregate."""
        if not identities:
            return set()
        rows = self._connection.execute(self._owners, _columns(identities)).fetchall()
        return {Identity(account, livemode, self.aggregate.table, owner) for account, livemode, owner in rows}

    def refresh(self, owners: Collection[Identity]) -> None:
        """Replace these owners' rows by what the fold makes of all that is theirs now."""
        if not owners:
            return
        found: dict[Identity, list[Row]] = {owner: [] for owner in owners}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            set_json_loads(orjson.loads, cursor)
            for row in cursor.execute(self._gather, _columns(owners)):
                owner = row[self.aggregate.owner]
                found[Identity(row["account"], row["livemode"], self.aggregate.table, owner)].append(row)
        self.table.replace(
            self._connection, {owner: self._rows(owner, rows) for owner, rows in found.items()}
        )

    def _rows(self, owner: Identity, gathered: Sequence[Row]) -> list[dict[str, Any]]:
        common = {
            "account": owner.account,
            "livemode": owner.livemode,
            self.aggregate.owner: owner.object_id,
        }
        return [{**row, **common} for row in self.aggregate.fold(gathered)]


Gatherings = Mapping[str, Sequence[Gathering]]
"""The gatherings by the table of the projection whose rows they gather."""


def gatherings(
    connection: "Connection[Any]", tables: Iterable[Table[Projection]], prefix: str = ""
) -> Gatherings:
    """The aggregates over these tables, each kept in the table that its own name makes with `prefix`."""
    return {
        rows.model.table: [
            Gathering(connection, rows, Table.of(connection, aggregate, prefix + aggregate.table))
            for aggregate in aggregates()
            if aggregate.of == rows.model.table
        ]
        for rows in tables
    }


class Touched:
    """The owners whose rows one transaction touches."""

    def __init__(self, connection: "Connection[Any]", known: Gatherings) -> None:
        self._connection = connection
        self._known = known
        self._owners: defaultdict[Gathering, set[Identity]] = defaultdict(set)

    @contextmanager
    def replacing(self, projection: Projection, objects: Sequence[Standing]) -> Iterator[None]:
        """While these objects' rows are replaced: whoever owns one before or afterwards is touched."""
        self._note(projection, [each.identity for each in objects if each.known_before])
        yield
        self._note(projection, [each.identity for each in objects])

    def _note(self, projection: Projection, identities: Sequence[Identity]) -> None:
        for gathering in self._known[projection.table]:
            self._owners[gathering] |= gathering.owners(identities)

    def lock(self) -> None:
        """Wait for whoever else touched one of the owners, and keep others waiting until the end."""
        owners = [owner for each in self._owners.values() for owner in each]
        slots = sorted({crc32("\0".join(map(str, owner)).encode()) % SLOTS for owner in owners})
        if slots:
            self._connection.execute(_LOCK, [LOCKS, slots])

    def refresh(self) -> None:
        """Gather anew what was touched."""
        for gathering, owners in self._owners.items():
            gathering.refresh(owners)


def _columns(identities: Collection[Identity]) -> list[list[Any]]:
    accounts, livemodes, _, ids = zip(*identities, strict=True)
    return [list(accounts), list(livemodes), list(ids)]
