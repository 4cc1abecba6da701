"""The jobs' record in Redis, synchronously: for workers, and for whoever may wait for Redis."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

import orjson
from redis import Redis

from ingest.job import Job, JobKeys, new_id
from ingest.job_scripts import BREAK_OFF, CHANGE, CREATE
from ingest.settings import Settings

DAY = 86_400
IDEMPOTENCY_SECONDS = 30 * DAY
JOB_SECONDS = 31 * DAY
"""A job outlives the key that leads to it."""

CLIENT_SECRET_SECONDS = 3600
DONE_SECONDS = 60
"""How long the news that a job is finished waits for who is about to wait for it."""

QUEUED_SECONDS = 10
RUNNING_SECONDS = 30
"""After these, a job that is still queued or running should be looked at: its worker may be gone. One that is
there says so in time (`still_running`)."""

MOST_BROKEN_OFF = 8
BROKEN_OFF_SECONDS = 2.0
"""How often in a row a job's process may be killed, and the pause before the third time; it doubles."""

KILLS: Mapping[str, Any] = {
    "type": "about:blank",
    "title": "The job kills its process",
    "status": 500,
    "detail": "the process that did this job was killed again and again, so it is given up. What it made at "
    "Stripe, if anything, bears the job's id in metadata.job_id: see there before you ask anew, by a new key",
}

RESULT_BYTES = 16_384


class KeyReused(Exception):
    """This Idempotency-Key came with another request before: take a new key for a new request."""


class Jobs:
    """`redis` is the log's, and must not decode responses."""

    def __init__(self, redis: "Redis", settings: Settings) -> None:
        self._redis = redis
        self._keys = JobKeys(settings.log_prefix)
        self._create = redis.register_script(CREATE)
        self._change = redis.register_script(CHANGE)
        self._break_off = redis.register_script(BREAK_OFF)

    def create(
        self,
        source: str,
        kind: str,
        command: Mapping[str, Any],
        idempotency_key: str | None = None,
        *,
        urgent: bool = False,
        asked: Mapping[str, Any] | None = None,
    ) -> tuple[Job, bool]:
        """A new job and True, or the job that this key and request made before and False.

        `asked` is what the key stands for, where that is not the whole command. Raises KeyReused. Whoever
        creates a job enqueues it (`ingest.queues.enqueue_job`), fresh or not finished; one that is not
        enqueued is found by `due`.
        """
        keys, arguments = creation(
            self._keys, source, kind, command, idempotency_key, urgent=urgent, asked=asked
        )
        return created(self._create(keys=keys, args=arguments))

    def read(self, job_id: str) -> Job | None:
        """The job, or None if there is none (any more)."""
        fields = cast(dict[bytes, bytes], self._redis.hgetall(self._keys.job(job_id)))
        return Job.of(fields) if fields else None

    def begin(self, job_id: str) -> Job | None:
        """Count an attempt; the job as it is now, or None if it is finished or forgotten."""
        return self.read(job_id) if self._to(job_id, "running", RUNNING_SECONDS, next_try_at="") else None

    def still_running(self, job_id: str) -> None:
        """Its worker is there: `due` leaves the job out for as long as after its beginning."""
        seconds, microseconds = self._redis.time()
        due = seconds + microseconds / 1e6 + RUNNING_SECONDS
        self._redis.zadd(self._keys.open, {job_id: due}, xx=True, gt=True)

    def broken_off(self, job_id: str, attempts: int | None = None) -> int:
        """An attempt was cut off by its process' end; returns how many were in a row, this one included.

        The job is tried again, at once after the first time and after pauses later; too many in a row, and it
        has failed. Who only infers it from the job's `attempts` counts none twice, and gets 0 where another
        did. 0 also for a job that is finished.
        """
        keys = [self._keys.job(job_id), self._keys.open, self._keys.done(job_id)]
        seen = "" if attempts is None else attempts
        arguments = [job_id, seen, MOST_BROKEN_OFF, BROKEN_OFF_SECONDS, DONE_SECONDS, _bounded(KILLS)]
        return cast(int, self._break_off(keys=keys, args=arguments))

    def retry_at(self, job_id: str, at: datetime, problem: Mapping[str, Any] | None = None) -> bool:
        """The job is to be tried again at `at`, when it becomes due; `problem` says why, for who asks."""
        why: dict[str, Any] = {} if problem is None else {"problem": _bounded(problem)}
        return self._to(job_id, "retrying", at=at, next_try_at=at.timestamp(), **why)

    def succeed(self, job_id: str, result: Mapping[str, Any], client_secret: str | None = None) -> bool:
        """The job is done; who waits for it learns that now. A finished job stays as it is: False."""
        if client_secret is not None:
            self.keep_client_secret(job_id, client_secret)
        return self._to(
            job_id,
            "succeeded",
            DONE_SECONDS,
            next_try_at="",
            problem="",
            result=_bounded(result),
            has_client_secret=int(client_secret is not None),
        )

    def fail(self, job_id: str, problem: Mapping[str, Any]) -> bool:
        """The job will not be done, for this reason (RFC 9457). A finished job stays as it is: False."""
        return self._to(job_id, "failed", DONE_SECONDS, next_try_at="", problem=_bounded(problem))

    def keep_client_secret(self, job_id: str, client_secret: str) -> None:
        """Keep it for an hour, outside the record."""
        self._redis.set(self._keys.client_secret(job_id), client_secret, ex=CLIENT_SECRET_SECONDS)

    def client_secret(self, job_id: str) -> str | None:
        """The client secret of a job's result, if it is still kept."""
        found = cast(bytes | None, self._redis.get(self._keys.client_secret(job_id)))
        return found.decode() if found is not None else None

    def due(self, limit: int = 100) -> list[Job]:
        """Unfinished jobs that somebody should look at now: to be retried, or perhaps left behind."""
        seconds, microseconds = self._redis.time()
        ids = cast(
            list[bytes],
            self._redis.zrange(
                self._keys.open, "-inf", seconds + microseconds / 1e6, byscore=True, offset=0, num=limit
            ),
        )
        jobs = {job_id: self.read(job_id.decode()) for job_id in ids}
        if forgotten := [job_id for job_id, job in jobs.items() if job is None]:
            self._redis.zrem(self._keys.open, *forgotten)
        return [job for job in jobs.values() if job is not None]

    def count_open(self) -> int:
        """How many jobs are not finished."""
        return self._redis.zcard(self._keys.open)

    def look_again(self, job: Job, seconds: float) -> None:
        """Let `due` leave out this job, if it is still open, for so long from now."""
        now, microseconds = self._redis.time()
        self._redis.zadd(self._keys.open, {job.id: now + microseconds / 1e6 + seconds}, xx=True)

    def _to(
        self, job_id: str, state: str, seconds: float = 0, *, at: datetime | None = None, **fields: Any
    ) -> bool:
        keys = [self._keys.job(job_id), self._keys.open, self._keys.done(job_id)]
        changes = [part for field in fields.items() for part in field]
        instant = "" if at is None else at.timestamp()
        return bool(self._change(keys=keys, args=[job_id, state, seconds, instant, *changes]))


def creation(
    names: JobKeys,
    source: str,
    kind: str,
    command: Mapping[str, Any],
    idempotency_key: str | None,
    *,
    urgent: bool,
    asked: Mapping[str, Any] | None = None,
) -> tuple[list[str], list[str | bytes | int]]:
    """The keys and arguments of the script that creates a job."""
    job_id = new_id()
    body = orjson.dumps(command)
    request = orjson.dumps(command if asked is None else asked, option=orjson.OPT_SORT_KEYS)
    digest = "" if idempotency_key is None else sha256(kind.encode() + b"\0" + request).hexdigest()
    # A source's keys are its own; hashed, a key of any length and characters has a name of one length.
    key = sha256(f"{source}\0{idempotency_key}".encode()).hexdigest()
    fields: list[str | bytes | int] = [
        *("source", source, "kind", kind, "command", body, "urgent", int(urgent)),
    ]
    return (
        [names.job(job_id), names.idempotency(key), names.open],
        [job_id, digest, JOB_SECONDS, IDEMPOTENCY_SECONDS, QUEUED_SECONDS, names.job(""), *fields],
    )


def created(outcome: Any) -> tuple[Job, bool]:
    """The job that the script answers, and whether it is new. Raises KeyReused."""
    word, *found = outcome
    if word == b"reused":
        raise KeyReused(
            "this Idempotency-Key came with another request before: a new request takes a new key"
        )
    [fields] = found
    return Job.of(dict(zip(fields[::2], fields[1::2], strict=True))), word == b"fresh"


def _bounded(outcome: Mapping[str, Any]) -> bytes:
    body = orjson.dumps(outcome)
    if len(body) > RESULT_BYTES:
        raise ValueError(f"a job's outcome has {len(body)} bytes, at most {RESULT_BYTES} are kept")
    return body
