"""The observer as a process of its own: SIGKILL at any moment loses nothing and tells nothing twice."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from ingest.settings import Settings
from tests.observing import Observing, observing
from tests.stripe_double import KEY
from tests.stripe_names import settle
from tests.web_process import PATIENCE, until
from workers.database import Connection


@pytest.fixture
def stripe(settings: Settings, database: Connection, redis: Redis) -> Iterator[Observing]:
    with observing(settings, database, redis) as stripe:
        yield stripe


@contextmanager
def observer(stripe: Observing, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """One that works until the block ends, by SIGTERM unless it is dead already."""
    settings = stripe.settings
    environment = os.environ | {
        "REDIS_URL": str(settings.redis_url),
        "DATABASE_URL": str(settings.database_url),
        "LOG_PREFIX": settings.log_prefix,
        "STRIPE_SECRET_KEY": KEY,
        "STRIPE_API_BASE": stripe.double.api_base,
    }
    command = [sys.executable, "-m", "workers.command", "observer"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) in (0, -signal.SIGKILL), log.read_text()


def drain_all(stripe: Observing) -> None:
    """Drain what the observer tells, until nothing is wanted any more."""

    def drained() -> bool:
        stripe.drain()
        return not stripe.lookups()

    until(drained)  # another process appends: there is nothing to wait on


def name_one(stripe: Observing) -> None:
    settle(stripe.double.account, stripe.charge())
    stripe.drain()
    stripe.due()


def test_it_looks_up_what_is_named_and_ends_when_it_is_told_to(stripe: Observing, tmp_path: Path) -> None:
    with observer(stripe, tmp_path / "observer.log"):
        name_one(stripe)
        drain_all(stripe)
    assert 1 == len(stripe.pipeline.rows("balance_transactions"))


def test_killed_during_the_call(stripe: Observing, tmp_path: Path) -> None:
    name_one(stripe)
    hold = threading.Event()
    stripe.double.fail("GET", hold=hold, acts=True)
    with observer(stripe, tmp_path / "killed.log") as process:
        stripe.double.wait_for("GET")
        process.kill()
        process.wait()
    hold.set()
    assert [(1, None)] == stripe.lookups("attempts", "gone_at")
    with observer(stripe, tmp_path / "next.log"):
        stripe.due()  # the lease passes
        drain_all(stripe)
    assert 1 == len(stripe.pipeline.rows("balance_transactions"))


def test_killed_after_it_told_the_log(stripe: Observing, tmp_path: Path) -> None:
    name_one(stripe)
    with observer(stripe, tmp_path / "killed.log") as process:
        until(lambda: observations(stripe))
        process.kill()
        process.wait()
    with observer(stripe, tmp_path / "next.log"):
        stripe.due()  # the lease passes, and nobody has drained
        until(lambda: observations(stripe) == 2)
        drain_all(stripe)
    assert 1 == sum(row["type"] == "balance_transaction.observed" for row in stripe.pipeline.rows("events"))
    assert 1 == len(stripe.pipeline.rows("balance_transactions"))


def observations(stripe: Observing) -> int:
    """How many the log holds."""
    logs = [stripe.pipeline.log.keys.log(number) for number in range(stripe.settings.log_partitions)]
    entries = [fields[b"e"] for key in logs for _, fields in stripe.redis.xrange(key)]
    return sum(name.startswith(b"obs_") for name in entries)
