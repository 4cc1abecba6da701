"""The pipeline's own pulse: how much arrives, what waits, and what somebody should look at."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from redis import Redis
from redis.exceptions import RedisError

from ingest.event_log import EventLog
from ingest.settings import Settings
from projections.dashboard.answers import TOO_MUCH, Answers
from projections.dashboard.changes import Changes

PATIENCE = 1.0
"""Seconds for Redis: a page does not wait for a log that does not answer."""

_STATE = """
SELECT
    (SELECT count(*) FROM events WHERE place > %(since)s::bigint) AS events,
    (SELECT applied_at FROM events ORDER BY place DESC LIMIT 1) AS last_applied_at,
    (SELECT count(*) FROM dead_letters) AS dead_letters,
    (SELECT count(*) FROM incidents WHERE resolved_at IS NULL) AS incidents
"""
_POSITIONS = "SELECT partition, position FROM checkpoints ORDER BY partition"
BEYOND = -1
"""Residuals that took Postgres too long to count."""

_RESIDUALS = "SELECT count(*) AS residuals FROM mrr_ledger_residual"


@dataclass(frozen=True)
class Pulse:
    """`lag` is how long the oldest event waits that is in the log and not in the tables; null where the log
    cannot be asked, and `unread` says why. `residuals` is null while it is counted, or BEYOND."""

    events_a_second: float | None
    last_applied_at: datetime | None
    lag: float | None
    waiting_partitions: int
    unread: str
    dead_letters: int
    incidents: int
    residuals: int | None


class Taker:
    """Takes it."""

    def __init__(self, settings: Settings, answers: Answers, quick: Answers, changes: Changes) -> None:
        self._settings = settings
        self._answers = answers
        self._quick = quick
        self._changes = changes

    async def take(self, patience: float) -> Pulse:
        """Raises psycopg.Error."""
        place, seconds = self._changes.a_minute_ago() or (None, 0.0)
        [state] = (await self._quick.get(_STATE, {"since": place})).rows
        positions = await self._quick.anew(_POSITIONS, {})
        lag, waiting, unread = await self._lag({row["partition"]: row["position"] for row in positions})
        residuals = await self._residuals(patience)
        return Pulse(
            events_a_second=state["events"] / seconds if seconds else None,
            last_applied_at=state["last_applied_at"],
            lag=lag,
            waiting_partitions=waiting,
            unread=unread,
            dead_letters=state["dead_letters"],
            incidents=state["incidents"],
            residuals=residuals,
        )

    async def _residuals(self, patience: float) -> int | None:
        """None for what is not there in time; BEYOND for what took too much."""
        counting = self._answers.ask(_RESIDUALS, {})
        try:
            async with asyncio.timeout(patience):
                found: int = (await counting).rows[0]["residuals"]
                return found
        except TimeoutError:
            return None
        except TOO_MUCH:
            return BEYOND
        finally:
            counting.cancel()

    async def _lag(self, positions: dict[int, str]) -> tuple[float | None, int, str]:
        if not self._settings.redis_url:
            return None, 0, "REDIS_URL is not set here, so what waits in the log cannot be told."
        try:
            waits = await asyncio.to_thread(self._waits, self._settings.redis_url, positions)
        except RedisError:
            return None, 0, "Redis does not answer: what waits in the log cannot be told."
        return max(waits, default=0.0), len(waits), ""

    def _waits(self, url: str, positions: dict[int, str]) -> list[float]:
        """For each partition that has something to drain, for how long the oldest of that waits."""
        with Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
        ) as redis:
            found = EventLog(redis, self._settings).read(positions, 2)
        now = datetime.now(UTC)
        following = [
            next((entry for entry in entries if entry.id != positions[partition]), None)
            for partition, entries in found.items()
        ]
        return [max((now - entry.received_at).total_seconds(), 0.0) for entry in following if entry]
