"""A client of the API, sync and async, that retries safely.

    client = Client("http://localhost:8000", key)
    job = client.submit(CreatePaymentIntent(total="12.50", currency="eur", order_id="1001"),
                        idempotency_key="order-1001", wait=10)
    job.result["client_secret"]

Every request bears an Idempotency-Key, one of its own where none is given, so whatever is sent again makes
nothing twice. Give one that your own retries repeat: the order's, say.
"""

import asyncio
import json
import random
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic, sleep
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import quote, urlsplit
from uuid import uuid4

from ingest.command import Command
from ingest.job import FINISHED, State
from ingest.preferences import LONGEST_WAIT

TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
CONNECTIONS = 64
"""The requests that an async client has under way at once; further ones wait."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
AGAIN = frozenset({408, 429, 500, 502, 503, 504})

T = TypeVar("T")


@dataclass(frozen=True)
class JobView:
    """A job as the API shows it: see GET /jobs/{job_id}. Times are ISO 8601."""

    id: str
    kind: str
    state: State
    attempts: int
    created_at: str
    updated_at: str
    next_try_at: str | None
    result: Mapping[str, Any] | None
    problem: Mapping[str, Any] | None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


class ClientError(Exception):
    """The base of what this client raises."""


class Unavailable(ClientError):
    """The service could not be reached for as long as it was tried: send it again, with the same key."""


class Refused(ClientError):
    """The request was refused, and would be again; `problem` is RFC 9457's, `errors` name the fields."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(problem.get("detail", "the request was refused"))
        self.problem = problem
        self.status = int(problem.get("status", 0))
        self.errors: Mapping[str, str] = {e["field"]: e["detail"] for e in problem.get("errors", ())}


class JobFailed(Refused):
    """The job was tried, and failed: `problem` has Stripe's `code` and `decline_code`, where it gave them."""


class Exchange(NamedTuple):
    """One request; `seconds` may pass until it is answered."""

    method: str
    path: str
    headers: Mapping[str, str]
    seconds: float
    body: bytes | None = None


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body, or a problem of the status' own where it is no JSON object: a proxy's page."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        return value if isinstance(value, dict) else {"status": self.status, "detail": f"HTTP {self.status}"}


Steps = Generator[Exchange | float, Reply | OSError | HTTPException | None, T]
"""A call, step by step: an exchange is answered by its reply or its failure; a number is a pause (s)."""


class Calls:
    """What is asked and what is made of the answers; how it is sent is the clients' own."""

    def __init__(self, url: str, key: str, timeout: float, patience: float) -> None:
        self._prefix = urlsplit(url).path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._timeout = timeout
        self._patience = patience

    def submit(self, command: Command, idempotency_key: str | None, wait: float) -> Steps[JobView]:
        until = monotonic() + wait
        fields = command.model_dump(exclude_none=True)
        path = command.path.format(**{name: fields.pop(name) for name in command.path_fields()})
        headers = {"Content-Type": "application/json", "Idempotency-Key": idempotency_key or str(uuid4())}
        body = json.dumps(fields).encode()
        job = _job(_checked((yield from self._ask("POST", path, headers, wait, body))))
        job = yield from self._finished(job, until)
        if wait and job.problem and job.state == "failed":
            raise JobFailed(job.problem)
        return job

    def job(self, job_id: str, wait: float) -> Steps[JobView]:
        until = monotonic() + wait
        job = _job(_checked((yield from self._ask("GET", f"/jobs/{quote(job_id, safe='')}", {}, wait))))
        return (yield from self._finished(job, until))

    def access(self, user_id: str) -> Steps[dict[str, Any]]:
        reply = yield from self._ask("GET", f"/users/{quote(user_id, safe='')}/access", {}, 0)
        return _checked(reply)

    def _finished(self, job: JobView, until: float) -> Steps[JobView]:
        while not job.finished and (left := until - monotonic()) > 0:
            began = monotonic()
            job = _job(_checked((yield from self._ask("GET", f"/jobs/{job.id}", {}, left))))
            if not job.finished and monotonic() - began < 1:  # it was not waited for: too many wait there
                yield min(1.0, left)
        return job

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], wait: float, body: bytes | None = None
    ) -> Steps[Reply]:
        seconds = min(int(wait + 0.999), LONGEST_WAIT)
        prefer = {"Prefer": f"wait={seconds}"} if seconds else {}
        exchange = Exchange(
            method, self._prefix + path, {**self._headers, **headers, **prefer}, self._timeout + seconds, body
        )
        deadline = monotonic() + self._patience
        pause = FIRST_PAUSE
        while True:
            reply = yield exchange
            if isinstance(reply, Reply) and (reply.status not in AGAIN or "job" in reply.json):
                return reply
            said = _retry_after(reply) if isinstance(reply, Reply) else 0.0
            longest = max(said, pause)
            if monotonic() + longest > deadline:
                why = reply.json.get("detail") if isinstance(reply, Reply) else type(reply).__name__
                raise Unavailable(f"the service is away: {why}")
            yield max(said, random.uniform(pause / 2, pause))  # noqa: S311 - it spreads retries
            pause = min(2 * pause, LONGEST_PAUSE)


class Client:
    """`url` is where the API is, a mount's path included; `patience` is how long (s) it is tried to reach."""

    def __init__(
        self, url: str, key: str, *, timeout: float = TIMEOUT_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._url = url
        self._calls = Calls(url, key, timeout, patience)

    def submit(self, command: Command, *, idempotency_key: str | None = None, wait: float = 0) -> JobView:
        """Ask for something, and wait up to `wait` seconds for it; the job as it is then.

        Raises Refused, Unavailable and, where the job fails while it is waited for, JobFailed.
        """
        return self._run(self._calls.submit(command, idempotency_key, wait))

    def job(self, job_id: str, *, wait: float = 0) -> JobView:
        """The job, after up to `wait` seconds in which it may finish. Raises Refused and Unavailable."""
        return self._run(self._calls.job(job_id, wait))

    def access(self, user_id: str) -> dict[str, Any]:
        """GET /users/{user_id}/access. Raises Refused and Unavailable."""
        return self._run(self._calls.access(user_id))

    def _run(self, steps: Steps[T]) -> T:
        answer: Reply | OSError | HTTPException | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(step, Exchange):
                answer = send(self._url, step)
            else:
                sleep(step)
                answer = None


class AsyncClient:
    """The same for asyncio; close it, or use it as a context manager."""

    def __init__(
        self, url: str, key: str, *, timeout: float = TIMEOUT_SECONDS, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._url = url
        self._calls = Calls(url, key, timeout, patience)
        self._threads = ThreadPoolExecutor(CONNECTIONS, "hooklog-client")

    async def submit(
        self, command: Command, *, idempotency_key: str | None = None, wait: float = 0
    ) -> JobView:
        """See Client.submit."""
        return await self._run(self._calls.submit(command, idempotency_key, wait))

    async def job(self, job_id: str, *, wait: float = 0) -> JobView:
        """See Client.job."""
        return await self._run(self._calls.job(job_id, wait))

    async def access(self, user_id: str) -> dict[str, Any]:
        """See Client.access."""
        return await self._run(self._calls.access(user_id))

    async def _run(self, steps: Steps[T]) -> T:
        loop = asyncio.get_running_loop()
        answer: Reply | OSError | HTTPException | None = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            if isinstance(step, Exchange):
                answer = await loop.run_in_executor(self._threads, send, self._url, step)
            else:
                await asyncio.sleep(step)
                answer = None

    async def close(self) -> None:
        """Let go of the threads; what is under way is not waited for."""
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def send(url: str, exchange: Exchange) -> Reply | OSError | HTTPException:
    """The reply, or what kept it from coming."""
    parts = urlsplit(url)
    assert parts.hostname, "a client's URL names a host"
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=exchange.seconds)
    try:
        connection.request(exchange.method, exchange.path, exchange.body, dict(exchange.headers))
        response = connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except (OSError, HTTPException) as error:
        return error
    finally:
        connection.close()


def _checked(reply: Reply) -> dict[str, Any]:
    if reply.status >= 300:
        raise (JobFailed if "job" in reply.json else Refused)(reply.json)
    return reply.json


def _job(shown: Mapping[str, Any]) -> JobView:
    """Fields that a later version of the API adds are no fault."""
    return JobView(**{name: shown[name] for name in JobView.__dataclass_fields__})


def _retry_after(reply: Reply) -> float:
    seconds = reply.headers.get("retry-after", "")
    return float(seconds) if seconds.isdigit() else 0.0
