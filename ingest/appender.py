"""Appending for many concurrent requests at once: one script call a partition, one round trip a batch."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any, Literal, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError

from ingest.durability import ServerFacts, Undurable, bounds, refuse_undurable
from ingest.event import Event
from ingest.event_log import Bounds, Keys, append_arguments
from ingest.log_scripts import APPEND
from ingest.partition import partition_of
from ingest.settings import Settings
from ingest.wake import Waker

Outcome = Literal["stored", "duplicate"]

BATCH_EVENTS = 32
BATCH_BYTES = 1 << 20
"""A batch holds the server while it is appended: 32 events of 3 KB for about a millisecond."""

BATCHES = 4
"""Under way at once: while Redis appends and syncs one, the next events are read and verified. A second
one is begun only when it is full; fewer events wait for the first, whose round trip costs as much."""

WAITING_BYTES = 64 << 20
"""What may wait for a log that does not answer; past it the sender is sent away at once."""

log = structlog.get_logger()


class AppendRefused(Exception):
    """The event is not durable: answer 503, and the sender retries."""


class LogFull(AppendRefused):
    """The log holds as much as it may: it takes events again when the drain has caught up."""


class LogUnavailable(AppendRefused):
    """Redis does not answer, or not in time."""


class LogMisconfigured(AppendRefused):
    """Redis answers, and must not be used like this: the message says what to change."""


class _Waiting:
    __slots__ = ("event", "force", "outcome", "partition")

    def __init__(self, event: Event, partition: int, force: bool) -> None:
        self.event, self.partition, self.force = event, partition, force
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()


class Appender:
    """The log's one writer in this process.

    `append` returns when the event is durable as Redis was checked to be: the append-only file is fsynced
    (WAITAOF, where the server has it), and `WAIT_REPLICAS` replicas have it.
    """

    def __init__(self, redis: "Redis", settings: Settings, waker: Waker) -> None:
        self._redis = redis
        self._settings = settings
        self._waker = waker
        self._keys = Keys(settings.log_prefix)
        self._queue: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._bounds: Bounds | None = None
        self._awaits_aof = False
        self._script = ""

    async def stop(self) -> None:
        """Refuse who still waits, and hang up."""
        for flushing in self._under_way:
            flushing.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        _refuse(self._queue, LogUnavailable("the service is stopping"))
        await self._redis.aclose()

    async def append(self, event: Event, *, force: bool = False) -> Outcome:
        """Append once; returns when durable. `force` passes the dedupe by. Raises AppendRefused's kinds."""
        if self._waiting_bytes > WAITING_BYTES:
            raise LogUnavailable("too many events wait for Redis already")
        waiting = _Waiting(event, partition_of(event, self._settings.log_partitions), force)
        self._queue.append(waiting)
        self._waiting_bytes += len(event.raw)
        if not self._under_way or (len(self._queue) >= BATCH_EVENTS and len(self._under_way) < BATCHES):
            self._under_way.add(asyncio.create_task(self._flush_what_waits()))
        return await waiting.outcome

    async def check(self) -> None:
        """Return if an append could succeed now; raises AppendRefused's kinds."""
        try:
            await self._prepare()
            for partition in range(self._settings.log_partitions):
                await self._refuse_if_full(partition)
        except RedisError as error:
            self._bounds = None
            raise _unavailable(error) from error

    async def _refuse_if_full(self, partition: int) -> None:
        assert self._bounds
        book: Any = await self._redis.hmget(self._keys.book(partition), ["appended", "trimmed"])
        held = int(book[0] or 0) - int(book[1] or 0)
        if held >= self._bounds.log_max_bytes // self._settings.log_partitions:
            raise LogFull(f"partition {partition} of the log is full ({held} bytes)")

    async def _flush_what_waits(self) -> None:
        while batch := self._take():
            try:
                await self._flush(batch)
            except AppendRefused as refusal:
                _refuse(batch, refusal)
            except OutOfMemoryError:
                _refuse(batch, LogFull("Redis is at its maxmemory"))
            except RedisError as error:
                self._bounds = None  # whatever comes back may be another server: check it again
                _refuse(batch, _unavailable(error))
            except asyncio.CancelledError:
                _refuse(batch, LogUnavailable("the service is stopping"))
                raise
            except Exception as fault:  # noqa: BLE001 - it is raised to those whom it befell
                _refuse(batch, fault)
        # In the same breath as the last look: who appends from now on begins a flush himself.
        self._under_way.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and len(batch) < BATCH_EVENTS and size < BATCH_BYTES:
            waiting = self._queue.popleft()
            self._waiting_bytes -= len(waiting.event.raw)
            if not waiting.outcome.done():  # else its request gave up
                batch.append(waiting)
                size += len(waiting.event.raw)
        return batch

    async def _flush(self, batch: list[_Waiting]) -> None:
        bounds_ = await self._prepare()
        groups: dict[tuple[int, bool], list[_Waiting]] = {}
        for waiting in batch:
            groups.setdefault((waiting.partition, waiting.force), []).append(waiting)
        try:
            answers = await self._send(groups, bounds_)
        except NoScriptError:  # a restarted server has forgotten it
            self._script = await self._redis.script_load(APPEND)
            answers = await self._send(groups, bounds_)
        for (partition, _), group, outcomes in zip(groups, groups.values(), answers, strict=True):
            for waiting, outcome in zip(group, outcomes, strict=True):
                if outcome == b"full":
                    _settle(waiting, LogFull(f"partition {partition} of the log is full"))
                elif outcome == b"duplicate":
                    _settle(waiting, "duplicate")
                else:
                    _settle(waiting, "stored")

    async def _send(self, groups: dict[tuple[int, bool], list[_Waiting]], bounds_: Bounds) -> list[Any]:
        partitions = self._settings.log_partitions
        pipeline = self._redis.pipeline(transaction=False)
        for (partition, force), group in groups.items():
            keys = self._keys.of_append(partition)
            events = (waiting.event for waiting in group)
            pipeline.evalsha(
                self._script, len(keys), *keys, *append_arguments(events, bounds_, partitions, force=force)
            )
        pipeline.sadd(self._keys.wake, *{partition for partition, _ in groups})
        timeout = int(self._settings.webhook_timeout_seconds * 1000)
        replicas = self._settings.wait_replicas
        if self._awaits_aof:
            pipeline.execute_command("WAITAOF", 1, 0, timeout)
        if replicas:
            pipeline.execute_command("WAIT", replicas, timeout)
        answers = list(await pipeline.execute())
        if answers[len(groups)]:  # a flag was down before
            self._waker.wake()
        if replicas and (reached := answers.pop()) < replicas:
            raise LogUnavailable(f"{reached} of {replicas} replicas have the events")
        if self._awaits_aof and not answers.pop()[0]:
            raise LogUnavailable("the append-only file was not synced in time")
        return answers[: len(groups)]

    async def _prepare(self) -> Bounds:
        """Once a connection: what the server promises, its bounds, and the number of partitions."""
        if self._bounds is None:
            facts = await ServerFacts.ask(self._redis)
            try:
                if not self._settings.allow_undurable:
                    refuse_undurable(facts)
                limits = bounds(facts, self._settings)
            except Undurable as error:
                raise LogMisconfigured(str(error)) from error
            await self._agree_on_partitions()
            self._script = await self._redis.script_load(APPEND)
            self._awaits_aof = facts.has_waitaof and facts.aof_enabled
            self._bounds = limits
        return self._bounds

    async def _agree_on_partitions(self) -> None:
        mine = self._settings.log_partitions
        await self._redis.set(self._keys.partitions, mine, nx=True)
        theirs = int(await self._redis.get(self._keys.partitions) or mine)
        if theirs != mine:
            raise LogMisconfigured(
                f"LOG_PARTITIONS is {mine}, but this log was begun with {theirs}: an object's events would "
                f"change their partition, and their order. Set LOG_PARTITIONS={theirs}."
            )


def _refuse(batch: Iterable[_Waiting], refusal: Exception) -> None:
    for waiting in batch:
        _settle(waiting, refusal)


def _settle(waiting: _Waiting, result: Outcome | Exception) -> None:
    if waiting.outcome.done():
        return
    if isinstance(result, Exception):
        waiting.outcome.set_exception(result)
    else:
        waiting.outcome.set_result(result)


def _unavailable(error: RedisError) -> LogUnavailable:
    # Where Redis is, and what it says, is for the operator; the refusal is read by whoever asks.
    log.warning("Redis does not append", error=type(error).__name__, reason=str(error))
    return LogUnavailable("Redis does not answer, or not as it should: this service's log says more")
