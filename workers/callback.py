"""Calling a client back: one POST that says what changed, signed."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import Message as Headers
from http.client import HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from ingest.payload import dump
from ingest.punctual import Punctual
from ingest.settings import Callback, Settings
from workers import standard_webhooks
from workers.outbox import Deliver, Message, Undelivered

SECONDS = 10.0
"""How long it may take to connect, and then until the answer has come."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def delivery(settings: Settings) -> Deliver:
    """Posts to the callback of the message's origin."""

    def deliver(message: Message) -> None:
        callback = settings.callback_of(message.origin)
        if callback is None:
            raise Undelivered("there is no CALLBACK_URL for its origin any more")
        post(message, callback)

    return deliver


def post(message: Message, callback: Callback) -> None:
    """Deliver; only a 2xx says that it was taken. Raises Undelivered."""
    body = dump(payload(message)).encode()
    secrets = [secret.get_secret_value() for secret in callback.secrets]
    signed = standard_webhooks.headers(message.key, int(time.time()), body, secrets)
    headers = {"Content-Type": "application/json", "User-Agent": "hooklog", **signed}
    request = Request(callback.url, body, headers)  # noqa: S310 - the settings take http(s) alone
    try:
        with _OPENER.open(request, timeout=SECONDS):
            return
    except HTTPError as answer:
        with answer:
            raise Undelivered(f"answered {answer.code}", _pause(answer.headers)) from None
    except (OSError, HTTPException) as error:
        raise Undelivered(f"not reached: {type(getattr(error, 'reason', error)).__name__}") from None


def payload(message: Message) -> Mapping[str, object]:
    """What is posted. `version` grows from one call about a user's access, or a payment, to the next."""
    outcome = message.message.get("outcome")
    return {
        "type": f"payment.{outcome}" if outcome else "access.changed",
        "timestamp": message.due_at,
        "data": {
            "account": message.account,
            "livemode": message.livemode,
            "origin": message.origin,
            "version": (message.due_at - EPOCH) // timedelta(microseconds=1),
            **message.message,
        },
    }


def _pause(headers: Headers) -> timedelta:
    """What Retry-After asks for in seconds; a date is not heeded."""
    asked = headers.get("Retry-After", "")
    return timedelta(seconds=min(int(asked), 3600)) if asked.isascii() and asked.isdigit() else timedelta(0)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """What is signed for one address is sent to no other: a redirect is a failure."""


class _PunctualHTTPS(Punctual, HTTPSConnection): ...


class _HTTP(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(Punctual, req)


class _HTTPS(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_PunctualHTTPS, req)


_OPENER = build_opener(_NoRedirects, _HTTP, _HTTPS)
