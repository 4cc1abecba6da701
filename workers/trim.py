"""Trimming: what is drained and old enough leaves the log."""

from collections.abc import Sequence

from ingest.event_log import Bounds, EventLog, order_of
from ingest.settings import Settings
from workers.lag import Lag


def trim(log: EventLog, found: Sequence[Lag], settings: Settings, bounds: Bounds, now_ms: int) -> int:
    """Remove entries before each partition's committed position; returns how many.

    Never the position's own entry: it tells the next round that the log is the one it knew. Drained entries
    stay for TRIM_MARGIN, so that a database restored to a moment ago finds them; above half of what the log
    may hold, the margin yields. `now_ms` is Redis' clock, which also made the ids.
    """
    margin = f"{now_ms - int(settings.trim_margin * 1000)}-0"
    crowded = bounds.log_max_bytes // settings.log_partitions // 2
    removed = 0
    for lag in found:
        if lag.event_id is not None:
            keep = lag.position if lag.state.bytes > crowded else min(lag.position, margin, key=order_of)
            removed += log.trim(lag.partition, keep, lag.position, lag.event_id)
    return removed
