"""What the rows were built under: the configured plans and rules, and the folds themselves.

All three are inputs like the events: where one changed, rows may not be what it would make of them now, and
a rebuild is due.
"""

from collections.abc import Iterator
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

from psycopg import Connection

import ingest
import projections
from ingest.payload import dump
from ingest.settings import Settings
from projections.revenue_rules import Rules
from workers import configured_plans

_NEW = "SELECT NOT EXISTS (SELECT FROM events)"
_BEGIN = "INSERT INTO configuration (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_REMEMBER = """
INSERT INTO configuration AS kept (name, value) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_KNOWN = "SELECT name, value FROM configuration WHERE name = ANY(%s)"

_PLANS, _RULES, _FOLDS = "plans", "mrr_rules", "folds"
WHAT = {_PLANS: "STRIPE_PRICE_…", _RULES: "MRR_…", _FOLDS: "How events are read"}
"""What to call each, to people."""


def rules(settings: Settings) -> Rules:
    """The rules of recurring revenue that MRR_… configure."""
    return Rules(
        past_due_days=settings.mrr_past_due_days,
        discounts=settings.mrr_discounts,
        trial=settings.mrr_trial,
        churn_at=settings.mrr_churn_at,
    )


def _digest(value: object) -> str:
    return blake2b(dump(value).encode(), digest_size=16).hexdigest()


_BEFORE = {_RULES: _digest(asdict(Rules())), _FOLDS: "unknown"}
"""What to note of a database that was built before these were noted: no rules were configured then."""


def begin(connection: "Connection[Any]", settings: Settings) -> None:
    """Note what a new database is built under; an older note stays, and of an older one nothing is known."""
    with connection.transaction():
        [(new,)] = connection.execute(_NEW).fetchall()
        for name, value in _now(settings):
            connection.execute(_BEGIN, [name, value if new else _BEFORE.get(name, value)])


def remember(connection: "Connection[Any]", settings: Settings) -> None:
    """Note that every row was built under what is so now."""
    for name, value in _now(settings):
        connection.execute(_REMEMBER, [name, value])


def changed(connection: "Connection[Any]", settings: Settings) -> list[str]:
    """What changed since the rows were built, so that a rebuild is due; told before a drain begins, too."""
    [(new,)] = connection.execute(_NEW).fetchall()
    now = dict(_now(settings))
    before = now if new else {**now, **_BEFORE}
    known = {**before, **dict(connection.execute(_KNOWN, [list(now)]).fetchall())}
    return [WHAT[name] for name in sorted(now) if known[name] != now[name]]


def _now(settings: Settings) -> Iterator[tuple[str, str]]:
    plans = configured_plans.read(settings)
    yield _PLANS, _digest(sorted((price, *plan) for price, plan in plans.items()))
    yield _RULES, _digest(asdict(rules(settings)))
    yield _FOLDS, _folds()


def _folds() -> str:
    """A digest of the text of all that decides what rows come of events. Of any other change it is wary."""
    found = blake2b(digest_size=16)
    reading = [Path(ingest.__path__[0]) / name for name in ("event.py", "payload.py")]
    for path in (*sorted(Path(projections.__path__[0]).glob("*.py")), *reading):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()
