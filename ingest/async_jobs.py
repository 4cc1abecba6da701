"""The jobs' record for the web process: create, read, wait; never for longer than the client would."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import time
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from ingest.headroom import Headroom, NoRoom
from ingest.job import Job, JobKeys
from ingest.job_scripts import CREATE
from ingest.jobs import CLIENT_SECRET_SECONDS, created, creation
from ingest.queues import checkout_queue, connect, enqueue_job, jobs_queue
from ingest.settings import Settings

WAITERS = 256
"""Requests that wait at once, each on a connection of its own; who comes later is told to ask again."""

WAITING_SOCKET_SECONDS = 40

log = structlog.get_logger()


def minutely(what: str) -> str:
    """An idempotency key of our own: one job a minute, however many ask. No client's key has spaces."""
    return f"{what} minute {time() // 60:.0f}"


class JobsUnavailable(Exception):
    """Redis does not answer in time, or has no room: nothing was promised, so send the request again."""


class AsyncJobs:
    """Connects to REDIS_URL, and to RQ's Redis, when first used."""

    def __init__(self, settings: Settings) -> None:
        assert settings.redis_url, "REDIS_URL is set by whoever starts this process"
        self._timeout = settings.webhook_timeout_seconds
        self._keys = JobKeys(settings.log_prefix)
        self._redis = Redis.from_url(
            settings.redis_url, socket_timeout=self._timeout, socket_connect_timeout=self._timeout
        )
        self._waiting = Redis.from_url(
            settings.redis_url,
            max_connections=WAITERS,
            socket_timeout=WAITING_SOCKET_SECONDS,
            socket_connect_timeout=self._timeout,
        )
        self._waiters = 0
        self._headroom = Headroom(self._redis, settings)
        self._replicas = settings.wait_replicas
        self._create = self._redis.register_script(CREATE)
        self._rq_redis = connect(settings, self._timeout)
        self._queues = {
            True: checkout_queue(self._rq_redis, settings),
            False: jobs_queue(self._rq_redis, settings),
        }

    async def create(
        self,
        source: str,
        kind: str,
        command: Mapping[str, Any],
        idempotency_key: str | None,
        *,
        urgent: bool,
        asked: Mapping[str, Any] | None = None,
    ) -> Job:
        """The job of this request, new or of an earlier request with this key; a new one is enqueued.

        `asked` is what the key stands for, where that is not the whole command.
        Raises KeyReused and JobsUnavailable.
        """
        keys, arguments = creation(
            self._keys, source, kind, command, idempotency_key, urgent=urgent, asked=asked
        )
        async with self._answering():
            await self._headroom.check()
            job, fresh = created(await self._write(keys, arguments))
        if fresh:
            await self._enqueue(job)
        return job

    async def read(self, job_id: str) -> Job | None:
        """The job, or None if there is none (any more). Raises JobsUnavailable."""
        async with self._answering():
            fields: Any = await self._redis.hgetall(self._keys.job(job_id))
        return Job.of(fields) if fields else None

    async def wait(self, job: Job, seconds: int) -> Job:
        """The job when it is finished, or as it is after `seconds`, or at once while too many wait."""
        if job.finished or not seconds or self._waiters >= WAITERS:
            return job
        done = self._keys.done(job.id)
        self._waiters += 1
        try:
            await self._turn(done, seconds)
            return await self.read(job.id) or job
        except (RedisError, JobsUnavailable) as error:
            # The job is durable, so the request has succeeded: its client asks for the outcome later.
            log.warning("a request no longer waits for its job", job=job.id, reason=type(error).__name__)
            return job
        finally:
            self._waiters -= 1

    async def _turn(self, done: str, seconds: int) -> None:
        """Wait for a list that is not empty. It is turned, not emptied: each request that waits sees it."""
        try:
            await self._waiting.blmove(done, done, seconds)
        except RedisConnectionError:  # the connections are perhaps of before Redis started again
            await self._waiting.connection_pool.disconnect(inuse_connections=False)
            await self._waiting.blmove(done, done, seconds)

    async def client_secret(self, job: Job) -> str | None:
        """The client secret of a job's result, while it is kept. Raises JobsUnavailable."""
        async with self._answering():
            found: Any = await self._redis.get(self._keys.client_secret(job.id))
        return found.decode() if found is not None else None

    async def keep_client_secret(self, job: Job, client_secret: str) -> None:
        """Keep it for an hour, outside the record. Raises JobsUnavailable."""
        async with self._answering():
            await self._redis.set(self._keys.client_secret(job.id), client_secret, ex=CLIENT_SECRET_SECONDS)

    async def stop(self) -> None:
        """Hang up."""
        await self._redis.aclose()
        await self._waiting.aclose()
        self._rq_redis.close()

    async def _write(self, keys: list[str], arguments: list[str | bytes | int]) -> Any:
        if not self._replicas:
            return await self._create(keys=keys, args=arguments)
        pipeline = self._redis.pipeline(transaction=False)
        await self._create(keys=keys, args=arguments, client=pipeline)
        pipeline.execute_command("WAIT", self._replicas, int(self._timeout * 1000))
        answer, reached = await pipeline.execute()
        if reached < self._replicas:
            raise JobsUnavailable(f"{reached} of {self._replicas} replicas have the job")
        return answer

    async def _enqueue(self, job: Job) -> None:
        try:
            await asyncio.to_thread(enqueue_job, self._queues[job.urgent], job.id, job.kind)
        except RedisError as error:
            log.warning(
                "a job was not enqueued; the sweep will do it", job=job.id, reason=type(error).__name__
            )

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except TimeoutError:
            raise JobsUnavailable(f"Redis did not answer within {self._timeout:g} s") from None
        except NoRoom as error:
            raise JobsUnavailable(str(error)) from error
        except RedisError as error:
            raise JobsUnavailable(f"Redis: {type(error).__name__}") from error
