"""The API by which clients ask for payments, subscriptions and refunds: each request becomes a job."""

import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ingest import docs_page
from ingest.api_keys import ApiKeys, Forbidden
from ingest.async_jobs import AsyncJobs, minutely
from ingest.command import Command, NoPrice
from ingest.commands import COMMANDS
from ingest.job import ANOTHER_SOURCE, Job
from ingest.logging import note
from ingest.openapi import document
from ingest.preferences import wait_of
from ingest.problem import Problem
from ingest.request import FieldError, Invalid, command_of, idempotency_key, read_json
from ingest.settings import Settings

FETCH_CLIENT_SECRET = "fetch_client_secret"  # noqa: S105 - a job's kind
FETCH_SECONDS = 10
ASK_AGAIN_SECONDS = 60
"""The longest that a client is told to wait before it asks for its job again."""

REFUSED_AS = frozenset({400, 402, 404, 422})
"""Statuses of a failed job's problem that are answered as they are. Others would tell the client something
about this request: that its key is wrong, or that sending it again helps."""

AccessRoute = Callable[[Request, str], Awaitable[Response]]
"""Answers GET /users/{user_id}/access for a source; whoever has a database gives it."""


class UnknownJob(Exception):
    """There is no such job, or no more."""


class Api:
    """Its routes need Redis, and nothing else; `access` may need more."""

    def __init__(self, settings: Settings, jobs: AsyncJobs, access: AccessRoute | None = None) -> None:
        self._settings = settings
        self._jobs = jobs
        self._keys = ApiKeys(settings)
        self._access = access
        description = document()
        self._openapi = orjson.dumps(description)
        self._docs = docs_page.render(description)

    def routes(self) -> list[Route]:
        return [
            *(Route(command.path, self._accepting(command), methods=["POST"]) for command in COMMANDS),
            Route("/jobs/{job_id}", self._job),
            Route("/users/{user_id:path}/access", self._user_access),
            Route("/openapi.json", self._describe),
            Route("/docs", self._document),
        ]

    def _accepting(self, kind: type[Command]) -> Callable[[Request], Awaitable[Response]]:
        async def accept(request: Request) -> Response:
            source = self._authorized(request)
            key = idempotency_key(request)
            fields = await read_json(request, seconds=self._settings.webhook_timeout_seconds)
            command = command_of(kind, fields, request.path_params)
            wait = wait_of(request)
            job = await self._jobs.create(
                source, kind.kind, self._priced(command), key, urgent=wait > 0, asked=command.asked()
            )
            note(request, job=job.id, kind=job.kind)
            job = await self._jobs.wait(job, wait)
            note(request, outcome=job.state)
            location = f"{request.scope.get('root_path', '')}/jobs/{job.id}"
            headers = {"Location": location, **_applied(wait)}
            if not wait or not job.finished:
                return self._answer(202, await self._shown(job), {**headers, **_ask_again(job)})
            if job.problem is not None:
                return _failed(job, headers)
            return self._answer(201, await self._shown(job), headers)

        return accept

    async def _job(self, request: Request) -> Response:
        source = self._authorized(request)
        job = await self._jobs.read(request.path_params["job_id"])
        if job is None:
            raise UnknownJob("there is no such job; jobs are kept for 30 days")
        if job.source != source:
            raise Forbidden("this job belongs to another source")
        wait = wait_of(request)
        job = await self._jobs.wait(job, wait)
        note(request, job=job.id, outcome=job.state)
        shown = await self._shown(job)
        missing = job.has_client_secret and shown["result"]["client_secret"] is None
        again = _ask_again(job) if missing or not job.finished else {}
        return self._answer(200, shown, {**_applied(wait), **again})

    async def _user_access(self, request: Request) -> Response:
        source = self._authorized(request)
        if self._access is None:
            return Problem(
                503, "who has access is told by the service that has the database", {"Retry-After": "60"}
            )
        return await self._access(request, source)

    async def _describe(self, _request: Request) -> Response:
        return Response(self._openapi, media_type="application/json")

    async def _document(self, _request: Request) -> Response:
        return HTMLResponse(self._docs, headers=docs_page.HEADERS)

    def _authorized(self, request: Request) -> str:
        source = self._keys.source(request)
        note(request, source=source)
        return source

    def _priced(self, command: Command) -> dict[str, Any]:
        try:
            return command.job_command(self._settings.prices)
        except NoPrice as error:
            raise Invalid([FieldError(field, str(error)) for field in error.fields]) from None

    async def _shown(self, job: Job) -> dict[str, Any]:
        """The job as its client sees it; the result with what a front end needs besides."""
        shown: dict[str, Any] = {
            "id": job.id,
            "kind": job.kind,
            "state": job.state,
            "attempts": job.attempts,
            "created_at": job.created_at,
            "updated_at": job.updated_at,
            "next_try_at": job.next_try_at,
            "result": None,
            "problem": job.problem,
        }
        if job.result is not None:
            shown["result"] = {**job.result, "publishable_key": self._settings.stripe_publishable_key}
            if job.has_client_secret:
                shown["result"]["client_secret"] = await self._client_secret(job)
        return shown

    async def _client_secret(self, job: Job) -> str | None:
        """The one that is kept, or fetched anew by a job of its own; None while that takes long."""
        if kept := await self._jobs.client_secret(job):
            return kept
        assert job.result is not None
        command = {"object": job.result["object"], "id": job.result["id"]}
        once = minutely(
            f"client secret of {job.id}"
        )  # however often its client asks, or while Stripe is away
        fetch = await self._jobs.create(job.source, FETCH_CLIENT_SECRET, command, once, urgent=True)
        fetch = await self._jobs.wait(fetch, FETCH_SECONDS)
        fetched = await self._jobs.client_secret(fetch)
        if fetched:
            await self._jobs.keep_client_secret(job, fetched)
        return fetched

    @staticmethod
    def _answer(status: int, shown: dict[str, Any], headers: dict[str, str]) -> Response:
        private = {"Cache-Control": "no-store", **headers}
        return Response(orjson.dumps(shown), status, private, media_type="application/json")


def _applied(wait: int) -> dict[str, str]:
    return {"Preference-Applied": f"wait={wait}"} if wait else {}


def _ask_again(job: Job) -> dict[str, str]:
    """When a job's client should ask for it again: soon, or when it is tried again."""
    seconds = 1
    if job.next_try_at is not None:
        seconds = math.ceil((job.next_try_at - datetime.now(UTC)).total_seconds()) + 1
    return {"Retry-After": str(min(max(seconds, 1), ASK_AGAIN_SECONDS))}


def _failed(job: Job, headers: dict[str, str]) -> Response:
    """Why the job failed, as the answer to the request that waited for it."""
    assert job.problem is not None
    problem = dict(job.problem)
    status = problem.pop("status", 502)
    if status not in REFUSED_AS and problem.get("code") != ANOTHER_SOURCE:
        status = 422 if 400 <= status < 500 else 502
    detail = problem.pop("detail", "the job failed")
    headers = {"Cache-Control": "no-store", **headers}
    return Problem(status, detail, headers, **{**problem, "job": job.id})
