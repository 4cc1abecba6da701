"""All workers together stay under Stripe's rates, and a checkout finds room among any number of others."""

import time
from concurrent.futures import ThreadPoolExecutor

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


def limited(settings: Settings, redis: Redis, rate: int | None, key: str = "sk_test_x") -> RateLimit:
    update = {"stripe_rate_limit": rate, "stripe_secret_key": SecretStr(key)}
    return RateLimit(redis, settings.model_copy(update=update))


def calls(limit: RateLimit, count: int, endpoints: list[str], share: float) -> list[float]:
    """So many calls by eight workers at once; when each began."""

    def call(number: int) -> float:
        limit.wait(endpoints[number % len(endpoints)], share)
        return time.monotonic()

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(call, range(count)))


def most_in_a_second(began: list[float]) -> int:
    # What a worker sees of its turn may be late by a moment.
    return max(sum(start <= each < start + 0.95 for each in began) for start in began)


def test_workers_together_stay_under_the_limit(settings: Settings, redis: Redis) -> None:
    began = calls(limited(settings, redis, 10), 25, ["a", "b", "c"], URGENT)
    assert most_in_a_second(began) <= 10
    assert 2.0 <= began[-1] - began[0] < 3.0


def test_an_endpoint_has_a_limit_of_its_own(
    settings: Settings, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "ENDPOINT_LIMIT", 4)
    limit = limited(settings, redis, 100)
    began = calls(limit, 7, ["a"], URGENT)
    assert most_in_a_second(began) <= 4
    start = time.monotonic()
    limit.wait("b", URGENT)
    assert time.monotonic() - start < 0.5


def test_a_checkout_finds_room_while_others_fill_their_share(settings: Settings, redis: Redis) -> None:
    limit = limited(settings, redis, 20)
    others = calls(limit, 16, ["a"], PATIENT)
    assert others[15] - others[0] > 0.9
    others = calls(limit, 14, ["a"], PATIENT)
    start = time.monotonic()
    for _ in range(5):
        limit.wait("a", URGENT)
    assert time.monotonic() - start < 0.5


def test_a_job_finds_room_while_lookups_fill_their_share(settings: Settings, redis: Redis) -> None:
    limit = limited(settings, redis, 20)
    lookups = calls(limit, 11, ["a"], IDLE)
    assert lookups[10] - lookups[0] > 0.9
    lookups = calls(limit, 9, ["a"], IDLE)
    start = time.monotonic()
    for _ in range(5):
        limit.wait("a", PATIENT)
    assert time.monotonic() - start < 0.5


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
