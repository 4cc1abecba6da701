"""Dead letters: objects that a projection could not digest, and trying them again."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import Connection

from ingest.event import Identity
from ingest.settings import Settings
from projections.heads import load, whole, write
from projections.registry import registered
from workers import built_under, checkpoints, configured_plans, reactions
from workers.folding import Folder, forget
from workers.quarantine import PROJECTION as QUARANTINE

_LIST = """
SELECT account, livemode, object, object_id, projection, event_id, reason, detected_at
FROM dead_letters WHERE %(object_id)s::text IS NULL OR object_id = %(object_id)s
ORDER BY detected_at, object_id, projection
"""
_RELEASE = """
UPDATE events SET quarantined = false
WHERE quarantined AND (event_id = %s OR (account, livemode, object, object_id) = (%s, %s, %s, %s))
"""


class DeadLetter(NamedTuple):
    """One object that one projection could not digest, at which event, and why."""

    account: str
    livemode: bool
    object: str
    object_id: str
    projection: str
    event_id: str
    reason: str
    detected_at: Any

    @property
    def identity(self) -> Identity:
        return Identity(*self[:4])


def listed(connection: "Connection", object_id: str | None = None) -> list[DeadLetter]:
    """The dead letters, the oldest first; of one object, if its id is given."""
    rows = connection.execute(_LIST, {"object_id": object_id}).fetchall()
    return [DeadLetter(*row) for row in rows]


def retry(settings: Settings, object_id: str | None = None) -> Iterator[tuple[DeadLetter, bool]]:
    """Fold each letter's object again, a transaction each; yields the letter and whether it is gone.

    A quarantined event is folded in this process: if it kills it, the quarantine stays.
    """
    assert settings.database_url
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        plans = configured_plans.read(settings)
        told = reactions.configured(settings)
        folder = Folder(connection, registered(), plans, told, built_under.rules(settings))
        for letter in listed(connection, object_id):
            with connection.transaction():
                checkpoints.lock_all(connection)
                if letter.projection == QUARANTINE:
                    connection.execute(_RELEASE, [letter.event_id, *letter.identity])
                    forget(connection, [letter.identity], QUARANTINE)
                _refold(connection, folder, [letter.identity])
            yield letter, letter[:6] not in [left[:6] for left in listed(connection, letter.object_id)]


def _refold(connection: "Connection", folder: Folder, identities: Sequence[Identity]) -> None:
    found = load(connection, identities)
    standings = [whole(identity, arrived) for identity, arrived in found.items() if arrived]
    for standing in standings:
        standing.arrived = standing.events[-1:]  # what it could not be folded into, it could not be told of
    write(connection, standings)
    folder.fold(standings)
