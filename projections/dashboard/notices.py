"""What other systems were told of a life: the outbox' messages, as the page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from projections.dashboard import display
from projections.dashboard.difference import Changed
from projections.dashboard.naming import Place
from projections.dashboard.reader import Reader
from projections.dashboard.values import Change, named, shown

MOST = 2000

_NOTICES = """
WITH told AS (
    SELECT * FROM notifications
    WHERE object_id = ANY(%(ids)s) AND account = %(account)s AND livemode = %(livemode)s
)
SELECT * FROM told
UNION ALL  -- that a user has nothing any more names no subscription
SELECT gone.*
FROM (SELECT DISTINCT subject FROM told WHERE kind = 'access') AS users
JOIN notifications AS gone USING (subject)
WHERE gone.kind = 'access' AND gone.object_id IS NULL
    AND gone.account = %(account)s AND gone.livemode = %(livemode)s
ORDER BY due_at, id LIMIT %(most)s
"""

_HEADED = {"outcome", "payment_intent_id", "currency"}
_HEADED_ACCESS = {"user_id", "has_access", "subscription_id"}
"""What the heading says, or the link."""


@dataclass(frozen=True)
class Notice:
    """One message: what it says, to whom, and whether it was taken."""

    row: Mapping[str, Any]

    template = "notice.html"

    @property
    def at(self) -> datetime:
        """When it was taken, else from when on it was to be told."""
        at: datetime = self.row["delivered_at"] or self.row["due_at"]
        return at

    @property
    def receiver(self) -> str:
        """Who is told: a client by its name, or whoever has the callback for all."""
        return self.row["origin"] or "the callback"

    @property
    def heading(self) -> str:
        """What it is about."""
        said = self.row["message"]
        outcome = display.words(said.get("outcome")).lower()
        match self.row["kind"]:
            case "access":
                return f"User {said.get('user_id')} {'has' if said.get('has_access') else 'has no'} access"
            case "order":
                return f"Order {said.get('order_id')}: {outcome}"
        return f"{display.words(self.row['kind'])}: {outcome}"

    @property
    def object(self) -> tuple[str, str] | None:
        """What it tells of, as (object type, id); None where that is gone."""
        kind = "subscription" if self.row["kind"] == "access" else "payment_intent"
        return (kind, self.row["object_id"]) if self.row["object_id"] else None

    @property
    def undecided(self) -> bool:
        """Whether it is neither taken nor given up."""
        return self.row["delivered_at"] is None and self.row["dead_at"] is None

    @property
    def waiting(self) -> bool:
        """Whether its instant is still to come."""
        return self.row["delivered_at"] is None and self.row["due_at"] > datetime.now(UTC)

    def said(self, zone: str) -> Changed:
        """What it says beside its heading."""
        message = self.row["message"]
        fields = [
            Change(named((name,)), None, shown((name,), _instant(name, value), message, zone))
            for name, value in message.items()
            if value is not None and name not in (_HEADED_ACCESS if self.row["kind"] == "access" else _HEADED)
        ]
        return Changed(fields, 0)


async def read(reader: Reader, objects: Sequence[tuple[str, str]], at: Place) -> list[Notice]:
    """What was told, or is to be, of these objects, in that order. Raises psycopg.Error."""
    wanted = {"ids": [name for _, name in objects], "account": at.account, "livemode": at.livemode}
    return [Notice(row) for row in await reader.rows(_NOTICES, {**wanted, "most": MOST})]


def _instant(name: str, value: Any) -> Any:
    """Instants stand in messages as text; as payloads have them they are seconds."""
    if not name.endswith("_until") or not isinstance(value, str):
        return value
    return int(datetime.fromisoformat(value).timestamp())
