"""What the endpoint answers: 200 for what is durable, and for everything else why not."""

import json
import socket
import time

import pytest
from redis import Redis

from ingest.event_log import START, EventLog
from ingest.settings import Settings
from tests.web_process import PATIENCE, SECRET, event, serving, sign, until

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def web(servers):
    with serving(
        servers.redis_url,
        STRIPE_WEBHOOK_SECRET=f"whsec_next, {SECRET}",
        STRIPE_WEBHOOK_SECRET_MY_SHOP="whsec_my_shop",
        STRIPE_ACCOUNT_MY_SHOP="acct_my_shop",
    ) as web:
        yield web


def refused(answer, status: int, sentence: str) -> bool:
    problem = answer.json
    return (
        answer.status == problem["status"] == status
        and answer.headers["Content-Type"] == "application/problem+json"
        and problem["type"] == "about:blank"
        and sentence in problem["detail"]
    )


def test_a_delivery_is_stored_once_and_both_times_acknowledged(web):
    body = event()
    assert [web.post(body).json for _ in range(3)] == [
        {"received": True, "outcome": "stored"},
        {"received": True, "outcome": "duplicate"},
        {"received": True, "outcome": "duplicate"},
    ]


def test_either_secret_is_good_while_they_are_rolled(web):
    body = event()
    assert web.post(body, signature=sign(body, "whsec_next")).status == 200
    both = f"{sign(body, 'whsec_gone')},{sign(body).split(',')[1]}"
    assert web.post(body, signature=both).json["outcome"] == "duplicate"


@pytest.mark.parametrize("path", ["/webhooks/my_shop", "/webhooks/my-shop", "/webhooks/My-Shop"])
def test_a_source_has_secrets_of_its_own_however_it_is_spelt(web, path):
    body = event()
    assert web.post(body, path=path, signature=sign(body, "whsec_my_shop")).status == 200
    assert web.line_of(json.loads(body)["id"])["source"] == "my_shop"
    assert refused(web.post(event(), path=path), 400, "no signature matches")


def test_two_spellings_are_one_source(web):
    body = event()
    signature = sign(body, "whsec_my_shop")
    outcomes = [
        web.post(body, path=f"/webhooks/{name}", signature=signature).json["outcome"]
        for name in ("my-shop", "my_shop")
    ]
    assert outcomes == ["stored", "duplicate"]


def test_one_event_from_two_sources_or_in_two_versions_is_two_deliveries(web):
    body = event(id=f"evt_{time.time_ns()}")
    older = json.dumps({**json.loads(body), "api_version": "2020-08-27"}).encode()
    assert web.post(body).json["outcome"] == "stored"
    assert web.post(older).json["outcome"] == "stored"
    elsewhere = web.post(body, path="/webhooks/my_shop", signature=sign(body, "whsec_my_shop"))
    assert elsewhere.json["outcome"] == "stored"


def test_a_thin_event_is_stored(web):
    thin = event(
        object="v2.core.event",
        created="2026-03-01T10:00:00.000Z",
        data=...,
        related_object={"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
    )
    assert web.post(thin).json["outcome"] == "stored"


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("", "missing"),
        ("nonsense", "scheme=value"),
        ("t=1,v0=abc", "no signature matches"),
        (f"t={'9' * 5000},v1=abc", "timestamp"),
        ("t=1700000000,v1=é", "ASCII"),
    ],
)
def test_a_bad_signature_is_refused(web, signature, reason):
    assert refused(web.post(event(), signature=signature), 400, reason)


@pytest.mark.parametrize("age", [310, 86_400, -900, -86_400])
def test_an_old_signature_replayed_and_one_of_the_future_are_refused(web, age):
    body = event()
    assert refused(web.post(body, signature=sign(body, age=age)), 400, "a replay")


def test_another_body_under_a_good_signature_is_refused(web):
    assert refused(web.post(event(), signature=sign(event())), 400, "no signature matches")


def test_a_body_that_is_not_utf8_is_refused(web):
    assert refused(web.post(b'{"id": "\xff"}', signature="t=1700000000,v1=abc"), 400, "UTF-8")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"[]", "not an object"),
        (b"{}", "'id'"),
        (event(id=...), "'id'"),
        (event(id=7), "'id'"),
        (event(type=...), "'type'"),
        (event(created=...), "'created'"),
        (event(created="yesterday"), "'created'"),
        (b'{"id": NaN}', "NaN"),
        (b'{"a":' + b"[" * 100_000, "too deeply"),
    ],
)
def test_a_signed_body_that_is_no_event_is_refused(web, body, reason):
    assert refused(web.post(body), 400, reason)


@pytest.mark.parametrize("path", ["/webhooks/other", "/webhooks/%00", "/webhooks/%C3%A9", "/webhooks/__"])
def test_an_unknown_source_is_not_found(web, path):
    assert refused(web.post(event(), path=path), 404, "no secret is configured")


@pytest.mark.parametrize("path", ["/", "/webhooks/", "/webhook", "/webhooks/my_shop/", "/healthz/x"])
def test_an_unknown_path_is_not_found(web, path):
    assert refused(web.post(event(), path=path), 404, "Not Found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/webhooks", {"POST"}),
        ("PUT", "/webhooks/my_shop", {"POST"}),
        ("OPTIONS", "/webhooks", {"POST"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("DELETE", "/readyz", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_not_allowed_and_the_answer_says_which_is(web, method, path, allowed):
    answer = web.request(method, path, {})
    assert refused(answer, 405, "Method Not Allowed")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_a_body_of_one_mebibyte_is_read_and_one_byte_more_is_not(web):
    empty = event(padding="")
    largest = event(padding="x" * (MEBIBYTE - len(empty)))
    assert len(largest) == MEBIBYTE
    assert web.post(largest).status == 200
    assert refused(web.post(largest + b" "), 413, "bytes")


def test_a_large_body_is_refused_before_it_is_sent(web):
    head = f"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: {MEBIBYTE + 1}\r\n\r\n"
    answer = web.exchange(head.encode())
    assert refused(answer, 413, "at most 1048576")
    assert answer.headers["Connection"] == "close"


def test_a_large_body_of_unknown_length_is_refused_when_it_is_too_much(web):
    head = b"POST /webhooks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (MEBIBYTE + 1, b"x" * (MEBIBYTE + 1))
    assert refused(web.exchange(head + chunk), 413, "more than 1048576")


def test_a_chunked_body_is_read_like_any_other(web):
    body = event()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:50], body[50:])) + b"0\r\n\r\n"
    head = f"POST /webhooks HTTP/1.1\r\nHost: x\r\nStripe-Signature: {sign(body)}\r\n"
    answer = web.exchange(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    assert answer.json["outcome"] == "stored"


def test_a_body_that_does_not_come_is_waited_for_no_longer_than_the_bound(servers):
    head = b"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    with serving(servers.redis_url, WEBHOOK_TIMEOUT_SECONDS="0.5") as web:
        for begun in (b"", b'{"id": '):
            began = time.monotonic()
            answer = web.exchange(head + begun)
            assert refused(answer, 408, "did not come within 0.5 s")
            assert answer.headers["Connection"] == "close"
            assert time.monotonic() - began > 0.4


def test_a_client_that_hangs_up_does_no_harm(web):
    head = b"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.sendall(head)
    assert web.post(event()).status == 200
    until(lambda: [line for line in web.lines() if "closed" in str(line.get("reason"))])
    assert not [line for line in web.lines() if "error" in line]


def test_a_connection_serves_many_deliveries(web):
    bodies = [event() for _ in range(3)]
    request = b"".join(
        f"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        f"Stripe-Signature: {sign(body)}\r\n\r\n".encode()
        + body
        for body in bodies
    )
    with socket.create_connection(("127.0.0.1", web.port), PATIENCE) as connection:
        connection.sendall(request)
        received = b""
        while received.count(b'"outcome":"stored"') < 3:
            piece = connection.recv(65536)
            assert piece, received
            received += piece
    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_the_probes_answer(web):
    assert web.get("/healthz").json == {"status": "alive"}
    assert web.get("/readyz").json == {"status": "ready"}
    assert web.request("HEAD", "/healthz", {}).status == 200


def test_what_is_stored_is_what_was_signed(web, servers):
    body = event(note="ünïcode \u0000 and   spaces") + b" \n"
    assert web.post(body).status == 200
    log_settings = Settings.from_environment(web.environment)
    with Redis.from_url(servers.redis_url) as redis:
        partitions = range(log_settings.log_partitions)
        entries = EventLog(redis, log_settings).read(dict.fromkeys(partitions, START), 1000)
    [entry] = [entry for found in entries.values() for entry in found if entry.body == body]
    assert (entry.source, entry.account) == ("default", "default")
