"""A round of the drain: claim, read, and one transaction for history, heads, rows and checkpoints."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import psycopg
import structlog
from psycopg import Connection
from redis import Redis
from redis.exceptions import RedisError

from ingest.event_log import START, Entry, EventLog
from ingest.settings import Settings
from ingest.wake import WakeFlag
from projections import heads
from projections.apply import UnknownColumns
from workers import checkpoints, collector
from workers.attempts import Attempts
from workers.checkpoints import Checkpoint
from workers.folding import Folder, Poison
from workers.history import record
from workers.quarantine import quarantine

log = structlog.get_logger()

ROUND_BYTES = 16 << 20
"""What a round reads of the log, and of the histories of the objects that it tells of."""

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
    """What a round takes of one partition.

    `attempt` is 1, or more where processes died or failed on it; `anew` where the checkpoint's own entry is
    gone, so that all that is kept is read again.
    """

    checkpoint: Checkpoint
    entries: Sequence[Entry]
    attempt: int
    anew: bool

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
        self._attempts = Attempts(redis, self._log.keys)
        self._tries = settings.webhook_retry_attempts
        self._batch = self._most = settings.drain_batch
        self._suspect = max(1, settings.drain_batch // settings.log_partitions)
        self._read_size = FIRST_READ
        self._careful: dict[int, int] = {}
        self._one_by_one = False

    def run(self, partitions: Collection[int], at_most: int) -> Outcome:
        """One round over up to `at_most` of the partitions, those that nobody else drains now."""
        outcome = Outcome()
        try:
            with collector.paused(), self._connection.transaction():
                self._drain(outcome, partitions, at_most)
        except heads.TooMuch:
            self._most = max(1, self._most // 2)
            outcome.drained = 0
        except Poison:
            if self._one_by_one:
                raise
            self._one_by_one = True  # whose row the database refuses, savepoints tell in the next round
            outcome.drained = 0
        except (psycopg.Error, RedisError, UnknownColumns):
            self._attempts.end(outcome.claimed)  # a server's or a release's failure is no event's fault
            raise
        else:
            self._most = min(self._batch, self._most * 2)
            self._one_by_one = self._one_by_one and not outcome.drained
        self._attempts.end(outcome.claimed)
        return outcome

    def _drain(self, outcome: Outcome, partitions: Collection[int], at_most: int) -> None:
        claimed = checkpoints.claim(self._connection, partitions, at_most)
        if not claimed:
            return
        outcome.claimed = {checkpoint.partition for checkpoint in claimed}
        shares = self._read(claimed)
        outcome.empty = {share.partition for share in shares if not share.entries}
        chosen = self._choose(shares)
        # Also what failed before: to begin anew would end its attempts, and it would be tried for ever.
        self._one_by_one |= any(share.attempt > 1 for share in chosen)
        for share in shares:
            if share.anew and (not share.entries or share.partition in {each.partition for each in chosen}):
                self._record_incident(share)
        for share in chosen:
            if share.attempt > self._tries:
                quarantine(self._connection, share.entries)
        self._process([entry for each in chosen if each.attempt <= self._tries for entry in each.entries])
        checkpoints.advance(self._connection, [(share.checkpoint, share.entries[-1]) for share in chosen])
        outcome.drained = sum(len(share.entries) for share in chosen)

    def _read(self, claimed: Sequence[Checkpoint]) -> list[Share]:
        positions = {checkpoint.partition: checkpoint.position for checkpoint in claimed}
        attempts = self._attempts.begin(positions)
        # In this order: a flag raised after it was lowered tells of an event that this read may not see.
        self._flag.lower_for(positions)
        count = max(1, min(self._read_size, self._most) // len(claimed))
        found = self._log.read(positions, count + 1)
        shares = [
            self._share(checkpoint, found[checkpoint.partition], count, attempts[checkpoint.partition])
            for checkpoint in claimed
        ]
        self._learn_size([entry for share in shares for entry in share.entries])
        return shares

    def _share(self, checkpoint: Checkpoint, found: list[Entry], count: int, attempt: int) -> Share:
        following = checkpoints.following(checkpoint, found)
        never_drained = checkpoint.position == START and checkpoint.event_created_at is None
        if never_drained and self._log.was_trimmed(checkpoint.partition):
            following = None  # a Postgres from before the first event, and a log that goes on long after it
        if following is not None:
            return Share(checkpoint, following[:count], attempt, anew=False)
        kept = self._log.read({checkpoint.partition: START}, count)[checkpoint.partition]
        return Share(checkpoint, kept, attempt, anew=True)

    def _record_incident(self, share: Share) -> None:
        checkpoints.record_incident(
            self._connection, share.checkpoint, share.entries[0] if share.entries else None
        )
        # What Stripe sends again must not be taken for a duplicate: the history's key alone judges now.
        self._log.forget_duplicates(share.partition)
        log.error("the log and the checkpoint disagree: see the incidents", partition=share.partition)
        if not share.entries:
            checkpoints.reset(self._connection, share.checkpoint)

    def _learn_size(self, entries: Sequence[Entry]) -> None:
        if entries:
            mean = sum(len(entry.body) for entry in entries) // len(entries)
            self._read_size = max(1, ROUND_BYTES // max(mean, 1))

    def _choose(self, shares: Sequence[Share]) -> list[Share]:
        """All shares that hold anything; but what processes died on goes alone, an event at a time."""
        for share in shares:
            if share.attempt > 1 and share.entries:
                self._careful.setdefault(share.partition, self._suspect)
        suspect = next((s for s in shares if s.partition in self._careful and s.entries), None)
        holding = [share for share in shares if share.entries]
        chosen = holding[: self._most] if suspect is None else [replace(suspect, entries=suspect.entries[:1])]
        kept = {share.partition for share in chosen}
        # Beside a suspect even an empty partition must not be blamed for what the suspect does.
        left = [each for each in (holding if suspect is None else shares) if each.partition not in kept]
        self._attempts.withdraw({share.partition: share.checkpoint.position for share in left})
        if suspect is not None:
            self._careful[suspect.partition] -= 1
            if not self._careful[suspect.partition]:
                del self._careful[suspect.partition]
        return chosen

    def _process(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        recorded = record(self._connection, entries)
        with self._connection.pipeline():  # nobody waits for what is written: Postgres writes, this folds on
            standings = heads.advance(
                self._connection, recorded.arrived, recorded.displaced, self._folder.in_whole, ROUND_BYTES
            )
            self._folder.fold(standings, one_by_one=self._one_by_one)
