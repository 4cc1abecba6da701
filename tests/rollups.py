"""Rollups as tests have them: a business to add up, all of it made anew, and what is wrong with them."""

from datetime import timedelta
from typing import Any

from workers.rollups import Refresher, check, waiting
from workers.simulator import simulate

EVENTS = simulate(seed=5, payments=20, subscriptions=5, days=40).observed


def refreshed(connection: Any, refresher: Refresher | None = None) -> None:
    """Make anew all that is queued; others, as autovacuum, may be writing on the server meanwhile."""
    refresher = refresher or Refresher(connection)
    while waiting(connection).buckets:
        refresher.refresh()


def differences(connection: Any) -> list[Any]:
    return [each for checked in check(connection, timedelta(days=4000)) for each in checked.differences]
