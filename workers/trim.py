"""Trimming: what is drained and old enough leaves the log."""

from collections.abc import Mapping

from ingest.event_log import Bounds, EventLog, order_of
from ingest.settings import Settings


def trim(log: EventLog, positions: Mapping[int, str], settings: Settings, bounds: Bounds, now_ms: int) -> int:
    """Remove entries before each partition's committed position; returns how many.

    Never the position's own entry: it tells the next round that the log is the one it knew. Drained entries
    stay for TRIM_MARGIN, so that a database restored to a moment ago finds them; above half of what the log
    may hold, the margin yields. `now_ms` is Redis' clock, which also made the ids.
    """
    margin = f"{now_ms - int(settings.trim_margin * 1000)}-0"
    crowded = bounds.log_max_bytes // settings.log_partitions // 2
    removed = 0
    for partition, state in enumerate(log.state()):
        position = positions.get(partition)
        if position is None:
            continue
        keep = position if state.bytes > crowded else min(position, margin, key=order_of)
        removed += log.trim(partition, keep)
    return removed
