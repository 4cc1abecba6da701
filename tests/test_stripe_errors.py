"""What becomes of a job for every class of error that Stripe answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

import pytest
from redis import Redis

from ingest.pause import Pause
from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators, without_database
from tests.stripe_double import KEY
from tests.web_process import serving
from workers import perform
from workers.perform import LONGEST_PAUSE, backoff


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


def ask(shop: Creators) -> str:
    return shop.ask("create_payment_intent", amount=1250, currency="eur")


DECLINED = {"decline_code": "insufficient_funds"}


@pytest.mark.parametrize(
    ("status", "code", "how"),
    [
        (429, None, {}),
        (429, "lock_timeout", {}),
        (400, "rate_limit", {"headers": {"Stripe-Should-Retry": "true"}}),
        (409, "idempotency_key_in_use", {"error": {"type": "idempotency_error"}}),
        (409, "lock_timeout", {}),
        (500, None, {}),
        (502, None, {}),
        (503, None, {}),
        (None, None, {}),
        (400, None, {"headers": {"Stripe-Should-Retry": "true"}}),
        (500, None, {"headers": {"Stripe-Should-Retry": "false"}}),
    ],
)
def test_what_passes_is_tried_again(
    shop: Creators, status: int | None, code: str | None, how: dict[str, Any]
) -> None:
    shop.double.fail("POST", status, code, **how)
    job = shop.perform(ask(shop))
    assert ("retrying", True) == (job.state, job.next_try_at is not None)
    assert "succeeded" == shop.perform(job.id, times=2).state


@pytest.mark.parametrize(
    ("status", "code", "how"),
    [
        (402, "card_declined", {"error": DECLINED}),
        (400, "parameter_invalid_integer", {"error": {"param": "amount"}}),
        (404, "resource_missing", {}),
        (403, None, {}),
        (429, None, {"headers": {"Stripe-Should-Retry": "false"}}),
    ],
)
def test_what_stays_fails_with_stripes_reason(
    shop: Creators, status: int, code: str | None, how: dict[str, Any]
) -> None:
    shop.double.fail("POST", status, code, **how)
    job = shop.perform(ask(shop))
    assert "failed" == job.state
    assert job.problem is not None
    told = how.get("error", {}) | ({"code": code} if code else {}) | {"detail": "told to fail"}
    assert told | {"status": status} == {name: job.problem[name] for name in [*told, "status"]}


def test_an_answer_that_is_no_json_is_no_refusal_of_stripes(shop: Creators) -> None:
    shop.double.fail("POST", 200, text="<html>a proxy's page</html>")
    job = shop.perform(ask(shop))
    assert ("retrying", "succeeded") == (job.state, shop.perform(job.id).state)


def puts_off(shop: Creators, seconds: int) -> bool:
    """Whether a job that is tried now is tried again so many seconds later."""
    before = datetime.now(UTC)
    at = shop.perform(ask(shop)).next_try_at
    assert at is not None
    return before <= at - timedelta(seconds=seconds) <= datetime.now(UTC)


def test_a_fault_of_ours_is_retried_too_and_told_in_the_end(
    shop: Creators, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(_: object) -> NoReturn:
        raise KeyError("currency")

    job_id = ask(shop)
    with monkeypatch.context() as patch:
        patch.setattr(perform, "KINDS", {"create_payment_intent": faulty})
        job = shop.perform(job_id)
    assert ("retrying", 500) == (job.state, (job.problem or {})["status"])
    assert "succeeded" == shop.perform(job_id).state


def test_stripe_names_the_seconds_to_wait(shop: Creators) -> None:
    shop.double.fail("POST", 429, headers={"Retry-After": "37"})
    assert puts_off(shop, 37)


def test_no_pause_is_longer_than_five_minutes(shop: Creators) -> None:
    shop.double.fail("POST", 503, headers={"Retry-After": "86400"})
    assert puts_off(shop, 300)


def test_pauses_double_with_jitter_up_to_five_minutes() -> None:
    for attempts in range(1, 40):
        whole = min(0.5 * 2 ** (attempts - 1), LONGEST_PAUSE)
        assert whole / 2 <= backoff(attempts) <= whole
    assert len({backoff(5) for _ in range(10)}) > 1


def test_a_job_that_is_tried_for_long_enough_fails_with_the_reason(shop: Creators) -> None:
    job_id = ask(shop)
    shop.double.fail("POST", 503, times=2)
    shop.perform(job_id)
    key = f"{{{shop.settings.log_prefix}:stripe}}:key:{job_id}"
    shop.redis.hincrbyfloat(key, "failing", -shop.settings.stripe_retry_hours * 3600)
    job = shop.perform(job_id)
    assert job.problem is not None
    assert ("failed", 503) == (job.state, job.problem["status"])


# ------------------------------------------------------------------ the key is refused


def test_a_refused_key_pauses_the_creators_and_burns_no_job(shop: Creators) -> None:
    shop.double.keys = set()
    job = shop.perform(ask(shop))
    assert "retrying" == job.state
    assert job.problem is not None
    assert (503, True) == (job.problem["status"], "this service's key" in job.problem["detail"])
    paused = Pause(shop.redis, shop.settings).now()
    assert paused is not None
    assert "Invalid API Key provided" == paused.reason
    assert KEY.encode() not in b"".join(
        shop.redis.get(key) or b"" for key in shop.redis.scan_iter("*:paused")
    )


def test_a_pause_is_told_by_readyz_which_still_answers_200(shop: Creators) -> None:
    shop.double.keys = set()
    shop.perform(ask(shop))
    assert shop.settings.redis_url is not None
    with serving(shop.settings.redis_url, LOG_PREFIX=shop.settings.log_prefix) as web:
        answer = web.get("/readyz")
    assert (200, "ready") == (answer.status, answer.json["status"])
    assert "Stripe does not take STRIPE_SECRET_KEY: see ./run status" == answer.json["creators"]["reason"]


def test_the_creators_go_on_when_stripe_takes_the_key_again(shop: Creators) -> None:
    pause = Pause(shop.redis, shop.settings)
    shop.double.keys = set()
    job_id = ask(shop)
    shop.perform(job_id)
    shop.double.keys = {KEY}
    assert not pause.may_try()
    shop.let_the_trial_come()
    assert [True, False] == [pause.may_try(), pause.may_try()]
    assert "succeeded" == shop.perform(job_id).state
    assert pause.now() is None


def test_a_pause_goes_on_while_nobody_knows_whether_stripe_takes_the_key(shop: Creators) -> None:
    shop.double.keys = set()
    shop.perform(ask(shop))
    shop.double.keys = {KEY}
    job_id = ask(shop)
    shop.double.fail("POST")
    assert "retrying" == shop.perform(job_id).state
    assert Pause(shop.redis, shop.settings).now() is not None
    assert "succeeded" == shop.perform(job_id).state
    assert Pause(shop.redis, shop.settings).now() is None


def test_a_pause_is_of_one_key(shop: Creators) -> None:
    shop.double.keys = {"sk_test_other"}
    job_id = ask(shop)
    shop.perform(job_id)
    shop.with_key("sk_test_other").perform(job_id)
    assert "succeeded" == shop.job(job_id).state


def test_a_pause_does_not_use_up_the_hours_of_retrying(shop: Creators) -> None:
    job_id = ask(shop)
    shop.double.fail("POST", 503, times=2)
    shop.perform(job_id)
    key = f"{{{shop.settings.log_prefix}:stripe}}:key:{job_id}"
    shop.redis.hincrbyfloat(key, "failing", -shop.settings.stripe_retry_hours * 3600)
    shop.double.keys = set()
    shop.perform(job_id)
    shop.double.keys = {KEY}
    assert "retrying" == shop.perform(job_id).state
