"""A job: what a client asked to be made at Stripe, and what became of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

State = Literal["queued", "running", "retrying", "succeeded", "failed"]
FINISHED: frozenset[State] = frozenset({"succeeded", "failed"})

ANOTHER_SOURCE = "another_source"
"""The `code` of the problem of a job that named what is another source's."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands.

    `kind` names what to do (`create_refund`), `command` is the validated request, `urgent` whether somebody
    waits for it, `result` what it made, `problem` (RFC 9457) why it failed. `next_try_at` is set while the
    job is to be tried again. `has_client_secret` says that its result has one, which is kept elsewhere.
    """

    id: str
    source: str
    kind: str
    urgent: bool
    command: Mapping[str, Any]
    state: State
    attempts: int
    created_at: datetime
    updated_at: datetime
    next_try_at: datetime | None
    result: Mapping[str, Any] | None
    problem: Mapping[str, Any] | None
    has_client_secret: bool

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @classmethod
    def of(cls, fields: Mapping[bytes, bytes]) -> "Job":
        """The job that Redis' hash describes."""
        text = {name.decode(): value for name, value in fields.items()}
        return cls(
            id=text["id"].decode(),
            source=text["source"].decode(),
            kind=text["kind"].decode(),
            urgent=text["urgent"] == b"1",
            command=orjson.loads(text["command"]),
            state=text["state"].decode(),  # type: ignore[arg-type]  # the scripts write no other
            attempts=int(text["attempts"]),
            created_at=_instant(text["created_at"]),
            updated_at=_instant(text["updated_at"]),
            next_try_at=_instant(text["next_try_at"]) if text.get("next_try_at") else None,
            result=orjson.loads(text["result"]) if text.get("result") else None,
            problem=orjson.loads(text["problem"]) if text.get("problem") else None,
            has_client_secret=text.get("has_client_secret") == b"1",
        )


class JobKeys:
    """The names of the jobs' keys; they share a hash tag, so a cluster keeps them together."""

    def __init__(self, prefix: str) -> None:
        self._tag = f"{{{prefix}:jobs}}"
        self.open = f"{self._tag}:open"

    def job(self, job_id: str) -> str:
        return f"{self._tag}:job:{job_id}"

    def done(self, job_id: str) -> str:
        return f"{self._tag}:done:{job_id}"

    def client_secret(self, job_id: str) -> str:
        return f"{self._tag}:secret:{job_id}"

    def idempotency(self, digest: str) -> str:
        return f"{self._tag}:key:{digest}"


def new_id() -> str:
    """An id that nobody guesses: `job_` and 24 URL-safe characters."""
    return f"job_{secrets.token_urlsafe(18)}"


def _instant(seconds: bytes) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
