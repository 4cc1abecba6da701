"""The event log: a Redis stream a partition, with its bookkeeping and what it remembers of duplicates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from redis import Redis

from ingest.event import Event
from ingest.log_scripts import APPEND, DAYS, DIGEST_BYTES, TRIM
from ingest.settings import Settings

START = "0-0"
TRIM_LIMIT = 10_000


class Bounds(NamedTuple):
    """What the log may take of Redis' memory, over all partitions, in bytes."""

    log_max_bytes: int
    dedupe_max_bytes: int


@dataclass(frozen=True)
class Entry:
    """One entry as it stands in the log. `id` is Redis' (milliseconds-sequence); `body` as it was signed."""

    partition: int
    id: str
    event_id: str
    source: str
    account: str
    body: bytes

    @property
    def received_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.id.partition("-")[0]) / 1000, UTC)


@dataclass(frozen=True)
class PartitionState:
    """What a partition holds: entries and their bytes, digests remembered, duplicates refused so far.

    `forgotten_day` is the last day (since 1970) whose digests were dropped for want of memory, or None.
    """

    entries: int
    bytes: int
    digests: int
    duplicates: int
    first_id: str | None
    last_id: str | None
    forgotten_day: int | None

    @property
    def digest_bytes(self) -> int:
        return self.digests * DIGEST_BYTES


class Keys:
    """The names of the log's keys. A partition's share a hash tag, so a cluster keeps them together."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.partitions = f"{prefix}:partitions"
        self.wake = f"{prefix}:wake"

    def log(self, partition: int) -> str:
        return f"{{{self._prefix}:p{partition}}}:log"

    def book(self, partition: int) -> str:
        return f"{{{self._prefix}:p{partition}}}:book"

    def attempts(self, partition: int) -> str:
        return f"{{{self._prefix}:p{partition}}}:attempts"

    def of_append(self, partition: int) -> list[str]:
        """The keys of the append script, in its order."""
        seen = [f"{{{self._prefix}:p{partition}}}:seen{day}" for day in range(DAYS)]
        return [self.log(partition), self.book(partition), *seen]


def digest(event: Event) -> bytes:
    """What a delivery is remembered by: two endpoints may deliver one event in two versions."""
    name = "\0".join((event.id, event.api_version or "", event.source))
    return blake2b(name.encode(), digest_size=16).digest()


def append_arguments(
    events: Iterable[Event], bounds: Bounds, partitions: int, *, force: bool = False
) -> list[bytes | str | int]:
    """The arguments of the append script; each partition may take its share of the bounds."""
    arguments: list[bytes | str | int] = [
        bounds.log_max_bytes // partitions,
        bounds.dedupe_max_bytes // partitions // DIGEST_BYTES,
        int(force),
    ]
    for event in events:
        arguments += [digest(event), event.id, event.source, event.account, event.raw]
    return arguments


class EventLog:
    """Reading, trimming and appending, synchronously; the web process appends by `Appender`.

    `redis` must not decode responses.
    """

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self.redis = redis
        self.keys = Keys(settings.log_prefix)
        self.partitions = settings.log_partitions
        self._append = redis.register_script(APPEND)
        self._trim = redis.register_script(TRIM)

    def append(
        self, partition: int, events: Sequence[Event], bounds: Bounds, *, force: bool = False
    ) -> list[str]:
        """Append at once; an entry's id, "duplicate" or "full" for each. `force` passes the dedupe by."""
        arguments = append_arguments(events, bounds, self.partitions, force=force)
        outcomes = self._append(keys=self.keys.of_append(partition), args=arguments)
        return [outcome.decode() for outcome in cast(list[bytes], outcomes)]

    def read(self, positions: Mapping[int, str], count: int) -> dict[int, list[Entry]]:
        """For each partition up to `count` entries from its position on, that one included."""
        pipeline = self.redis.pipeline(transaction=False)
        for partition, position in positions.items():
            pipeline.xrange(self.keys.log(partition), min=position, count=count)
        return {
            partition: [_entry(partition, *found) for found in answer]
            for partition, answer in zip(positions, pipeline.execute(), strict=True)
        }

    def trim(self, partition: int, keep: str, position: str, event_id: str) -> int:
        """Remove entries older than `keep`, which stays; returns how many, at most TRIM_LIMIT.

        Nothing is removed unless the log holds the checkpoint's own entry: `event_id` at `position`.
        """
        keys = [self.keys.log(partition), self.keys.book(partition)]
        return int(cast(int, self._trim(keys=keys, args=[keep, TRIM_LIMIT, position, event_id])))

    def was_trimmed(self, partition: int) -> bool:
        """Whether entries have left the partition, so that its oldest is not the first there was."""
        trimmed: Any = self.redis.hget(self.keys.book(partition), "trimmed")
        return int(trimmed or 0) > 0

    def forget_duplicates(self, partition: int) -> None:
        """Take again what is remembered, so that what Stripe sends again comes through."""
        _, _, *seen = self.keys.of_append(partition)
        self.redis.unlink(*seen)

    def state(self) -> list[PartitionState]:
        """Each partition's state, in order."""
        pipeline = self.redis.pipeline(transaction=False)
        for partition in range(self.partitions):
            log, book, *seen = self.keys.of_append(partition)
            pipeline.hgetall(book)
            pipeline.xlen(log)
            pipeline.xrange(log, count=1)
            pipeline.xrevrange(log, count=1)
            for key in seen:
                pipeline.scard(key)
        answers = pipeline.execute()
        width = 4 + DAYS
        return [_state(answers[start : start + width]) for start in range(0, len(answers), width)]


def order_of(position: str) -> tuple[int, int]:
    """A position as a number pair that compares as Redis compares ids."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence or 0)


def _entry(partition: int, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    return Entry(
        partition=partition,
        id=entry_id.decode(),
        event_id=fields[b"e"].decode(),
        source=fields[b"s"].decode(),
        account=fields[b"a"].decode(),
        body=fields[b"b"],
    )


def _state(answers: Sequence[Any]) -> PartitionState:
    book, entries, first, last, *digests = answers
    forgotten = book.get(b"forgotten_day")
    return PartitionState(
        entries=entries,
        bytes=int(book.get(b"appended", 0)) - int(book.get(b"trimmed", 0)),
        digests=sum(digests),
        duplicates=int(book.get(b"duplicates", 0)),
        first_id=first[0][0].decode() if first else None,
        last_id=last[0][0].decode() if last else None,
        forgotten_day=None if forgotten is None else int(forgotten),
    )
