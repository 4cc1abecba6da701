"""What the API answers, on a real server: jobs, waiting, idempotency, refusals."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import time

import pytest
from api_client import API, INTENT, PAYMENT, ApiClient, jobs_of, perform
from redis import Redis

from ingest.queues import checkout_queue, jobs_queue
from ingest.settings import Settings
from tests.web_process import serving, until

UNKNOWN = "job_" + "x" * 24


@pytest.fixture(scope="module")
def web(servers):
    with serving(servers.redis_url, **API) as web:
        yield web


@pytest.fixture
def shop(web):
    return ApiClient(web)


@pytest.fixture(scope="module")
def redis(servers):
    with Redis.from_url(servers.redis_url) as redis:
        yield redis


@pytest.fixture
def jobs(web, redis):
    return jobs_of(web, redis)


@pytest.fixture(scope="module")
def queues(web, redis):
    settings = Settings.from_environment(web.environment)
    return {"checkout": checkout_queue(redis, settings), "jobs": jobs_queue(redis, settings)}


@pytest.fixture
def performed(jobs, queues):
    """`performed(…)`: the next job that is waited for is performed like this."""
    threads = []

    def begin(**outcome):
        threads.append(Thread(target=perform, args=(jobs, queues["checkout"]), kwargs=outcome))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join()


@pytest.fixture(autouse=True)
def _empty_queues(queues):
    yield
    for queue in queues.values():
        queue.empty()


def refused(answer, status, sentence):
    problem = answer.json
    return (
        answer.status == problem["status"] == status
        and answer.headers["Content-Type"] == "application/problem+json"
        and sentence in problem["detail"]
    )


def test_a_request_becomes_a_job_that_is_told_where_it_is(shop, jobs, queues):
    answer = shop.post("/payment-intents")
    job = jobs.read(answer.json["id"])
    assert (answer.status, answer.headers["Location"]) == (202, f"/jobs/{job.id}")
    assert int(answer.headers["Retry-After"]) == 1
    assert answer.json["state"] == "queued"
    assert (job.source, job.kind, job.urgent) == ("shop", "create_payment_intent", False)
    assert job.command == {"amount": 1250, "currency": "eur", "order_id": "1001"}
    assert queues["jobs"].job_ids == [job.id]
    queued = queues["jobs"].fetch_job(job.id)
    assert (queued.func_name, list(queued.args)) == ("workers.perform.perform", [job.id])
    assert shop.get(f"/jobs/{job.id}").json == answer.json


def test_who_waits_gets_the_result(shop, jobs, performed):
    performed(client_secret="pi_1_secret_2")
    answer = shop.post("/payment-intents", prefer="wait=30")
    assert answer.status == 201
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["result"] == {
        **INTENT,
        "client_secret": "pi_1_secret_2",
        "publishable_key": "pk_test_1",
    }
    assert shop.get(answer.headers["Location"]).json == answer.json


def test_who_waits_goes_first(shop, queues):
    answer = shop.post("/payment-intents", prefer="respond-async, wait=1")
    assert answer.status == 202
    assert queues["checkout"].job_ids == [answer.json["id"]]
    assert queues["jobs"].job_ids == []


@pytest.mark.parametrize("prefer", ["wait=0", "wait=soon", "wait=-1", "handling=lenient", "respond-async"])
def test_a_preference_that_asks_for_no_wait_is_answered_at_once(shop, prefer):
    answer = shop.post("/payment-intents", prefer=prefer)
    assert (answer.status, answer.headers["Preference-Applied"]) == (202, None)


def test_many_who_wait_for_one_job_all_get_its_result(shop, performed):
    performed(client_secret="pi_1_secret_2")
    with ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(shop.post, "/payment-intents", prefer="wait=30", idempotency_key="many")
            for _ in range(8)
        ]
        answers = [one.result() for one in asked]
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1


def test_the_outcome_of_a_job_can_be_waited_for_afterwards(shop, jobs, queues):
    job_id = shop.post("/payment-intents").json["id"]
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(shop.get, f"/jobs/{job_id}", Prefer="wait=30")
        perform(jobs, queues["jobs"])
        answer = asked.result()
    assert answer.json["state"] == "succeeded"
    assert answer.headers["Preference-Applied"] == "wait=30"


def test_a_declined_card_is_told_as_stripe_tells_it(shop, performed):
    problem = {
        "title": "Card error",
        "status": 402,
        "detail": "Your card was declined.",
        "code": "card_declined",
    }
    performed(problem=problem)
    answer = shop.post("/payment-intents", prefer="wait=30")
    assert refused(answer, 402, "declined")
    assert (answer.json["code"], answer.headers["Location"]) == (
        "card_declined",
        f"/jobs/{answer.json['job']}",
    )
    shown = shop.get(answer.headers["Location"])
    assert (shown.status, shown.json["state"], shown.json["problem"]) == (200, "failed", problem)


@pytest.mark.parametrize(
    "status, told", [(401, 422), (403, 422), (409, 422), (429, 422), (500, 502), (503, 502)]
)
def test_a_failed_job_says_nothing_false_about_the_request(shop, performed, status, told):
    performed(problem={"title": "It failed", "status": status, "detail": "for some reason"})
    assert refused(shop.post("/payment-intents", prefer="wait=30"), told, "for some reason")


def test_what_is_another_sources_is_forbidden(shop, performed):
    performed(problem={"title": "No", "status": 403, "detail": "of another source", "code": "another_source"})
    assert refused(shop.post("/refunds", {"charge": "ch_1"}, prefer="wait=30"), 403, "of another source")


def test_a_job_that_is_retried_says_when_and_why(shop, jobs):
    job_id = shop.post("/payment-intents").json["id"]
    jobs.begin(job_id)
    at = datetime.now(UTC) + timedelta(seconds=50)
    jobs.retry_at(job_id, at, {"detail": "Stripe is busy"})
    answer = shop.get(f"/jobs/{job_id}")
    assert (answer.status, answer.json["state"], answer.json["attempts"]) == (200, "retrying", 1)
    assert answer.json["problem"]["detail"] == "Stripe is busy"
    left = (at - datetime.now(UTC)).total_seconds()
    assert max(int(left), 1) <= int(answer.headers["Retry-After"]) <= 51


def test_a_client_secret_that_is_no_longer_kept_is_fetched_anew(shop, jobs, redis, queues, performed):
    job_id = shop.post("/payment-intents").json["id"]
    perform(jobs, queues["jobs"], client_secret="pi_1_secret_2")
    [kept] = redis.scan_iter(f"*secret:{job_id}")
    redis.delete(kept)
    performed(result={}, client_secret="pi_1_secret_2")
    answer = shop.get(f"/jobs/{job_id}")
    assert answer.json["result"]["client_secret"] == "pi_1_secret_2"
    assert queues["checkout"].job_ids == []
    assert jobs.client_secret(job_id) == "pi_1_secret_2"


def test_a_client_secret_that_cannot_be_fetched_is_asked_for_once_a_minute_however_often_a_client_looks(
    shop, jobs, redis, queues
):
    job_id = shop.post("/payment-intents").json["id"]
    perform(jobs, queues["jobs"], client_secret="pi_1_secret_2")
    [kept] = redis.scan_iter(f"*secret:{job_id}")
    redis.delete(kept)
    first = time() // 60
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(shop.get, f"/jobs/{job_id}") for _ in range(4)]
        fetch = until(lambda: queues["checkout"].job_ids)
        jobs.begin(fetch[0])
        jobs.fail(fetch[0], {"title": "Stripe is away", "status": 502, "detail": "later"})
        answers = [one.result() for one in asked]
    minutes = 1 + time() // 60 - first
    assert {None} == {answer.json["result"]["client_secret"] for answer in answers}
    assert {"1"} == {answer.headers["Retry-After"] for answer in answers}
    assert 1 <= len(queues["checkout"].job_ids) <= minutes


def test_one_key_and_request_are_one_job_also_at_once(shop, queues):
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(shop.post, "/payment-intents", idempotency_key="once") for _ in range(16)]
        answers = {one.result().json["id"] for one in asked}
    assert len(answers) == 1
    assert queues["jobs"].job_ids == list(answers)


def test_an_amount_is_the_same_request_however_it_is_written(shop):
    first = shop.post("/payment-intents", {"total": "12.5", "currency": "eur"}, idempotency_key="written")
    again = shop.post("/payment-intents", b' {"currency":"eur", "amount":1250}', idempotency_key="written")
    assert first.json == again.json


def test_a_key_that_came_with_another_request_is_a_conflict(shop):
    shop.post("/payment-intents", idempotency_key="twice")
    other = {**PAYMENT, "total": "12.51"}
    assert refused(shop.post("/payment-intents", other, idempotency_key="twice"), 409, "another request")


def test_a_request_is_the_same_after_its_plans_price_changed(web, shop, redis):
    subscribe = {"user_id": "42", "plan_type": "pro"}
    first = shop.post("/subscriptions", subscribe, idempotency_key="before")
    with serving(
        web.environment["REDIS_URL"],
        **{**API, "STRIPE_PRICE_PRO_MONTHLY": "price_new", "LOG_PREFIX": web.environment["LOG_PREFIX"]},
    ) as later:
        again = ApiClient(later).post("/subscriptions", subscribe, idempotency_key="before")
        assert (202, first.json["id"]) == (again.status, again.json["id"])


def test_sources_share_no_keys(web, shop):
    mine = shop.post("/payment-intents", idempotency_key="ours")
    theirs = ApiClient(web, "platform").post("/payment-intents", idempotency_key="ours")
    assert mine.json["id"] != theirs.json["id"]


@pytest.mark.parametrize("key", ["", "with space", "ü", "x" * 256])
def test_an_idempotency_key_that_is_none_is_refused(shop, key):
    assert refused(shop.post("/payment-intents", idempotency_key=key), 400, "Idempotency-Key")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer wrong", "Basic key-of-the-shop", "Bearer é"])
@pytest.mark.parametrize("path", ["/payment-intents", "/customers", "/subscriptions/sub_1/resume"])
def test_without_a_key_nothing_is_accepted(web, path, authorization):
    answer = web.request("POST", path, {"Authorization": authorization} if authorization else {}, b"")
    assert refused(answer, 401, "Bearer key")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_key_nothing_is_told(web, shop):
    job_id = shop.post("/payment-intents").json["id"]
    assert refused(web.get(f"/jobs/{job_id}"), 401, "Bearer key")
    assert refused(web.get("/users/42/access"), 401, "Bearer key")


def test_a_source_may_have_several_keys(web):
    answer = web.request("GET", f"/jobs/{UNKNOWN}", {"Authorization": "bearer new-key-of-the-shop"})
    assert refused(answer, 404, "no such job")


def test_a_job_of_another_source_is_forbidden(web, shop):
    job_id = shop.post("/payment-intents").json["id"]
    assert refused(ApiClient(web, "platform").get(f"/jobs/{job_id}"), 403, "another source")


def test_access_needs_the_service_that_has_the_database(shop):
    answer = shop.get("/users/42/access")
    assert refused(answer, 503, "database")
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("body", [b"{", b'{"amount": NaN}', b"\xff", b"", b"[" * 100_0, b"[]", b"7", b"null"])
def test_a_body_that_is_no_json_object_is_refused(shop, body):
    answer = shop.post("/payment-intents", body)
    assert refused(answer, 400, "JSON") if body else refused(answer, 422, "currency: is required")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_a_body_of_another_type_is_refused(shop, kind):
    answer = shop.post("/payment-intents", content_type=kind)
    assert refused(answer, 415, "application/json")
    assert answer.headers["Accept-Post"] == "application/json"


def test_a_charset_changes_nothing(shop):
    assert shop.post("/payment-intents", content_type="Application/JSON; charset=utf-8").status == 202


def test_a_body_that_is_too_large_is_refused(shop):
    body = b'{"currency": "' + b"x" * 65_536 + b'"}'
    assert refused(shop.post("/payment-intents", body), 413, "65536")


def test_each_field_that_is_wrong_is_named(shop):
    body = {
        "amount": 12.5,
        "currency": "EUR",
        "colour": "red",
        "metadata": {"a": 1},
        "capture_method": "later",
    }
    answer = shop.post("/payment-intents", body)
    assert answer.status == 422
    fields = {error["field"]: error["detail"] for error in answer.json["errors"]}
    assert fields.keys() == {"amount", "currency", "colour", "metadata.a", "capture_method"}
    assert fields["colour"] == "there is no such field"
    assert "'manual'" in fields["capture_method"]


def test_a_plan_that_is_not_sold_is_refused_by_name(shop):
    answer = shop.post("/subscriptions", {"user_id": "42", "plan_type": "basic"})
    assert refused(answer, 422, "STRIPE_PRICE_BASIC_MONTHLY")
    assert "pro by month, pro by year" in answer.json["detail"]
    assert {error["field"] for error in answer.json["errors"]} == {"plan_type", "billing_cycle"}


def test_what_stands_in_the_path_is_part_of_the_command(shop, jobs):
    answer = shop.post("/subscriptions/sub_1/cancel", {"at_period_end": False})
    assert jobs.read(answer.json["id"]).command == {"subscription": "sub_1", "at_period_end": False}
    assert shop.post("/subscriptions/sub_1/resume", b"").status == 202
    assert refused(shop.post("/subscriptions/x/resume", b""), 422, "subscription")
    assert refused(shop.post("/subscriptions/sub_1/resume", {"subscription": "sub_2"}), 422, "in the path")


def test_another_method_or_path_is_a_problem_too(shop, web):
    assert refused(shop.get("/payment-intents"), 405, "Method Not Allowed")
    assert refused(shop.post("/payment-intent"), 404, "Not Found")


def test_no_secret_and_no_personal_data_is_logged(web, shop, performed):
    performed(client_secret="pi_1_secret_2")
    body = {**PAYMENT, "customer_email": "jenny@example.com"}
    answer = shop.post("/payment-intents", body, prefer="wait=30", idempotency_key="logged")
    line = until(lambda: next((line for line in web.lines() if line.get("job") == answer.json["id"]), None))
    assert (line["source"], line["kind"], line["outcome"]) == ("shop", "create_payment_intent", "succeeded")
    written = web.output()
    for secret in (b"key-of", b"secret_2", b"jenny", b"logged", b"pk_test"):
        assert secret not in written
