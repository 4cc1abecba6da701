"""Folding: from objects whose events changed to their rows, or to a dead letter that says why not."""

import traceback
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from psycopg import Connection, DataError, IntegrityError, errors

from ingest.event import Event, Identity
from projections.apply import Table
from projections.causality import order
from projections.columns import columns
from projections.gather import Gatherings, Touched, gatherings
from projections.heads import Standing, load
from projections.projection import Plans, Projection
from projections.revenue_rules import DEFAULT, Rules
from workers.reaction import Reaction

Poison = (
    DataError,
    IntegrityError,
    errors.CardinalityViolation,
    errors.ProgramLimitExceeded,
    errors.StatementTooComplex,
)
"""What the database refuses in a row. Anything else of the database's is no fault of the event."""


class Letter(NamedTuple):
    """Why an object's newest event could not be digested by a projection."""

    identity: Identity
    projection: str
    event_id: str
    reason: str


@dataclass
class Folded:
    """What one projection makes of a batch: each object's rows, and the letters of those it choked on."""

    owned: dict[Identity, list[dict[str, Any]]] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)


class Folder:
    """All projections, their tables, the configured plans and reactions, as one connection sees them."""

    def __init__(
        self,
        connection: "Connection",
        projections: Sequence[Projection],
        plans: Plans,
        reactions: Sequence[Reaction] = (),
        rules: Rules = DEFAULT,
    ) -> None:
        self._connection = connection
        self._plans = plans
        self._reactions = reactions
        self._rules = rules
        self._tables = {projection: Table.of(connection, projection) for projection in projections}
        self._gatherings = gatherings(connection, self._tables.values())
        self._readers: defaultdict[str, list[Projection]] = defaultdict(list)
        for projection in projections:
            for kind in projection.reads:
                self._readers[kind].append(projection)

    def in_whole(self, event: Event) -> bool:
        """Whether it tells something to a projection that wants all of its object's events."""
        readers = self._readers[event.object_type]
        return any(each.history and not each.appends and each.concerns(event) for each in readers)

    def fold(self, standings: Iterable[Standing], *, one_by_one: bool = True) -> None:
        """Fold and apply what changed, inside the caller's transaction; nothing waits for a dead letter.

        Unless it is done `one_by_one`, in a savepoint for each table, what the database refuses is no dead
        letter yet, but raises Poison.
        """
        standings = list(standings)
        troubled = self._troubled(standings)
        work: defaultdict[Projection, list[Standing]] = defaultdict(list)
        for standing in standings:
            for projection in self._readers[standing.identity.object]:
                if projection.appends and standing.identity in troubled:
                    self._all_events(standing)  # whether its rows are stale concerns all of them
                if _due(projection, standing) or standing.identity in troubled:
                    work[projection].append(standing)
        touched = self.touched(self._gatherings)
        for projection, due in work.items():
            self._apply(projection, due, troubled, touched, one_by_one=one_by_one or bool(troubled))
        touched.lock()
        touched.refresh()
        for reaction in self._reactions:
            if concerned := [each for each in standings if each.identity.object in reaction.reads]:
                reaction.react(self._connection, concerned)

    def touched(self, known: Gatherings) -> Touched:
        """What a transaction touches of these aggregates, none yet."""
        return Touched(self._connection, known, self._rules)

    def fold_into(
        self,
        table: Table[Projection],
        due: Sequence[Standing],
        touched: Touched,
        *,
        known_before: bool,
        one_by_one: bool = True,
    ) -> list[Letter]:
        """Replace the objects' rows in the table; returns a letter for each that could not be digested.

        `known_before=False` where the table can hold no row of any of them yet.
        """
        folded = self._fold_rows(table.model, due)
        added = [standing for standing in due if table.model.appends and not standing.whole]
        letters = self._replace(table, folded, added, touched, False, one_by_one) if added else []
        if replaced := [standing for standing in due if standing not in added] if added else due:
            letters += self._replace(table, folded, replaced, touched, known_before, one_by_one)
        return folded.letters + letters

    def _fold_rows(self, projection: Projection, standings: Iterable[Standing]) -> Folded:
        folded = Folded()
        for standing in standings:
            rows, letter = self._digest(projection, standing)
            folded.owned[standing.identity] = rows
            if letter:
                folded.letters.append(letter)
        return folded

    def _digest(
        self, projection: Projection, standing: Standing
    ) -> tuple[list[dict[str, Any]], Letter | None]:
        if not standing.events:
            return [], None
        try:
            return self._rows(projection, standing.events, stale=False), None
        except Exception as error:  # noqa: BLE001 - whatever a fold raises is kept, as the letter
            letter = Letter(standing.identity, projection.table, standing.events[-1].id, reason(error))
        if projection.appends:
            self._all_events(standing)
        if not projection.history:
            return self._newest_digestible(projection, self._all_events(standing)[:-1]), letter
        # One bad event must not hide what came after it: the history is told without it.
        bad = [event for event in standing.events if not self._digestible(projection, event)]
        good = [event for event in standing.events if event not in bad] if bad else standing.events[:-1]
        return self._newest_digestible(projection, good), letter._replace(
            event_id=bad[0].id
        ) if bad else letter

    def _digestible(self, projection: Projection, event: Event) -> bool:
        try:
            projection.rows([event], self._plans, self._rules)
        except Exception:  # noqa: BLE001 - the letter has the reason
            return False
        return True

    def _newest_digestible(self, projection: Projection, events: list[Event]) -> list[dict[str, Any]]:
        while events:
            try:
                return self._rows(projection, events, stale=True)
            except Exception:  # noqa: BLE001 (the letter names the newest; an older one is tried)
                events = events[:-1]
        return []

    def _all_events(self, standing: Standing) -> list[Event]:
        if not standing.whole:
            arrived = load(self._connection, [standing.identity])[standing.identity]
            standing.events = order([one.event for one in arrived])
            standing.whole = True
        return standing.events

    def _rows(self, projection: Projection, events: list[Event], *, stale: bool) -> list[dict[str, Any]]:
        newest = events[-1]
        assert newest.identity
        told = {"source": newest.source, "updated_at": newest.created_at}
        common = {
            "account": newest.identity.account,
            "livemode": newest.identity.livemode,
            projection.owner: newest.identity.object_id,
            "stale": stale,
        }
        return [{**told, **row, **common} for row in projection.rows(events, self._plans, self._rules)]

    def _apply(
        self,
        projection: Projection,
        due: Sequence[Standing],
        troubled: Mapping[Identity, set[str]],
        touched: Touched,
        *,
        one_by_one: bool,
    ) -> None:
        known_before = any(standing.known_before for standing in due)
        letters = self.fold_into(
            self._tables[projection], due, touched, known_before=known_before, one_by_one=one_by_one
        )
        failed = {letter.identity for letter in letters}
        healed = [
            standing.identity
            for standing in due
            if projection.table in troubled.get(standing.identity, ()) and standing.identity not in failed
        ]
        remember(self._connection, letters)
        forget(self._connection, healed, projection.table)

    def _replace(
        self,
        table: Table[Projection],
        folded: Folded,
        due: Sequence[Standing],
        touched: Touched,
        known_before: bool,
        one_by_one: bool = True,
    ) -> list[Letter]:
        """Apply, together if the database takes it; else by halves, until the poison stands alone."""
        owned = {standing.identity: folded.owned[standing.identity] for standing in due}
        if not one_by_one:
            touched.replace(table, owned, known_before=known_before)
            return []
        try:
            with self._connection.transaction():
                touched.replace(table, owned, known_before=known_before)
        except Poison as error:
            if len(due) == 1:
                return self._fall_back(table, due[0], touched, error)
            middle = len(due) // 2
            return self._replace(table, folded, due[:middle], touched, known_before) + self._replace(
                table, folded, due[middle:], touched, known_before
            )
        return []

    def _fall_back(
        self, table: Table[Projection], standing: Standing, touched: Touched, error: Exception
    ) -> list[Letter]:
        """The database refuses the newest event's rows: show those of the newest event that it takes."""
        events = self._all_events(standing)
        letter = Letter(standing.identity, table.model.table, events[-1].id, reason(error))
        while events:
            events = events[:-1]
            rows = self._newest_digestible(table.model, events)
            try:
                with self._connection.transaction():
                    touched.replace(table, {standing.identity: rows}, known_before=True)
            except Poison:
                continue
            break
        return [letter]

    def _troubled(self, standings: Sequence[Standing]) -> dict[Identity, set[str]]:
        """The objects among these that have dead letters, with the projections that wrote them."""
        identities = [standing.identity for standing in standings]
        if not identities:
            return {}
        troubled: defaultdict[Identity, set[str]] = defaultdict(set)
        for *identity, projection in self._connection.execute(_TROUBLED, columns(identities)).fetchall():
            troubled[Identity(*identity)].add(projection)
        return troubled


def _due(projection: Projection, standing: Standing) -> bool:
    """Whether what changed may change the projection's rows of the object."""
    if not projection.history:
        return standing.newest_changed
    if projection.appends and not standing.whole:
        return True
    told = standing.known_before or any(map(projection.concerns, standing.events))
    return standing.whole and told


_TROUBLED = """
SELECT account, livemode, object, object_id, projection FROM dead_letters
JOIN unnest(%s::text[], %s::boolean[], %s::text[], %s::text[])
    AS touched (account, livemode, object, object_id)
USING (account, livemode, object, object_id)
"""
_REMEMBER = """
INSERT INTO dead_letters (account, livemode, object, object_id, projection, event_id, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (account, livemode, object, object_id, projection)
DO UPDATE SET event_id = excluded.event_id, reason = excluded.reason
"""
_FORGET = """
DELETE FROM dead_letters
WHERE (account, livemode, object, object_id, projection) = (%s, %s, %s, %s, %s)
"""


def remember(connection: "Connection", letters: Iterable[Letter]) -> None:
    """Write dead letters down; an object has at most one a projection."""
    for letter in letters:
        connection.execute(_REMEMBER, [*letter.identity, letter.projection, letter.event_id, letter.reason])


def forget(connection: "Connection", identities: Iterable[Identity], projection: str) -> None:
    """Remove the letters of objects that a projection digests again."""
    for identity in identities:
        connection.execute(_FORGET, [*identity, projection])


def reason(error: Exception) -> str:
    """The kind of error and where it arose. Never its message: that may hold values of the payload."""
    if isinstance(error, Poison):
        where = f"column {error.diag.column_name}" if error.diag.column_name else "the row"
        return f"{type(error).__name__} ({error.sqlstate}) at {where}"
    *_, frame = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno} in {frame.name}"
