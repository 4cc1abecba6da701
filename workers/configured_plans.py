"""The configured plans, and under which of them the rows were built."""

from hashlib import blake2b

from psycopg import Connection

from ingest.payload import dump
from ingest.settings import Settings
from projections.projection import Plan, Plans

_NAME = "plans"


def read(settings: Settings) -> Plans:
    """The plans that STRIPE_PRICE_… configure, by price id."""
    return {price: Plan(*plan) for price, plan in settings.prices.items()}


def begin(connection: "Connection", plans: Plans) -> None:
    """Note the plans that a new database is built under; an older note stays."""
    connection.execute(
        "INSERT INTO configuration VALUES (%s, %s) ON CONFLICT DO NOTHING", [_NAME, _fingerprint(plans)]
    )


def remember(connection: "Connection", plans: Plans) -> None:
    """Note that every row was built under these plans."""
    connection.execute(
        "INSERT INTO configuration AS kept VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [_NAME, _fingerprint(plans)],
    )


def changed(connection: "Connection", plans: Plans) -> bool:
    """Whether rows were built under other plans, so that a rebuild is due."""
    row = connection.execute("SELECT value FROM configuration WHERE name = %s", [_NAME]).fetchone()
    return row is not None and row[0] != _fingerprint(plans)


def _fingerprint(plans: Plans) -> str:
    return blake2b(
        dump(sorted((price, *plan) for price, plan in plans.items())).encode(), digest_size=16
    ).hexdigest()
