"""Rebuild: heads and rows anew from the history, beside the live tables, while events keep arriving.

What is built goes into temporary tables, without any lock. Then all checkpoints are locked, the objects that
a transaction touched since the beginning are built once more, and only the differences are merged into the
live tables: grants, views and comments stay, and a table that was right is not written at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from ingest.event import Identity
from ingest.refusal import Refusal
from ingest.settings import Settings
from projections.apply import Table
from projections.gather import gatherings
from projections.heads import KEY, Arrived, load, stored, whole, write
from projections.projection import Projection
from projections.registry import registered, tables_of, together
from workers import built_under, checkpoints, collector, configured_plans
from workers.folding import Folder, Letter

CHUNK = 500
"""Objects that are built at a time."""

CHUNK_BYTES = 16 << 20
"""What their events take at most, unless one object's alone take more."""

_OBJECT_IDS = """
SELECT object_id, sum(octet_length(payload)) FROM events
WHERE object_id > %s GROUP BY object_id ORDER BY object_id LIMIT %s
"""
_EVENTS = """
SELECT place, account, source, coalesce(payload_clean, payload) FROM events
WHERE object_id = ANY(%s) AND NOT quarantined
"""
_TOUCHED = f"SELECT {KEY} FROM heads WHERE NOT pg_visible_in_snapshot(touched, %s::text::pg_snapshot)"  # noqa: S608
_HEADS = ("place", "incarnation", "phase", "terminal", "second", "deleted")
_LETTERS = ("event_id", "reason")
_NOWHERE_ELSE = SQL("").format()


class Progress(NamedTuple):
    """How far a rebuild is: objects built, of about so many."""

    built: int
    total: int


class UnknownProjection(Refusal):
    """There is no projection of that name; the message lists those that there are."""


class Rebuild:
    """One rebuild of the named projections, or of all. Run it, then read `differences`."""

    def __init__(self, settings: Settings, names: Sequence[str] = ()) -> None:
        self._settings = settings
        self._projections = chosen(names)
        self.everything = not names
        self.differences: dict[str, int] = {}
        """For each table how many rows were missing, wrong or too many."""

    def run(self) -> Iterator[Progress]:
        """Build and merge; yields progress. Raises psycopg's errors: then nothing was changed."""
        assert self._settings.database_url
        with psycopg.connect(self._settings.database_url, autocommit=True) as connection:
            plans = configured_plans.read(self._settings)
            rules = built_under.rules(self._settings)
            folder = Folder(connection, self._projections, plans, rules=rules)
            builder = _Builder(connection, self._projections, folder)
            snapshot = _one(connection, "SELECT pg_current_snapshot()::text")
            total = int(_one(connection, "SELECT count(*) FROM heads"))
            built = 0
            for objects in _objects(connection):
                builder.build(objects)
                built += len(objects)
                yield Progress(built, max(total, built))
            with connection.transaction():
                checkpoints.lock_all(connection)
                touched = [Identity(*row) for row in connection.execute(_TOUCHED, [snapshot]).fetchall()]
                for start in range(0, len(touched), CHUNK):
                    builder.build(load(connection, touched[start : start + CHUNK]), again=True)
                self.differences = builder.merge()
                if self.everything:
                    built_under.remember(connection, self._settings)
            yield Progress(max(total, built), max(total, built))


class _Builder:
    """The temporary tables of one rebuild."""

    def __init__(self, connection: "Connection", projections: Sequence[Projection], folder: Folder) -> None:
        self._connection = connection
        self._folder = folder
        self._tables = [
            Table.of(connection, projection, f"rebuilt_{projection.table}") for projection in projections
        ]
        self._gatherings = gatherings(connection, self._tables, "rebuilt_")
        names = dict.fromkeys(name for each in projections for name in tables_of(each))
        for name in ("heads", "dead_letters", *names):
            connection.execute(
                SQL(
                    "CREATE TEMP TABLE {} (LIKE {}"
                    " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)"
                ).format(Identifier(f"rebuilt_{name}"), Identifier(name))
            )

    def build(self, objects: dict[Identity, list[Arrived]], *, again: bool = False) -> None:
        """Build these objects' heads and rows; `again` where they may have been built before."""
        standings = [whole(identity, arrived) for identity, arrived in objects.items()]
        with collector.paused(), self._connection.transaction():
            write(self._connection, standings, "rebuilt_heads")
            if again:
                self._forget_letters(objects)
            touched = self._folder.touched(self._gatherings)
            for table in self._tables:
                due = [standing for standing in standings if standing.identity.object in table.model.reads]
                self._write_letters(self._folder.fold_into(table, due, touched, known_before=again))
            touched.refresh()

    def merge(self) -> dict[str, int]:
        """Merge the differences into the live tables; returns how many rows each had."""
        gathered = dict.fromkeys(gathering.table for each in self._gatherings.values() for gathering in each)
        built: list[Table[Any]] = [*self._tables, *gathered]
        merged = {
            table.model.table: self._merge(table.model.table, table.key, table.others) for table in built
        }
        key = tuple(KEY.split(", "))
        # A head without a place is live's note that an object lost its events; nothing follows from it.
        merged["heads"] = self._merge("heads", key, _HEADS, SQL(" AND kept.place IS NOT NULL").format())
        names = [table.model.table for table in self._tables]
        within = SQL(" AND kept.projection = ANY({})").format(names)
        merged["dead_letters"] = self._merge("dead_letters", (*key, "projection"), _LETTERS, within)
        return merged

    def _merge(
        self, name: str, key: Sequence[str], others: Sequence[str], within: Composed = _NOWHERE_ELSE
    ) -> int:
        """`within` limits which live rows may go."""
        parts = {
            "table": Identifier(name),
            "built": Identifier(f"rebuilt_{name}"),
            "columns": _list((*key, *others)),
            "key": _list(key),
            "same": SQL(" AND ").join(SQL("new.{0} = kept.{0}").format(Identifier(c)) for c in key),
            "kept": _list(others, "kept"),
            "new": _list(others, "new"),
            "assignments": SQL(", ").join(SQL("{0} = excluded.{0}").format(Identifier(c)) for c in others),
            "within": within,
        }
        gone = self._connection.execute(
            SQL(
                "DELETE FROM {table} AS kept"
                " WHERE NOT EXISTS (SELECT FROM {built} AS new WHERE {same}){within}"
            ).format(**parts)
        )
        changed = self._connection.execute(
            SQL(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM {built} AS new WHERE NOT EXISTS"
                " (SELECT FROM {table} AS kept WHERE {same} AND ({kept}) IS NOT DISTINCT FROM ({new}))"
                " ON CONFLICT ({key}) DO UPDATE SET {assignments}"
            ).format(**parts)
        )
        return gone.rowcount + changed.rowcount

    def _write_letters(self, letters: Sequence[Letter]) -> None:
        for letter in letters:
            self._connection.execute(
                f"INSERT INTO rebuilt_dead_letters ({KEY}, projection, event_id, reason)"  # noqa: S608
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                [*letter.identity, letter.projection, letter.event_id, letter.reason],
            )

    def _forget_letters(self, identities: Iterable[Identity]) -> None:
        for identity in identities:
            self._connection.execute(
                f"DELETE FROM rebuilt_dead_letters WHERE ({KEY}) = (%s, %s, %s, %s)",  # noqa: S608
                identity,
            )


def chosen(names: Sequence[str]) -> tuple[Projection, ...]:
    """The projections of these tables, or that those follow from, or all; raises UnknownProjection.

    What is gathered with their rows is built anew, too: else it might be gathered from what is to change.
    """
    by_name = {name: projection for projection in registered() for name in tables_of(projection)}
    if unknown := [name for name in names if name not in by_name]:
        raise UnknownProjection(f"no projection {', '.join(unknown)}; there are: {', '.join(by_name)}")
    return together(by_name[name] for name in names) if names else registered()


def _objects(connection: "Connection") -> Iterator[dict[Identity, list[Arrived]]]:
    """All objects that the history tells of, by ranges of their ids, each with all its events."""
    last = ""
    yield _of_ids(connection, [last])  # the singletons
    while sizes := connection.execute(_OBJECT_IDS, [last, CHUNK]).fetchall():
        running = accumulate(int(size) for _, size in sizes)
        ids = [
            object_id for (object_id, _), total in zip(sizes, running, strict=True) if total <= CHUNK_BYTES
        ]
        last = (ids or [sizes[0][0]])[-1]
        yield _of_ids(connection, ids or [last])


def _of_ids(connection: "Connection", ids: Sequence[str]) -> dict[Identity, list[Arrived]]:
    found: dict[Identity, list[Arrived]] = {}
    for place, account, source, payload in connection.execute(_EVENTS, [list(ids)]).fetchall():
        event = stored(payload, source, account)
        if event.identity:
            found.setdefault(event.identity, []).append(Arrived(event, place))
    return found


def _list(names: Sequence[str], table: str | None = None) -> Composed:
    return SQL(", ").join(Identifier(table, name) if table else Identifier(name) for name in names)


def _one(connection: "Connection", query: LiteralString) -> str:
    [[value]] = connection.execute(query).fetchall()
    return str(value)
