"""The creators' job: from a request's record to Stripe, and to what its client is told."""

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import stripe
import structlog
from redis import Redis
from redis.exceptions import RedisError

from ingest.job import Job
from ingest.jobs import Jobs
from ingest.pause import Pause as CreatorsPause
from ingest.queues import REDIS_DRIVER
from ingest.settings import Settings
from workers import (
    cancel_payment_intent,
    cancel_subscription,
    capture_payment_intent,
    change_subscription,
    create_customer,
    create_payment_intent,
    create_refund,
    create_subscription,
    customers,
    fetch_client_secret,
    resume_subscription,
    sync_order,
)
from workers.idempotency import IdempotencyKeys
from workers.job_attempt import Attempt, Made
from workers.observations import ObservedLog
from workers.stripe_errors import verb
from workers.verbs import Pause, Problem, Reject, Retry, Verb

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 300.0
"""Seconds between attempts: doubled each time, and jittered down to the half."""

OUR_FAULT: Problem = {
    "type": "about:blank",
    "title": "A fault of the service",
    "status": 500,
    "detail": "the service failed at this job, and logged why",
}

log = structlog.get_logger()


class Performer:
    """Performs jobs, one at a time, on one connection. `redis` is the log's."""

    def __init__(self, settings: Settings, redis: "Redis") -> None:
        self._settings = settings
        self._redis = redis
        self._jobs = Jobs(redis, settings)
        self._keys = IdempotencyKeys(redis, settings)
        self._pause = CreatorsPause(redis, settings)
        self._observed = ObservedLog(redis, settings)

    def perform(self, job_id: str) -> None:
        """Try a job once, and write down what became of it; one that is finished stays as it is."""
        job = self._jobs.begin(job_id)
        if job is None:
            return
        paused, taken = self._pause.now() is not None, True
        attempt = Attempt(job, self._settings, self._redis)
        try:
            made = self._try(attempt)
        except Pause as refusal:
            self._wait_for_a_key(job, refusal)
            return
        except Retry as later:
            taken = False  # or perhaps not: a proxy may have said so
            self._put_off(job, later)
        except Reject as refusal:
            self._jobs.fail(job.id, refusal.problem)
            log.info("the job failed", job=job.id, kind=job.kind, reason=_named(refusal))
        else:
            self._jobs.succeed(job.id, made.result, made.client_secret)
            log.info("the job is done", job=job.id, kind=job.kind, attempts=job.attempts)
        if attempt.observed:  # after the answer, for which a checkout waits; the webhook will tell the same
            self._observed.append(attempt.observed)
        if paused and taken and attempt.answered:
            self._pause.lift()
            log.info("Stripe takes the key; the creators go on")

    @staticmethod
    def _try(attempt: Attempt) -> Made:
        try:
            return KINDS[attempt.job.kind](attempt)
        except stripe.StripeError as error:
            raise verb(error) from error
        except Reject as refusal:
            raise customers.replaced(attempt, refusal) from refusal
        except (Verb, RedisError):
            raise
        except Exception as fault:
            log.exception("a job met a fault of ours; it is tried again", job=attempt.job.id)
            raise Retry(OUR_FAULT) from fault

    def _put_off(self, job: Job, later: Retry) -> None:
        since = self._keys.failing_since(job.id)
        deadline = since + timedelta(hours=self._settings.stripe_retry_hours)
        now = datetime.now(UTC)
        if now >= deadline:
            self._jobs.fail(job.id, later.problem)
            log.warning("the job failed; it was tried for long enough", job=job.id, reason=_named(later))
            return
        pause = min(max(later.after, backoff(job.attempts)), LONGEST_PAUSE)
        self._jobs.retry_at(job.id, min(now + timedelta(seconds=pause), deadline), later.problem)
        log.info("the job is tried again", job=job.id, seconds=round(pause, 1), reason=_named(later))

    def _wait_for_a_key(self, job: Job, refusal: Pause) -> None:
        self._pause.begin(refusal.reason)
        self._keys.let_rest(job.id)
        self._jobs.retry_at(job.id, datetime.now(UTC) + timedelta(seconds=1), refusal.problem)
        log.error("Stripe does not take STRIPE_SECRET_KEY: the creators pause", reason=refusal.reason)


def backoff(attempts: int) -> float:
    """Seconds to wait after so many attempts."""
    whole = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 16), LONGEST_PAUSE)
    return random.uniform(whole / 2, whole)  # noqa: S311 - it spreads retries, and hides nothing


def _named(why: Verb) -> str:
    """Why, for the log: Stripe's code, which holds no personal data, unlike its sentences."""
    return str(why.problem.get("code") or why.problem["title"])


KINDS: Mapping[str, Callable[[Attempt], Made]] = {
    "create_payment_intent": create_payment_intent.perform,
    "capture_payment_intent": capture_payment_intent.perform,
    "cancel_payment_intent": cancel_payment_intent.perform,
    "create_subscription": create_subscription.perform,
    "change_subscription": change_subscription.perform,
    "cancel_subscription": cancel_subscription.perform,
    "resume_subscription": resume_subscription.perform,
    "create_refund": create_refund.perform,
    "create_customer": create_customer.perform,
    "sync_order": sync_order.perform,
    "fetch_client_secret": fetch_client_secret.perform,
}


_performer: Performer | None = None


def begin(settings: Settings) -> Performer:
    """Make this process, and those it forks, perform with these settings."""
    global _performer
    assert settings.redis_url
    _performer = Performer(settings, Redis.from_url(settings.redis_url, driver_info=REDIS_DRIVER))
    return _performer


def perform(job_id: str) -> None:
    """RQ's entry."""
    (_performer or begin(Settings.from_environment())).perform(job_id)
