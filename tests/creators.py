"""The creators without their processes: jobs are asked for, and performed here, against the double."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from redis import Redis

from ingest import pause
from ingest.command import Command
from ingest.job import Job
from ingest.jobs import Jobs
from ingest.settings import Settings
from tests.stripe_double import KEY, StripeDouble
from workers import rate_limit
from workers.perform import Performer

HOUR = 3600

PRICES = {"price_pro_month": ("pro", "month"), "price_basic_month": ("basic", "month")}


class Creators:
    """`ask` makes a job's record, `perform` tries it once, as a worker would."""

    def __init__(self, settings: Settings, redis: "Redis", double: StripeDouble) -> None:
        self.double = double
        self.redis = redis
        self.settings = settings.model_copy(
            update={
                "stripe_secret_key": SecretStr(KEY),
                "stripe_api_base": double.api_base,
                "stripe_rate_limit": 10_000,
                "prices": PRICES,
            }
        )
        self.jobs = Jobs(redis, self.settings)
        self.performer = Performer(self.settings, redis)

    def ask(self, kind: str, source: str = "shop", **command: Any) -> str:
        """A new job; its id."""
        job, fresh = self.jobs.create(source, kind, command)
        assert fresh
        return job.id

    def perform(self, job_id: str, times: int = 1) -> Job:
        """Try a job; the job afterwards."""
        for _ in range(times):
            self.performer.perform(job_id)
        return self.job(job_id)

    def done(self, kind: str, source: str = "shop", **command: Any) -> Job:
        """A new job that succeeds at once."""
        job = self.perform(self.ask(kind, source, **command))
        assert "succeeded" == job.state, job.problem
        return job

    def request(self, command: Command, source: str = "shop") -> Job:
        """A job that the API makes of a request, tried once."""
        return self.perform(self.ask(command.kind, source, **command.job_command(self.settings.prices)))

    def performer_of_its_own(self) -> Performer:
        """As another worker has one."""
        assert self.settings.redis_url
        return Performer(self.settings, Redis.from_url(self.settings.redis_url))

    def with_key(self, key: str) -> Performer:
        """Another worker, started with another secret key."""
        settings = self.settings.model_copy(update={"stripe_secret_key": SecretStr(key)})
        return Performer(settings, self.redis)

    def let_a_day_pass(self, job_id: str) -> None:
        """Stripe forgets its keys, and the job's first call was a day ago."""
        self.double.forget_keys()
        key = f"{{{self.settings.log_prefix}:stripe}}:key:{job_id}"
        self.redis.hincrbyfloat(key, "since", -86_400)

    def let_the_trial_come(self) -> None:
        """As long as paused creators wait until one of them tries a job."""
        assert self.redis.delete(f"{{{self.settings.log_prefix}:creators}}:paused:trial")

    def job(self, job_id: str) -> Job:
        job = self.jobs.read(job_id)
        assert job is not None
        return job


def without_database(redis_url: str) -> Settings:
    """A log that no other test sees, for creators, which need no more."""
    return Settings.from_environment({"REDIS_URL": redis_url, "LOG_PREFIX": f"test_{uuid4().hex[:12]}"})


@contextmanager
def creators(settings: Settings, redis: "Redis") -> Iterator[Creators]:
    """Creators with a double of their own, which sells a few plans."""
    with StripeDouble() as double, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rate_limit, "ENDPOINT_LIMIT", 10_000)
        patch.setattr(pause, "TRIAL_SECONDS", HOUR)  # until a test lets the trial come
        patch.setattr(pause, "KEPT_SECONDS", 2 * HOUR)
        double.account.price("price_basic_month", 1000)
        double.account.price("price_pro_month", 2900)
        yield Creators(settings, redis, double)
