"""Which events name an object, whatever they tell of: by one rule, for every id that stands in a payload."""

from collections.abc import Sequence
from typing import NamedTuple

from projections.dashboard.reader import Reader

NAMED = ("customer", "subscription", "invoice", "payment_intent", "charge", "refund", "dispute")
"""What is looked for by its id: see `named_ids` in schema.sql."""

_SHARED = ["terminal.reader"]
"""Each event of these tells of another payment: the event belongs to its life, the object does not."""

# A preview (invoice.upcoming) has no id, so no object either. Id by id: for all at once the index takes time
# by the square of their number.
_MENTIONS = """
SELECT DISTINCT object, object_id AS id,
    CASE WHEN object_id IS NULL OR object = ANY(%(shared)s) THEN place END AS place
FROM unnest(%(ids)s::text[]) AS wanted (named)
JOIN mentions ON mentions.ids @> ARRAY[wanted.named]
WHERE account = %(account)s AND livemode = %(livemode)s AND object <> ''
ORDER BY place, object, id LIMIT %(most)s
"""
_NAMED_BY = """
SELECT named.object, named.id
FROM (
    SELECT named_ids(payload) AS ids FROM events
    WHERE object = %(object)s AND object_id = %(id)s AND account = %(account)s AND livemode = %(livemode)s
    ORDER BY created_at DESC, place DESC LIMIT 1
) AS newest
JOIN stripe_objects AS named ON named.id = ANY (newest.ids)
WHERE named.object = ANY (%(named)s) AND named.account = %(account)s AND named.livemode = %(livemode)s
ORDER BY named.object, named.id
"""

Key = tuple[str, str]


class Place(NamedTuple):
    """One account, live or test: ids repeat between them. The number of an order repeats between shops, too:
    `shop` is its client or endpoint, None where there is one alone."""

    account: str
    livemode: bool
    shop: str | None = None


class Mention(NamedTuple):
    """An object that names another, as `key`; or, with its `place`, one event alone that does."""

    key: Key
    place: int | None


async def of(reader: Reader, ids: Sequence[str], at: Place, most: int) -> list[Mention]:
    """What names any of these. Raises psycopg.Error."""
    asked = {
        "ids": list(ids),
        "account": at.account,
        "livemode": at.livemode,
        "shared": _SHARED,
        "most": most,
    }
    rows = await reader.rows(_MENTIONS, asked) if ids else []
    return [Mention((row["object"], row["id"]), row["place"]) for row in rows]


async def named_by(reader: Reader, key: Key, at: Place) -> list[Key]:
    """What an object names in its newest event, of NAMED. Raises psycopg.Error."""
    asked = {"object": key[0], "id": key[1], "account": at.account, "livemode": at.livemode}
    rows = await reader.rows(_NAMED_BY, {**asked, "named": list(NAMED)})
    return [(row["object"], row["id"]) for row in rows]
