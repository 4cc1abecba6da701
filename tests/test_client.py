"""The client: what it sends again, under which key, and what it makes of the answers."""

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
from api_client import API, INTENT, KEYS, jobs_of, perform
from redis import Redis

from ingest.client import AsyncClient, Client, JobFailed, Refused, Unavailable
from ingest.commands import CancelSubscription, CreatePaymentIntent, ResumeSubscription
from ingest.queues import checkout_queue, jobs_queue
from ingest.settings import Settings
from tests.web_process import PATIENCE, serving

PAYMENT = CreatePaymentIntent(total="12.50", currency="eur")
QUEUED = {
    **dict.fromkeys(("created_at", "updated_at"), "2026-11-02T10:00:00+00:00"),
    "id": "job_1",
    "kind": "create_payment_intent",
    "state": "queued",
    "attempts": 0,
    **dict.fromkeys(("next_try_at", "result", "problem")),
}


@pytest.fixture(scope="module")
def web(servers):
    with serving(servers.redis_url, **API) as web:
        yield web


@pytest.fixture(scope="module")
def redis(servers):
    with Redis.from_url(servers.redis_url) as redis:
        yield redis


@pytest.fixture
def queues(web, redis):
    settings = Settings.from_environment(web.environment)
    queues = {"checkout": checkout_queue(redis, settings), "jobs": jobs_queue(redis, settings)}
    yield queues
    for queue in queues.values():
        queue.empty()


@pytest.fixture
def client(web):
    return Client(f"http://127.0.0.1:{web.port}", KEYS["shop"])


@contextmanager
def performing(web, redis, queue, **outcome) -> Iterator[None]:
    thread = Thread(target=perform, args=(jobs_of(web, redis), queue), kwargs=outcome)
    thread.start()
    yield
    thread.join()


class Scripted:
    """A server that answers each request with the next of its answers; None cuts the connection."""

    def __init__(self, *answers: tuple[int, dict[str, str], object] | None) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve)

    def __enter__(self) -> Client:
        self._thread.start()
        self.client = Client(
            f"http://127.0.0.1:{self._listener.getsockname()[1]}/payments", "key", patience=PATIENCE
        )
        return self.client

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _ = self._listener.accept()
            with connection:
                self.requests.append(whole(connection))
                if answer is not None:
                    status, headers, body = answer
                    raw = json.dumps(body).encode()
                    fields = {**headers, "Content-Length": len(raw), "Connection": "close"}
                    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
                    connection.sendall(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + raw)

    def sent(self, header: str) -> list[str]:
        lines = [request.decode().partition("\r\n\r\n")[0].split("\r\n") for request in self.requests]
        return [line.partition(": ")[2] for head in lines for line in head if line.startswith(f"{header}: ")]


def whole(connection: socket.socket) -> bytes:
    """A request with its body: what is closed with something left to read is broken off for its client."""
    request = b""
    while not (head := re.match(rb".*?\r\n\r\n", request, re.DOTALL)):
        request += connection.recv(65_536)
    length = re.search(rb"Content-Length: (\d+)", head[0])
    while len(request) < head.end() + int(length[1] if length else 0):
        request += connection.recv(65_536)
    return request


def test_who_waits_gets_the_result(client, web, redis, queues):
    with performing(web, redis, queues["checkout"], client_secret="pi_1_secret_2"):
        job = client.submit(PAYMENT, wait=30)
    assert job.finished
    assert job.result == {**INTENT, "client_secret": "pi_1_secret_2", "publishable_key": "pk_test_1"}
    assert client.job(job.id) == job


def test_who_does_not_wait_can_ask_later(client, web, redis, queues):
    job = client.submit(PAYMENT)
    assert (job.state, job.result) == ("queued", None)
    with performing(web, redis, queues["jobs"]):
        assert client.job(job.id, wait=30).state == "succeeded"


def test_the_fields_of_the_path_stand_in_the_path(client, web, redis):
    job = client.submit(CancelSubscription(subscription="sub_1", at_period_end=False))
    assert jobs_of(web, redis).read(job.id).command == {"subscription": "sub_1", "at_period_end": False}
    assert client.submit(ResumeSubscription(subscription="sub_1")).kind == "resume_subscription"


def test_one_key_is_one_job(client):
    first = client.submit(PAYMENT, idempotency_key="order-1001")
    assert client.submit(PAYMENT, idempotency_key="order-1001").id == first.id
    assert client.submit(PAYMENT).id != client.submit(PAYMENT).id


def test_a_refusal_names_its_fields(client):
    with pytest.raises(Refused) as refused:
        client.submit(CreatePaymentIntent.model_construct(currency="EUR", amount=1250))
    assert (refused.value.status, set(refused.value.errors)) == (422, {"currency"})


def test_a_job_that_fails_while_it_is_waited_for_raises_why(client, web, redis, queues):
    problem = {"title": "Card error", "status": 402, "detail": "Declined.", "code": "card_declined"}
    with performing(web, redis, queues["checkout"], problem=problem), pytest.raises(JobFailed) as failed:
        client.submit(PAYMENT, wait=30)
    assert (failed.value.problem["code"], str(failed.value)) == ("card_declined", "Declined.")


def test_a_wrong_key_is_refused_at_once(web):
    with pytest.raises(Refused, match="Bearer key"):
        Client(f"http://127.0.0.1:{web.port}", "wrong").job("job_1")


def test_what_is_sent_again_bears_the_same_key():
    away = (503, {"Retry-After": "0"}, {"detail": "Redis does not answer"})
    with (script := Scripted(None, away, None, (202, {}, QUEUED))) as client:
        assert client.submit(PAYMENT).id == "job_1"
    keys = script.sent("Idempotency-Key")
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert all(request.startswith(b"POST /payments/payment-intents ") for request in script.requests)


def test_the_pause_that_is_asked_for_is_kept():
    with Scripted((503, {"Retry-After": "900"}, {"detail": "full"})) as client, pytest.raises(Unavailable):
        client.submit(PAYMENT)


def test_a_page_of_a_proxy_is_a_refusal_too():
    with Scripted((403, {"Content-Type": "text/html"}, "no")) as client, pytest.raises(Refused, match="403"):
        client.job("job_1")


def test_fields_that_a_later_version_adds_are_no_fault():
    with Scripted((202, {}, {**QUEUED, "colour": "red"})) as client:
        assert client.submit(PAYMENT).id == "job_1"


def test_asyncio_waits_for_many_at_once(web, redis, queues):
    async def ask() -> list[str]:
        async with AsyncClient(f"http://127.0.0.1:{web.port}", KEYS["shop"]) as client:
            asked = (client.submit(PAYMENT, idempotency_key="many", wait=30) for _ in range(20))
            jobs = await asyncio.gather(*asked)
            assert (await client.job(jobs[0].id)).finished
            with pytest.raises(Refused):
                await client.job("job_1")
            return [job.id for job in jobs]

    with performing(web, redis, queues["checkout"]):
        ids = asyncio.run(ask())
    assert len(ids) == 20
    assert len(set(ids)) == 1
