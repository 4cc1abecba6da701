"""All workers together stay under Stripe's rates, and a checkout finds room among any number of others."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from pydantic import SecretStr
from redis import Redis

from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import without_database
from workers import rate_limit
from workers.rate_limit import IDLE, PATIENT, URGENT, RateLimit, is_live
from workers.stripe_client import endpoint


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


class Admission(NamedTuple):
    """A call was admitted between these two instants: Redis alone knows when."""

    asked: float
    answered: float


class Watched(RateLimit):
    """A limit that remembers whom it admitted and how often it refused."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        super().__init__(redis, settings)
        self.admissions: list[Admission] = []
        self.refusals = 0

    def admit(self, endpoint: str, share: float) -> int:
        asked = time.monotonic()
        pause = super().admit(endpoint, share)
        if pause:
            self.refusals += 1
        else:
            self.admissions.append(Admission(asked, time.monotonic()))
        return pause

    def calls(self, count: int, endpoints: list[str], share: float) -> list[Admission]:
        """So many calls by eight workers at once."""
        self.admissions = []
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: self.wait(endpoints[number % len(endpoints)], share), range(count)))
        return self.admissions


def limited(settings: Settings, redis: Redis, rate: int | None, key: str = "sk_test_x") -> Watched:
    update = {"stripe_rate_limit": rate, "stripe_secret_key": SecretStr(key)}
    return Watched(redis, settings.model_copy(update=update))


SECOND = 0.99
"""Redis' second by the clock of the test: the two may drift."""


def most_in_a_second(calls: list[Admission]) -> int:
    """The most calls that one second certainly held, however late their answers were seen."""
    return max(
        sum(begin.asked <= call.asked and call.answered < begin.asked + SECOND for call in calls)
        for begin in calls
    )


def lasted(calls: list[Admission]) -> float:
    return max(call.answered for call in calls) - min(call.asked for call in calls)


def test_workers_together_stay_under_the_limit(settings: Settings, redis: Redis) -> None:
    calls = limited(settings, redis, 10).calls(25, ["a", "b", "c"], URGENT)
    assert most_in_a_second(calls) <= 10
    assert lasted(calls) > 2 * SECOND


def test_who_is_refused_is_told_when_the_next_call_has_room(settings: Settings, redis: Redis) -> None:
    limit = limited(settings, redis, 1)
    for _ in range(3):
        limit.wait("a", URGENT)
    assert limit.refusals <= 4  # one a call, and a moment early where the clocks drift


def test_an_endpoint_has_a_limit_of_its_own(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "ENDPOINT_LIMIT", 4)
    limit = limited(settings, redis, 100)
    calls = limit.calls(7, ["a"], URGENT)
    assert most_in_a_second(calls) <= 4
    assert lasted(calls) > SECOND
    assert limit.admit("b", URGENT) == 0


def test_a_checkout_finds_room_while_others_fill_their_share(settings: Settings, redis: Redis) -> None:
    limit = limited(settings, redis, 20)
    assert lasted(limit.calls(16, ["a"], PATIENT)) > SECOND
    limit.calls(14, ["a"], PATIENT)
    assert [limit.admit("a", URGENT) for _ in range(5)] == [0] * 5


def test_a_job_finds_room_while_lookups_fill_their_share(settings: Settings, redis: Redis) -> None:
    limit = limited(settings, redis, 20)
    assert lasted(limit.calls(11, ["a"], IDLE)) > SECOND
    limit.calls(9, ["a"], IDLE)
    assert [limit.admit("a", PATIENT) for _ in range(5)] == [0] * 5


@pytest.mark.parametrize(
    ("key", "live"),
    [("sk_live_x", True), ("rk_live_x", True), ("sk_test_live_x", False), ("rk_test_x", False)],
)
def test_a_live_key_may_call_more_often(settings: Settings, redis: Redis, key: str, live: bool) -> None:
    assert live == is_live(settings.model_copy(update={"stripe_secret_key": SecretStr(key)}))
    assert (80 if live else 20) == limited(settings, redis, None, key).limit


@pytest.mark.parametrize(
    "path", ["payment_intents", "payment_intents/pi_1/capture", "payment_intents?limit=1"]
)
def test_what_is_about_one_kind_of_object_is_one_endpoint(path: str) -> None:
    assert "payment_intents" == endpoint(f"https://api.stripe.com/v1/{path}")
