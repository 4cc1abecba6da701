"""The web process as its operator sees it: it starts, says where it listens, and stops when told."""

import signal
import socket

import pytest

from ingest.serving import CannotListen, listen
from tests.web_process import PATIENCE, event, serving, sign, until


@pytest.fixture
def web(servers):
    with serving(servers.redis_url) as web:
        yield web


def test_it_says_where_it_listens(web):
    [line] = [line for line in web.lines() if line["event"] == "listening"]
    assert (line["host"], line["port"]) == ("127.0.0.1", web.port)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_when_told(web, stop):
    assert web.post(event()).status == 200
    web.process.send_signal(stop)
    assert web.process.wait(PATIENCE) == 0
    assert not [line for line in web.lines() if "error" in line or line["level"] == "error"]


def test_a_delivery_that_has_begun_is_answered_before_it_stops(web):
    body = event()
    head = f"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection(("127.0.0.1", web.port), PATIENCE) as connection:
        connection.sendall(f"{head}Stripe-Signature: {sign(body)}\r\n\r\n".encode() + body[:20])
        assert web.get("/healthz").status == 200  # so the beginning was read, too
        web.process.terminate()
        until(lambda: [line for line in web.lines() if line["event"] == "Shutting down"])
        connection.sendall(body[20:])
        assert b'"outcome":"stored"' in connection.makefile("rb").read()
    assert web.process.wait(PATIENCE) == 0


def test_an_address_that_cannot_be_had_is_named_with_its_variables():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        in_use = rf"port {port} of 127.0.0.1 \(Address already in use\): .* PORT"
        with pytest.raises(CannotListen, match=in_use):
            listen("127.0.0.1", port, "PORT")
    with pytest.raises(CannotListen, match="HOST"):
        listen("203.0.113.1", 0, "PORT")


def test_it_sends_no_server_header_and_no_access_log(web):
    answer = web.post(event())
    assert "Server" not in answer.headers
    until(lambda: [line for line in web.lines() if line["event"] == "request"])
    assert not [line for line in web.lines() if line.get("logger") == "uvicorn.access"]
