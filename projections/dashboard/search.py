"""Search: by what people have at hand, to the lives of what it names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from projections.dashboard import display
from projections.dashboard.form import fields
from projections.dashboard.lives import path_to
from projections.dashboard.naming import Place
from projections.dashboard.pages import Pages
from projections.dashboard.reader import Reader
from projections.dashboard.view import MODES

MOST = 25
"""Hits of each kind."""

LONGEST = 255
LEAST_PREFIX = 6
"""Characters by which an id may be found: three of its kind, and as many of its own. Only ids have prefixes:
an order, a user or an address is found by the whole of it."""

_BY_ID = """
SELECT account, livemode, object, id, data FROM stripe_objects
WHERE id ~>=~ %(term)s AND id ~<~ %(beyond)s
    AND object NOT IN ('fx_rates', 'invoice_payment')
ORDER BY id USING ~<~ LIMIT %(most)s  -- as the index has them, whatever the database's collation
"""
_BY_EXACT_ID = """
SELECT account, livemode, object, id, data FROM stripe_objects WHERE id = %(term)s
ORDER BY account, livemode, object LIMIT %(most)s
"""
_LISTED_REFUNDS = """
SELECT account, livemode, 'charge' AS object, charge_id AS id, 'Refund of this charge' AS told,
    amount, currency, status, created_at
FROM charge_refunds AS listed WHERE id = %(term)s AND NOT EXISTS (
    SELECT FROM refunds WHERE refunds.account = listed.account AND refunds.livemode = listed.livemode
        AND refunds.id = listed.id
) LIMIT %(most)s
"""
_UNREAD = """
SELECT DISTINCT account, livemode, object, object_id AS id, NULL::jsonb AS data FROM events
WHERE object_id = %(term)s AND object <> '' LIMIT %(most)s
"""
_EVENTS = """
SELECT account, livemode, object, object_id AS id, 'Event ' || type AS told, NULL::bigint AS amount,
    NULL AS currency, NULL AS status, created_at, event_id
FROM events WHERE event_id = %(term)s AND object <> '' AND object_id IS NOT NULL
"""
_PREVIEWS = """
SELECT told.account, told.livemode, known.object, known.id, 'Event ' || told.type AS told,
    NULL::bigint AS amount, NULL AS currency, NULL AS status, told.created_at, told.event_id
FROM mentions AS told
JOIN stripe_objects AS known ON known.id = ANY (told.ids)
    AND known.account = told.account AND known.livemode = told.livemode
WHERE told.event_id = %(term)s AND told.object_id IS NULL AND known.object IN ('subscription', 'customer')
ORDER BY known.object DESC, known.id LIMIT 1
"""
_ORDERS = """
SELECT account, livemode, 'order' AS object, %(term)s AS id, NULL AS told, currency,
    CASE WHEN paid THEN received ELSE asked END AS amount, status, created_at, payments,
    CASE WHEN count(*) OVER (PARTITION BY account, livemode) > 1 THEN shop END AS shop
FROM (
    SELECT account, livemode, coalesce(origin, source) AS shop, count(*) AS payments,
        bool_or(status = 'succeeded') AS paid, sum(amount_received)::bigint AS received, max(amount) AS asked,
        CASE WHEN count(DISTINCT currency) = 1 THEN min(currency) END AS currency,
        (array_agg(status ORDER BY status = 'succeeded' DESC, created_at DESC))[1] AS status,
        min(created_at) AS created_at
    FROM (
        SELECT * FROM payment_intents WHERE order_number = %(term)s
        UNION SELECT * FROM payment_intents WHERE order_id = %(term)s
    ) AS of_order
    GROUP BY 1, 2, 3
) AS orders LIMIT %(most)s
"""
_INVOICES = """
SELECT account, livemode, 'invoice' AS object, id, 'Number ' || number AS told, total AS amount, currency,
    status, created_at
FROM invoices WHERE number = %(term)s LIMIT %(most)s
"""
_CUSTOMERS: LiteralString = """
SELECT account, livemode, 'customer' AS object, id, coalesce(name, email) AS told, NULL::bigint AS amount,
    currency, CASE WHEN deleted THEN 'deleted' END AS status, created_at
FROM customers WHERE {} LIMIT %(most)s
"""
_USERS = _CUSTOMERS.replace("{}", "user_id = %(term)s")
_EMAILS = _CUSTOMERS.replace("{}", "lower(email) = lower(%(term)s)")
_SUBSCRIPTIONS = """
SELECT account, livemode, 'subscription' AS object, id, plan_type AS told, NULL::bigint AS amount, currency,
    status, created_at
FROM subscriptions WHERE user_id = %(term)s ORDER BY created_at DESC LIMIT %(most)s
"""
_USERS_PAYMENTS = """
SELECT account, livemode, 'payment_intent' AS object, id, NULL AS told, amount, currency, status, created_at
FROM payment_intents WHERE user_id = %(term)s ORDER BY created_at DESC LIMIT %(most)s
"""
_GUESTS = """
SELECT account, livemode, 'charge' AS object, id, 'Paid as a guest' AS told, amount, currency, status,
    created_at
FROM charges WHERE payer = lower(%(term)s) ORDER BY created_at DESC LIMIT %(most)s
"""
_RECEIPTS = """
WITH theirs AS MATERIALIZED (  -- else the planner may walk all payments by date, to save the sort of a few
    SELECT account, livemode, 'payment_intent' AS object, id, 'Receipt goes there' AS told, amount, currency,
        status, created_at
    FROM payment_intents WHERE lower(receipt_email) = lower(%(term)s)
)
SELECT * FROM theirs ORDER BY created_at DESC LIMIT %(most)s
"""

_EXACT = (_BY_EXACT_ID, _UNREAD, _EVENTS, _PREVIEWS, _LISTED_REFUNDS, _ORDERS, _INVOICES, _USERS,
          _SUBSCRIPTIONS, _USERS_PAYMENTS)  # fmt: skip
_PERSONS = (_EMAILS, _GUESTS, _RECEIPTS)


@dataclass(frozen=True)
class Hit:
    """What a line of the results says; `status` and `created_at` where they are known."""

    kind: str
    name: str
    at: Place
    told: str
    amount: str
    status: str
    created_at: datetime | None
    path: str


class Search:
    """Its routes. The term comes in a form's body, so that it stands in no address, history or log."""

    def __init__(self, reader: Reader, pages: Pages) -> None:
        self._reader = reader
        self._pages = pages

    def routes(self) -> list[Route]:
        return [Route("/search", self.ask, methods=["GET"]), Route("/search", self.find, methods=["POST"])]

    async def ask(self, request: Request) -> Response:
        """What can be searched."""
        return self._answer(request, "", [], "UTC")

    async def find(self, request: Request) -> Response:
        """The results; one alone is gone to at once."""
        form = await fields(request)
        term, mode = form.get("term", "").strip(), form.get("mode", "")
        zone = "UTC" if not display.is_zone(form.get("zone", "")) else form["zone"]
        hits = await self._hits(term, zone) if 0 < len(term) <= LONGEST and term.isprintable() else []
        if len(hits) == 1:
            root = request.scope.get("root_path", "").rstrip("/")
            return RedirectResponse(f"{root}{hits[0].path}", 303)
        wanted = MODES.get(mode, True)
        hits.sort(key=lambda hit: hit.at.livemode is not wanted)
        return self._answer(request, term, hits, zone)

    async def _hits(self, term: str, zone: str) -> list[Hit]:
        """By everything that the term may be; only else by how ids begin, or without the # of a number."""
        rows = await self._rows([*_EXACT, *(_PERSONS if "@" in term else ())], term)
        if not rows and "_" in term and len(term) >= LEAST_PREFIX and term.isascii():
            rows = await self._rows([_BY_ID], term)
        if not rows and term.startswith("#") and len(term) > 1:
            return await self._hits(term[1:], zone)
        hits: dict[tuple[Any, ...], Hit] = {}
        for row in rows:
            hit = _hit(row, zone)
            hits.setdefault((hit.kind, hit.name, hit.at), hit)
        return list(hits.values())

    async def _rows(self, queries: Sequence[LiteralString], term: str) -> list[Mapping[str, Any]]:
        asked = {"term": term, "most": MOST, "beyond": term[:-1] + chr(ord(term[-1]) + 1)}
        return [row for query in queries for row in await self._reader.rows(query, asked)]

    def _answer(self, request: Request, term: str, hits: list[Hit], zone: str) -> Response:
        return self._pages.answer(
            request, "found.html", term=term, hits=hits, zone=zone, most=MOST, display=display
        )


def _hit(row: Mapping[str, Any], zone: str) -> Hit:
    if "data" in row:
        row = {**row, **_recognised(row["data"] or {})}
    at = Place(row["account"], row["livemode"], row.get("shop"))
    told = str(row["told"] or "")
    if row.get("payments", 1) > 1:
        told = f"{row['payments']} payments"
    event = row.get("event_id")
    return Hit(
        row["object"],
        row["id"],
        at,
        told,
        "" if None in (row["amount"], row["currency"]) else display.money(row["amount"], row["currency"]),
        "" if row["status"] is None else display.words(row["status"]),
        row["created_at"],
        path_to(row["object"], row["id"], at, zone, **({"event": event} if event else {}))
        + (f"#{quote(event)}" if event else ""),
    )


def _recognised(data: Mapping[str, Any]) -> dict[str, Any]:
    """What people know an object by, of its newest state; whatever its fields hold."""

    def text(*names: str) -> str | None:
        return next((data[name] for name in names if isinstance(data.get(name), str) and data[name]), None)

    amounts = [data.get(name) for name in ("amount", "total")]
    created = data.get("created")
    told = text("name", "email", "number", "description", "reason")
    return {
        "told": told and told[:80],
        "amount": next((each for each in amounts if type(each) is int), None),
        "currency": text("currency"),
        "status": text("status"),
        "created_at": datetime.fromtimestamp(created, UTC)
        if isinstance(created, int) and 0 <= created < 1 << 36
        else None,
    }
