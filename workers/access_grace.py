"""The days of grace: a setting that decides who has access, so Postgres knows it, and changes are told."""

from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from ingest.settings import Settings
from workers.access_reaction import Touched, tell

_REMEMBER = """
INSERT INTO configuration AS kept (name, value) VALUES ('access_grace_days', %s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE kept.value <> excluded.value
RETURNING value
"""
_IN_GRACE = """
SELECT account, livemode, 'subscription', id, %s::text, NULL FROM subscriptions WHERE status = 'past_due'
"""


def remember(connection: "Connection[Any]", settings: Settings) -> None:
    """Note ACCESS_GRACE_DAYS; where they changed, tell the clients of the users whose access that changes."""
    days = str(settings.access_grace_days)
    with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
        if cursor.execute(_REMEMBER, [days]).fetchone() is None or not settings.callbacks:
            return
        found = cursor.execute(_IN_GRACE, [f"access_grace_days {days}"]).fetchall()
        if found:
            tell(connection, [Touched(*row) for row in found], settings.callback_origins)
