"""GET /users/{user_id}/access: asked by a client with its key, answered from the database at this moment."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from api_client import API, ApiClient

from tests.billing_objects import DAY, NOON, event, item, price, subscription
from tests.conftest import namespace
from tests.web_process import WebProcess

SERVE = """
import sys
from projections import access_route
from workers.command import main
access_route.CONNECT_SECONDS, access_route.ANSWER_MILLISECONDS = 60, 60_000
sys.argv[1:] = ["web"]
main()
"""
NOBODY = {
    "plan_type": None,
    "has_access": False,
    "access_until": None,
    "reason": "none",
    "subscription_id": None,
}


def serve(settings, **environment):
    known = {"REDIS_URL": settings.redis_url, "LOG_PREFIX": settings.log_prefix, **API, **environment}
    return WebProcess(known, SERVE)


@pytest.fixture(scope="module")
def place(servers):
    """One database for all: each test begins with an empty one."""
    with namespace(servers) as settings:
        yield settings


@pytest.fixture
def settings(place):
    return place


@pytest.fixture(scope="module")
def web(place):
    web = serve(place, DATABASE_URL=place.database_url, STRIPE_SECRET_KEY="sk_test_1")
    yield web
    web.stop()
    web.close()


@pytest.fixture
def subscribed(pipeline):
    """`subscribed(user_id, source, …)`: the user has a subscription that this source asked for."""
    pipeline.forget()

    def subscribed(user_id, source="platform", **more):
        of = price(metadata={"plan_type": "pro"})
        metadata = {"user_id": user_id, "source": source}
        subject = subscription(item(of=of), metadata=metadata, **{"id": f"sub_{user_id}", **more})
        pipeline.deliver(event("customer.subscription.created", subject, NOON))
        pipeline.run()

    return subscribed


def test_a_client_is_told_of_its_own_users_and_of_no_others(web, subscribed):
    subscribed("u_1", cancel_at=NOON + 10_000 * DAY)
    platform, shop = ApiClient(web, "platform"), ApiClient(web, "shop")
    answer = platform.get("/users/u_1/access")
    assert (200, "no-store") == (answer.status, answer.headers["Cache-Control"])
    assert {
        "user_id": "u_1",
        "livemode": False,
        "plan_type": "pro",
        "has_access": True,
        "access_until": "2051-04-01T22:13:20+00:00",
        "reason": "canceled",
        "subscription_id": "sub_u_1",
    } == answer.json
    assert NOBODY.items() <= shop.get("/users/u_1/access").json.items()


def test_a_source_is_the_same_however_its_subscriptions_spell_it(web, subscribed):
    subscribed("u_1", "Platform")
    assert ApiClient(web, "platform").get("/users/u_1/access").json["has_access"]


def test_a_user_of_whom_nothing_is_known_has_no_access(web):
    answer = ApiClient(web, "platform").get("/users/nobody/access")
    assert (200, {"user_id": "nobody", "livemode": False, **NOBODY}) == (answer.status, answer.json)


def test_test_data_let_nobody_in_where_real_money_counts(web, subscribed):
    subscribed("u_1")
    platform = ApiClient(web, "platform")
    assert not platform.get("/users/u_1/access?livemode=true").json["has_access"]
    assert platform.get("/users/u_1/access?livemode=false").json["has_access"]
    assert 400 == platform.get("/users/u_1/access?livemode=perhaps").status


@pytest.mark.parametrize("user_id", ["a b", "ü@example.com", "'; --", "100%", "org/7"])
def test_an_id_may_be_whatever_the_client_made_it(web, subscribed, user_id):
    subscribed(user_id)
    answer = ApiClient(web, "platform").get(f"/users/{quote(user_id, safe='')}/access")
    assert (user_id, True) == (answer.json["user_id"], answer.json["has_access"])


def test_an_id_that_no_database_can_hold_is_refused(web):
    assert 400 == ApiClient(web, "platform").get("/users/a%00b/access").status


def test_without_a_key_nothing_is_told(web):
    assert 401 == web.get("/users/u_1/access").status


def test_many_may_ask_at_once(web, subscribed):
    subscribed("u_1")
    platform = ApiClient(web, "platform")
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: platform.get("/users/u_1/access"), range(80)))
    assert {(200, True)} == {(answer.status, answer.json["has_access"]) for answer in answers}


@pytest.mark.parametrize("database", [{}, {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}])
def test_without_postgres_it_answers_503_and_the_rest_goes_on(settings, database):
    web = serve(settings, **database)
    answer = ApiClient(web, "platform").get("/users/u_1/access")
    assert 503 == answer.status
    assert answer.headers["Retry-After"]
    assert 200 == web.get("/readyz").status
    web.stop()
    web.close()
