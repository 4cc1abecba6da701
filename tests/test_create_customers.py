"""One customer per source and user, whoever asks, however many at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from redis import Redis

from ingest.settings import Settings
from tests.conftest import Servers
from tests.creators import Creators, creators, without_database


@pytest.fixture
def settings(servers: Servers) -> Settings:
    return without_database(servers.redis_url)


@pytest.fixture
def shop(settings: Settings, redis: Redis) -> Iterator[Creators]:
    with creators(settings, redis) as shop:
        yield shop


def customer(shop: Creators, source: str = "shop", user: str = "u1", **facts: object) -> str:
    result = shop.done("create_customer", source, user_id=user, **facts).result
    assert result is not None
    return str(result["id"])


def forget(shop: Creators) -> None:
    """Redis loses what it remembered."""
    for key in shop.redis.scan_iter(f"{{{shop.settings.log_prefix}:stripe}}:*"):
        shop.redis.delete(key)


def test_two_hundred_requests_for_a_new_user_make_one_customer(shop: Creators) -> None:
    shop.double.latency = 0.01
    jobs = [shop.ask("create_payment_intent", amount=100, currency="eur", user_id="u1") for _ in range(200)]
    performers = [shop.performer_of_its_own() for _ in range(8)]

    def work(worker: int) -> None:
        for job_id in jobs[worker :: len(performers)]:
            while not shop.job(job_id).finished:
                performers[worker].perform(job_id)

    with ThreadPoolExecutor(len(performers)) as pool:
        list(pool.map(work, range(len(performers))))
    [made] = shop.double.account.of("customer")
    intents = shop.double.account.of("payment_intent")
    assert (200, {made["id"]}) == (len(intents), {intent["customer"] for intent in intents})


def test_a_user_of_another_source_is_another_customer(shop: Creators) -> None:
    assert customer(shop, "shop") != customer(shop, "platform")
    assert {"shop", "platform"} == {each["metadata"]["source"] for each in shop.double.account.of("customer")}


def test_email_and_name_follow_by_an_update(shop: Creators) -> None:
    first = customer(shop, email="a@example.com", name="A")
    second = customer(shop, email="b@example.com", metadata={"tier": "gold"})
    [made] = shop.double.account.of("customer")
    assert {made["id"]} == {first, second}
    assert ("b@example.com", "A", "gold") == (made["email"], made["name"], made["metadata"]["tier"])
    creation = shop.double.calls("POST /v1/customers$")[0]
    assert {"metadata": {"source": "shop", "user_id": "u1"}} == creation.parameters
    assert "customer:shop:u1" == creation.key


def test_what_is_so_already_is_not_updated(shop: Creators) -> None:
    customer(shop, email="a@example.com")
    customer(shop, email="a@example.com")
    assert 1 == len(shop.double.calls("POST /v1/customers/"))


def test_where_redis_forgot_stripes_key_still_leads_to_the_customer(shop: Creators) -> None:
    first = customer(shop)
    forget(shop)
    assert first == customer(shop)


def test_where_both_forgot_search_finds_the_customer(shop: Creators) -> None:
    user = "o'neill\\"
    first = customer(shop, user=user)
    forget(shop)
    shop.double.forget_keys()
    shop.double.search_lag = 0
    assert first == customer(shop, user=user)


def test_a_deleted_customer_is_replaced(shop: Creators) -> None:
    first = customer(shop)
    shop.double.account.objects[first] = {"id": first, "object": "customer", "deleted": True}
    second = customer(shop)
    assert first != second == customer(shop)


def test_a_payment_of_a_user_whose_customer_was_deleted_is_made_for_a_new_one(shop: Creators) -> None:
    first = customer(shop)
    del shop.double.account.objects[first]
    job_id = shop.ask("create_payment_intent", amount=100, currency="eur", user_id="u1")
    shop.perform(job_id, times=3)
    [made] = shop.double.account.of("customer")
    [intent] = shop.double.account.of("payment_intent")
    assert ("succeeded", made["id"]) == (shop.job(job_id).state, intent["customer"])


def test_who_learns_late_that_a_customer_was_deleted_leaves_the_new_one_alone(shop: Creators) -> None:
    first = customer(shop)
    late = shop.ask("create_payment_intent", amount=100, currency="eur", user_id="u1")
    hold = threading.Event()
    shop.double.fail(
        "POST /v1/payment_intents", 400, "resource_missing", error={"param": "customer"}, hold=hold
    )
    performer = shop.performer_of_its_own()
    with ThreadPoolExecutor(1) as pool:
        performing = pool.submit(performer.perform, late)
        shop.double.wait_for("POST /v1/payment_intents")
        del shop.double.account.objects[first]
        second = customer_made_anew(shop)
        hold.set()
        performing.result()
    assert "succeeded" == shop.perform(late, times=2).state
    assert second == customer(shop)
    assert [second] == [each["id"] for each in shop.double.account.of("customer")]


def customer_made_anew(shop: Creators) -> str:
    """By a payment that finds the old one missing."""
    job_id = shop.ask("create_payment_intent", amount=100, currency="eur", user_id="u1")
    result = shop.perform(job_id, times=3).result
    assert result is not None
    return str(result["customer"])


def test_an_email_is_not_forgotten_by_who_is_cut_off_before_it_is_told(shop: Creators) -> None:
    job_id = shop.ask(
        "create_payment_intent", amount=100, currency="eur", user_id="u1", customer_email="a@example.com"
    )
    shop.double.fail("POST /v1/customers/cus")
    assert ["retrying", "succeeded"] == [shop.perform(job_id).state, shop.perform(job_id).state]
    [made] = shop.double.account.of("customer")
    assert "a@example.com" == made["email"]


def test_a_very_long_user_id_fits_into_a_key(shop: Creators) -> None:
    customer(shop, user="u" * 200)
    assert all(len(call.key or "") <= 255 for call in shop.double.calls("POST"))
