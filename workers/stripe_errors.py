"""Which verb an error of Stripe's is. Pure: the one place that judges errors."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import stripe

from workers.verbs import Pause, Problem, Reject, Retry, Verb

IN_FLIGHT = "idempotency_key_in_use"
RETRY_CODES = {IN_FLIGHT, "lock_timeout", "rate_limit"}
MESSAGE_LENGTH = 1000

NO_KEY = {"status": 503, "detail": "Stripe does not take this service's key: the job waits until it does"}
"""What clients are told of it, to whom the key is no business."""


def verb(error: stripe.StripeError) -> Verb:
    """What to do about `error`. `Stripe-Should-Retry` overrules what its status would say."""
    status = error.http_status or 0
    headers: Mapping[str, str] = error.headers or {}
    should_retry = headers.get("stripe-should-retry")
    problem = _problem(error)
    if isinstance(error, stripe.AuthenticationError):
        return Pause({**problem, **NO_KEY}, str(problem["detail"]))
    if isinstance(error, stripe.IdempotencyError) and problem.get("code") != IN_FLIGHT:
        return Retry(problem, spent=True)
    if status == 500 and should_retry == "false":
        return Retry(problem, spent=True)
    transient = (
        isinstance(error, stripe.APIConnectionError | stripe.RateLimitError)
        or status >= 500
        or status in (0, 409)
        or 200 <= status < 300  # no JSON: a proxy answered, not Stripe
        or problem.get("code") in RETRY_CODES
    )
    if should_retry == "true" or (transient and (should_retry != "false" or status >= 500)):
        return Retry(problem, after=_retry_after(headers))
    return Reject(problem)


def _problem(error: stripe.StripeError) -> Problem:
    told: Mapping[str, Any] = {}
    if isinstance(error.json_body, Mapping) and isinstance(error.json_body.get("error"), Mapping):
        told = error.json_body["error"]
    problem = {
        "type": "about:blank",
        "title": _TITLES.get(type(error), "Stripe did not do it"),
        "status": error.http_status or 502,
        "detail": _message(error),
        "request_id": error.request_id,
        **{name: told.get(name) for name in ("code", "decline_code", "param", "doc_url")},
    }
    return {name: value for name, value in problem.items() if value is not None}


def _message(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.APIConnectionError):
        return "Stripe could not be reached, or did not answer in time"
    return (error.user_message or "Stripe gave no reason")[:MESSAGE_LENGTH]


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds; the header names them, or an HTTP date, which is measured from the answer's own."""
    value = headers.get("retry-after", "")
    if value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
    except (ValueError, KeyError, TypeError):
        return 0.0


_TITLES: Mapping[type[stripe.StripeError], str] = {
    stripe.APIConnectionError: "Stripe is away",
    stripe.AuthenticationError: "Stripe does not take the key",
    stripe.CardError: "The card was declined",
    stripe.InvalidRequestError: "Stripe refuses the request",
    stripe.PermissionError: "The key may not do this",
    stripe.RateLimitError: "Too many requests",
}
