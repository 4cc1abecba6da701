"""The log's one script: duplicates, bounds, trimming. Its logic on fakeredis, its memory on a real server."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import fakeredis
import orjson
import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from ingest.event import Event
from ingest.event_log import Bounds, EventLog
from ingest.log_scripts import ENTRY_OVERHEAD
from ingest.settings import Settings

ROOMY = Bounds(log_max_bytes=1 << 30, dedupe_max_bytes=1 << 30)
DAY = 86_400

numbers = count()


def event(event_id: str | None = None, *, size: int = 0, source: str = "default", **fields: Any) -> Event:
    body = {"id": event_id or f"evt_{next(numbers)}", "type": "charge.succeeded", "created": 1_700_000_000}
    body["data"] = {"object": {"id": "ch_1", "object": "charge", "description": "x" * size}}
    return Event.read(orjson.dumps(body | fields), source=source)


@pytest.fixture
def log() -> Iterator[EventLog]:
    with fakeredis.FakeRedis() as redis:
        yield EventLog(redis, Settings(log_partitions=1))


def appended(log: EventLog, *events: Event, bounds: Bounds = ROOMY, force: bool = False) -> list[str]:
    outcomes = log.append(0, events, bounds, force=force)
    return ["stored" if "-" in outcome else outcome for outcome in outcomes]


def test_an_event_is_stored_once_however_often_it_is_delivered(log: EventLog) -> None:
    assert ["stored", "duplicate"] == appended(log, event("evt_a"), event("evt_a"))
    assert ["duplicate"] == appended(log, event("evt_a"))
    assert 1 == log.state()[0].entries
    assert 2 == log.state()[0].duplicates


def test_one_event_in_two_versions_or_from_two_endpoints_is_two_deliveries(log: EventLog) -> None:
    versions = [event("evt_a", api_version="2020-08-27"), event("evt_a", api_version="2026-10-28.endive")]
    assert ["stored", "stored", "stored"] == appended(log, *versions, event("evt_a", source="shop"))


def test_force_passes_the_dedupe_by(log: EventLog) -> None:
    assert ["stored"] == appended(log, event("evt_a"))
    assert ["stored"] == appended(log, event("evt_a"), force=True)


def test_what_was_read_is_what_was_appended(log: EventLog) -> None:
    first, second = event("evt_a", size=10), event("evt_b", account="acct_1")
    appended(log, first, second)
    entries = log.read({0: "0-0"}, 10)[0]
    assert [first.raw, second.raw] == [entry.body for entry in entries]
    assert ["default", "acct_1"] == [entry.account for entry in entries]


def test_reading_begins_with_the_position_itself(log: EventLog) -> None:
    appended(log, event("evt_a"), event("evt_b"))
    position = log.read({0: "0-0"}, 1)[0][0].id
    assert ["evt_a", "evt_b"] == [entry.event_id for entry in log.read({0: position}, 10)[0]]


def test_a_full_log_refuses_and_remembers_nothing_of_what_it_refused(log: EventLog) -> None:
    room_for_one = Bounds(log_max_bytes=1000 + ENTRY_OVERHEAD + 200, dedupe_max_bytes=1 << 20)
    assert ["stored", "full"] == appended(
        log, event("evt_a", size=1000), event("evt_b", size=1000), bounds=room_for_one
    )
    assert ["stored"] == appended(log, event("evt_b", size=1000))


def test_trimming_frees_exactly_what_was_taken(log: EventLog) -> None:
    appended(log, *(event(size=size % 3000) for size in range(0, 30_000, 101)))
    *_, last = log.read({0: "0-0"}, 1000)[0]
    log.trim(0, last.id, last.id, last.event_id)
    kept = log.read({0: "0-0"}, 1000)[0]
    assert 0 < len(kept) < 297
    assert sum(len(entry.body) + ENTRY_OVERHEAD for entry in kept) == log.state()[0].bytes


def test_trimming_never_removes_the_entry_it_is_told_to_keep(log: EventLog) -> None:
    appended(log, *(event() for _ in range(300)))
    entries = log.read({0: "0-0"}, 1000)[0]
    log.trim(0, entries[200].id, entries[299].id, entries[299].event_id)
    kept = [entry.id for entry in log.read({0: "0-0"}, 1000)[0]]
    assert entries[200].id in kept
    assert [entry.id for entry in entries[200:]] == kept[-100:]


def test_past_its_share_of_memory_the_oldest_day_of_duplicates_is_forgotten_and_that_is_shown(
    log: EventLog,
) -> None:
    tight = Bounds(log_max_bytes=1 << 30, dedupe_max_bytes=64 * 10)
    appended(log, *(event(f"evt_{n}") for n in range(10)), bounds=tight)
    assert log.state()[0].forgotten_day is None
    appended(log, event("evt_one_more"), bounds=tight)
    assert 0 == log.state()[0].digests
    assert log.state()[0].forgotten_day is not None


@pytest.fixture
def on_day(redis: Redis, settings: Settings) -> Callable[[int], EventLog]:
    """A log whose server's clock stands on a given day: the script's TIME is answered by us."""

    def log(day: int) -> EventLog:
        log = EventLog(redis, settings)
        script = log._append.script.decode() if isinstance(log._append.script, bytes) else log._append.script
        log._append = redis.register_script(script.replace("redis.call('TIME')[1]", f"'{day * DAY}'"))
        return log

    return log


@pytest.mark.parametrize(
    "days_later, outcome", [(0, "duplicate"), (3, "duplicate"), (5, "duplicate"), (6, "stored")]
)
def test_duplicates_are_known_for_longer_than_stripe_retries(
    on_day: Callable[[int], EventLog], days_later: int, outcome: str
) -> None:
    assert ["stored"] == appended(on_day(20_000), event("evt_a"))
    assert [outcome] == appended(on_day(20_000 + days_later), event("evt_a"))


def test_the_count_of_bytes_is_no_less_than_what_redis_takes(redis: Redis, settings: Settings) -> None:
    log = EventLog(redis, settings)
    for size in (0, 100, 1000, 3000, 10_000):
        appended(log, *(event(size=size) for _ in range(200)))
    used = redis.memory_usage(log.keys.log(0), samples=0)
    assert used is not None
    assert used <= log.state()[0].bytes <= 1.25 * used


def test_the_memory_of_remembered_duplicates_is_no_more_than_is_counted(
    redis: Redis, settings: Settings
) -> None:
    log = EventLog(redis, settings)
    appended(log, *(event() for _ in range(5000)))
    used = sum(redis.memory_usage(key, samples=0) or 0 for key in log.keys.of_append(0)[2:])
    assert 0 < used <= log.state()[0].digest_bytes


def test_a_server_out_of_memory_remembers_nothing(redis: Redis, settings: Settings) -> None:
    log = EventLog(redis, settings)
    before = redis.config_get("maxmemory")["maxmemory"]
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            appended(log, event("evt_a"))
    finally:
        redis.config_set("maxmemory", before)
    assert ["stored"] == appended(log, event("evt_a"))
