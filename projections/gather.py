"""Gathering: an aggregate's rows anew, from those of several objects, for the owners that a batch touched.

The objects of one owner may be in several partitions, and so in the hands of several drains at once. Each
writes its own objects' rows first, then takes the locks of all owners that it touched, in one statement and
one order for all, and only in later statements reads what to gather: so whoever comes second sees the rows of
whoever came first. This rests on READ COMMITTED. An aggregate may read what another one gathered of the same
owner: that one is made anew before it, under the same lock.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import orjson
from psycopg import Connection, Cursor
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg.types.json import set_json_loads

from ingest.event import Identity
from projections.aggregate import Aggregate, Gathered
from projections.apply import Owned, Table
from projections.columns import columns
from projections.projection import Projection, Row
from projections.registry import aggregates, registered, sources
from projections.revenue_rules import Rules

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


class Owner(NamedTuple):
    """Whose rows are gathered."""

    account: str
    livemode: bool
    id: str


class Gathering:
    """An aggregate, its table, and the tables that it gathers from, each under its name here."""

    def __init__(
        self, connection: "Connection[Any]", table: Table[Aggregate], names: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self.table = table
        self.aggregate = aggregate = table.model
        self._gather = {
            source: SQL(_GATHER)
            .format(
                rows=Identifier(names.get(source, source)),
                owner=Identifier(aggregate.owner),
                columns=SQL(", ").join(map(Identifier, columns)),
            )
            .as_bytes()
            for source, columns in aggregate.reads.items()
        }

    def refresh(self, owners: Collection[Owner], rules: Rules) -> None:
        """Replace these owners' rows by what the fold makes of all that is theirs now."""
        if not owners:
            return
        found: dict[Owner, dict[str, list[Row]]] = {
            owner: {source: [] for source in self._gather} for owner in owners
        }
        wanted = columns(owners)
        asked = {source: self._ask(query, wanted) for source, query in self._gather.items()}
        for source, rows in asked.items():
            for row in rows:
                owner = Owner(row["account"], row["livemode"], row[self.aggregate.owner])
                found[owner][source].append(row)
        self.table.replace(
            self._connection,
            {
                Identity(owner.account, owner.livemode, self.aggregate.table, owner.id): self._rows(
                    owner, gathered, rules
                )
                for owner, gathered in found.items()
            },
        )

    def _ask(self, query: bytes, wanted: Sequence[Sequence[object]]) -> "Cursor[Row]":
        cursor = self._connection.cursor(row_factory=dict_row)
        set_json_loads(orjson.loads, cursor)
        return cursor.execute(query, wanted)

    def _rows(self, owner: Owner, gathered: Gathered, rules: Rules) -> list[dict[str, Any]]:
        common = {"account": owner.account, "livemode": owner.livemode, self.aggregate.owner: owner.id}
        return [{**row, **common} for row in self.aggregate.fold(gathered, rules)]


Gatherings = Mapping[str, Sequence[Gathering]]
"""The gatherings by the table of each projection that they follow from; each after those that it reads."""


def gatherings(
    connection: "Connection[Any]", tables: Iterable[Table[Projection]], prefix: str = ""
) -> Gatherings:
    """The aggregates over these tables, each kept in the table that its own name makes with `prefix`.

    What else one reads is read where it always is: with a `prefix`, let none of its tables be missing.
    """
    names = {rows.model.table: rows.name for rows in tables}
    names |= {each.table: prefix + each.table for each in aggregates() if sources(each) & names.keys()}
    known = [
        Gathering(connection, Table.of(connection, each, names[each.table]), names)
        for each in aggregates()
        if each.table in names
    ]
    return {
        name: [each for each in known if name in sources(each.aggregate)]
        for name in names
        if any(name == projection.table for projection in registered())
    }


class Touched:
    """The owners whose rows one transaction touches: let it replace rows, then lock, then refresh."""

    def __init__(self, connection: "Connection[Any]", known: Gatherings, rules: Rules) -> None:
        self._connection = connection
        self._known = known
        self._rules = rules
        self._owners: defaultdict[Gathering, set[Owner]] = defaultdict(set)
        self._owners_before: list[tuple[Sequence[Gathering], Cursor[tuple[Any, ...]]]] = []

    def replace(self, table: Table[Projection], owned: Owned, *, known_before: bool) -> None:
        """Replace these objects' rows; whoever owns one before or afterwards is touched."""
        following = self._known[table.model.table]
        for column in {gathering.aggregate.owner for gathering in following}:
            gatherings = [each for each in following if each.aggregate.owner == column]
            self._touch(
                gatherings,
                [(row["account"], row["livemode"], row[column]) for rows in owned.values() for row in rows],
            )
            if known_before and owned:
                self._owners_before.append((gatherings, self._ask_owners(table, column, owned)))
        table.replace(self._connection, owned, known_before=known_before)

    def _ask_owners(self, table: Table[Projection], column: str, owned: Owned) -> "Cursor[tuple[Any, ...]]":
        names = {"rows": table.name, "of": table.model.owner, "owner": column}
        query = SQL(_OWNERS).format(**{each: Identifier(name) for each, name in names.items()})
        identities = [Owner(each.account, each.livemode, each.object_id) for each in owned]
        return self._connection.execute(query, columns(identities))

    def _touch(self, gatherings: Iterable[Gathering], rows: Iterable[tuple[Any, ...]]) -> None:
        owners = {Owner(*row) for row in rows if row[2] is not None}
        for gathering in gatherings:
            self._owners[gathering] |= owners

    def _learn(self) -> None:
        """Take the answers to what was asked before rows were replaced: in a pipeline none is waited for."""
        for gatherings, rows in self._owners_before:
            self._touch(gatherings, rows)
        self._owners_before.clear()

    def lock(self) -> None:
        """Wait for whoever else touched one of the owners, and keep others waiting until the end."""
        self._learn()
        owners = {
            (gathering.aggregate.owner, *each) for gathering, its in self._owners.items() for each in its
        }
        slots = sorted({crc32("\0".join(map(str, owner)).encode()) % SLOTS for owner in owners})
        if slots:
            self._connection.execute(_LOCK, [LOCKS, slots])

    def refresh(self) -> None:
        """Gather anew what was touched, in an order in which none reads what is yet to be."""
        self._learn()
        for gathering in sorted(self._owners, key=lambda each: aggregates().index(each.aggregate)):
            gathering.refresh(self._owners[gathering], self._rules)
