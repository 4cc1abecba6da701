"""A round of the drain: claim, read, and one transaction for history, heads, rows and checkpoints."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import structlog
from psycopg import Connection, OperationalError
from redis import Redis

from ingest.event_log import START, Entry, EventLog
from ingest.settings import Settings
from ingest.wake import WakeFlag
from projections.heads import advance
from workers import checkpoints, collector
from workers.attempts import Attempts
from workers.checkpoints import Checkpoint
from workers.folding import Folder
from workers.history import record
from workers.quarantine import quarantine

log = structlog.get_logger()

ROUND_BYTES = 16 << 20
FIRST_READ = 64
"""Entries of unknown size are read few at first: a body may take a megabyte."""


@dataclass
class Outcome:
    """What a round did: how many events it drained, the partitions it held, and which of them were empty."""

    drained: int = 0
    claimed: set[int] = field(default_factory=set)
    empty: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Share:
    """What a round takes of one partition. `attempt` is 1, or more where processes died or failed on it."""

    checkpoint: Checkpoint
    entries: Sequence[Entry]
    attempt: int

    @property
    def partition(self) -> int:
        return self.checkpoint.partition


class Round:
    """Runs rounds on one Postgres connection and one Redis, both its own."""

    def __init__(self, connection: "Connection", redis: "Redis", settings: Settings, folder: Folder) -> None:
        self._connection = connection
        self._redis = redis
        self._folder = folder
        self._log = EventLog(redis, settings)
        self._flag = WakeFlag(redis, settings)
        self._attempts = Attempts(self._log.keys)
        self._tries = settings.webhook_retry_attempts
        self._batch = settings.drain_batch
        self._read_size = FIRST_READ
        self._careful: dict[int, int] = {}

    def run(self, partitions: Collection[int], at_most: int) -> Outcome:
        """One round over up to `at_most` of the partitions, those that nobody else drains now."""
        outcome = Outcome()
        try:
            with collector.paused(), self._connection.transaction():
                claimed = checkpoints.claim(self._connection, partitions, at_most)
                outcome.claimed = {checkpoint.partition for checkpoint in claimed}
                shares = self._read(claimed) if claimed else []
                outcome.empty = {share.partition for share in shares if not share.entries}
                chosen = self._choose(shares)
                for share in chosen:
                    if share.attempt > self._tries:
                        quarantine(self._connection, share.entries)
                self._process([e for s in chosen if s.attempt <= self._tries for e in s.entries])
                for share in chosen:
                    checkpoints.advance(self._connection, share.checkpoint, share.entries)
                outcome.drained = sum(len(share.entries) for share in chosen)
        except OperationalError:
            self._end(outcome.claimed)  # the database's failure is no event's fault
            raise
        self._end(outcome.claimed)
        return outcome

    def _read(self, claimed: Sequence[Checkpoint]) -> list[Share]:
        # In this order: a flag raised after it was lowered tells of an event that this read may not see.
        with self._redis.pipeline(transaction=False) as pipeline:
            for checkpoint in claimed:
                self._attempts.begin(pipeline, checkpoint.partition, checkpoint.position)
            self._flag.lower_for(pipeline, [checkpoint.partition for checkpoint in claimed])
            attempts = pipeline.execute()[: len(claimed)]
        count = max(1, min(self._read_size, self._batch) // len(claimed))
        found = self._log.read({c.partition: c.position for c in claimed}, count + 1)
        shares = [
            Share(checkpoint, self._after(checkpoint, found[checkpoint.partition], count), attempt)
            for checkpoint, attempt in zip(claimed, attempts, strict=True)
        ]
        self._learn_size([entry for share in shares for entry in share.entries])
        return shares

    def _after(self, checkpoint: Checkpoint, found: list[Entry], count: int) -> Sequence[Entry]:
        following = checkpoints.following(checkpoint, found)
        if following is not None:
            return following[:count]
        # The history knows what it has, so all that is kept is read again.
        kept = self._log.read({checkpoint.partition: START}, count)[checkpoint.partition]
        checkpoints.record_incident(self._connection, checkpoint, kept[0] if kept else None)
        # What Stripe sends again must not be taken for a duplicate: the history's key alone judges now.
        self._log.forget_duplicates(checkpoint.partition)
        log.error("the log and the checkpoint disagree: see the incidents", partition=checkpoint.partition)
        if not kept:
            checkpoints.reset(self._connection, checkpoint)
        return kept

    def _learn_size(self, entries: Sequence[Entry]) -> None:
        if entries:
            mean = sum(len(entry.body) for entry in entries) // len(entries)
            self._read_size = max(1, ROUND_BYTES // max(mean, 1))

    def _choose(self, shares: Sequence[Share]) -> list[Share]:
        """All shares that hold anything; but what processes died on goes alone, an event at a time."""
        for share in shares:
            if share.attempt > 1 and share.entries:
                self._careful.setdefault(share.partition, self._batch)
        suspect = next((s for s in shares if s.partition in self._careful and s.entries), None)
        if suspect is None:
            return [share for share in shares if share.entries]
        self._careful[suspect.partition] -= 1
        if not self._careful[suspect.partition]:
            del self._careful[suspect.partition]
        with self._redis.pipeline(transaction=False) as pipeline:
            for share in shares:
                if share is not suspect:
                    self._attempts.withdraw(pipeline, share.partition, share.checkpoint.position)
            pipeline.execute()
        return [replace(suspect, entries=suspect.entries[:1])]

    def _process(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        recorded = record(self._connection, entries)
        standings = advance(self._connection, recorded.arrived, recorded.displaced, self._folder.whole)
        self._folder.fold(standings)

    def _end(self, partitions: Collection[int]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            self._attempts.end(pipeline, partitions)
            pipeline.execute()
