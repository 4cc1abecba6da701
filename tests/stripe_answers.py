"""What the double of Stripe is asked, how it fails when it is told to, and what it answers."""

import threading
from dataclasses import dataclass, field
from typing import Any

from tests.stripe_account import Shape


@dataclass(frozen=True)
class Request:
    """One request as it came in."""

    method: str
    path: str
    parameters: Shape
    key: str | None
    at: float
    account: str | None = None


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose method and path match `on` (a pattern).

    `acts` says that it goes wrong after the request was carried out; `text` is answered in place of JSON.
    Without a `status` the connection is cut; `hold` is waited for first.
    """

    on: str = "."
    status: int | None = None
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    error: Shape = field(default_factory=dict)
    text: str | None = None
    acts: bool = False
    times: int = 1
    hold: threading.Event | None = None


@dataclass
class Answer:
    status: int
    body: Shape | str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def passing(self) -> bool:
        """Whether the request was sent away before its endpoint saw it."""
        told_to_retry = self.headers.get("Stripe-Should-Retry") == "true"
        return told_to_retry or isinstance(self.body, str) or self.status in (401, 409, 429, 502, 503)


@dataclass
class Stored:
    """What Stripe remembers of an idempotency key; no answer while the first request is under way."""

    asked: tuple[str, str]
    answer: Answer | None = None


def listing(found: list[Shape]) -> Shape:
    return {"object": "list", "data": found, "has_more": False, "url": "/v1"}


def failure(status: int, code: str | None, message: str, **more: Any) -> Answer:
    kind = more.pop(
        "type", "card_error" if status == 402 else "api_error" if status >= 500 else "invalid_request_error"
    )
    return Answer(status, {"error": {"type": kind, "code": code, "message": message, **more}})
