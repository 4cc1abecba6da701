"""What is logged of a request, and what never is."""

import json
import os
import pty
import re
import sys
from subprocess import PIPE, Popen, run

import pytest

from tests.web_process import SECRET, event, serving, sign, until

MARK = "jenny@example.com"
"""Part of every test event's payload."""


@pytest.fixture(scope="module")
def web(servers):
    with serving(servers.redis_url, STRIPE_WEBHOOK_SECRET_SHOP="whsec_of_the_shop") as web:
        yield web


def requests(web):
    return [line for line in web.lines() if line["event"] == "request"]


def lines_after(web, *sends):
    """The lines of what is sent, in order."""
    before = len(requests(web))
    for number, send in enumerate(sends, 1):
        send()
        until(lambda: len(requests(web)) >= before + number)  # noqa: B023 - called at once
    return requests(web)[before:]


def test_a_delivery_leaves_one_line_that_says_what_it_was_and_what_became_of_it(web):
    body = event(id="evt_logged", type="customer.created")
    signature = sign(body, "whsec_of_the_shop")
    deliver = lambda: web.post(body, path="/webhooks/shop", signature=signature)  # noqa: E731
    first, second = lines_after(web, deliver, deliver)
    assert set(first) == {
        *("timestamp", "level", "event", "source", "event_id", "type", "outcome", "status", "duration_ms")
    }
    assert (first["event_id"], first["type"], first["source"]) == ("evt_logged", "customer.created", "shop")
    assert (first["outcome"], second["outcome"]) == ("stored", "duplicate")
    assert (first["status"], first["level"]) == (200, "info")
    assert 0 < first["duration_ms"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", first["timestamp"])


def test_a_refusal_leaves_one_line_with_the_reason(web):
    [line] = lines_after(web, lambda: web.post(event(), signature=""))
    assert (line["outcome"], line["status"], line["level"]) == ("refused", 400, "warning")
    assert line["reason"] == "the Stripe-Signature header is missing"
    assert line["source"] == "default"


def test_nothing_that_did_not_verify_is_logged(web):
    unverified = "unverified_3f9a"
    forged = event(id=f"evt_{unverified}", type=unverified, note=unverified)
    lines = lines_after(
        web,
        lambda: web.post(forged, signature=sign(event())),
        lambda: web.post(forged, signature=f"t=1,v1={unverified}"),
        lambda: web.post(forged, path=f"/webhooks/{unverified}"),
        lambda: web.post(forged, path=f"/{unverified}?{unverified}={unverified}"),
        lambda: web.post(forged[:-1] + b"\xff}", signature="t=1700000000,v1=0"),
        lambda: web.request(unverified.upper(), "/webhooks", {}) and web.request("PUT", "/webhooks", {}),
    )
    assert [line["status"] for line in lines] == [400, 400, 404, 404, 400, 405]
    assert unverified.encode() not in web.output().lower()


def test_no_payload_secret_or_signature_is_ever_logged(web):
    body = event()
    lines_after(
        web,
        lambda: web.post(body),
        lambda: web.post(body, signature=sign(body, age=1000)),
        lambda: web.post(event(id=...)),
        lambda: web.post(event(created=MARK)),
        lambda: web.post(body[:-1]),
    )
    for secret in (MARK, SECRET, "whsec", "v1=", "t=1", sign(body)[-64:]):
        assert secret.encode() not in web.output()


def test_nor_is_the_part_of_a_payload_that_came(servers):
    cut_short = f"POST /webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n{MARK}"
    with serving(servers.redis_url, WEBHOOK_TIMEOUT_SECONDS="0.5") as web:
        [line] = lines_after(web, lambda: web.exchange(cut_short.encode()))
        assert 408 == line["status"]
        assert MARK.encode() not in web.output()


def test_a_probe_that_succeeds_leaves_no_line(web):
    [line] = lines_after(web, lambda: web.get("/healthz") and web.get("/readyz") and web.get("/nowhere"))
    assert (line["status"], line["reason"]) == (404, "Not Found")


FAILS = """
from ingest import logging
logging.configure()
import logging as standard
def fold(payload):
    raise KeyError(payload)
try:
    fold("jenny@example.com")
except KeyError:
    standard.getLogger("somewhere").exception("could not %s", "fold")
    logging.log.error("nor here", exc_info=True)
standard.getLogger("elsewhere").debug("too quiet")
"""


def test_a_traceback_is_logged_as_its_frames_without_the_values():
    output = run([sys.executable, "-c", FAILS], stdout=PIPE, check=True).stdout
    ours, theirs = map(json.loads, reversed(output.splitlines()))
    assert theirs["event"] == "could not fold"
    assert theirs["logger"] == "somewhere"
    assert ours["event"] == "nor here"
    for line in (ours, theirs):
        assert (line["level"], line["error"]) == ("error", "KeyError")
        assert line["frames"] == ["<string>:8 <module>", "<string>:6 fold"]
    assert MARK.encode() not in output


def test_on_a_terminal_lines_are_for_people():
    ours, theirs = pty.openpty()
    code = "from ingest import logging; logging.configure(); logging.log.info('request', outcome='stored')"
    with Popen([sys.executable, "-c", code], stdout=theirs) as process:
        process.wait()
    os.close(theirs)
    line = re.sub(rb"\x1b\[[0-9;]*m", b"", os.read(ours, 65536))
    os.close(ours)
    assert re.search(rb"\[info *\] request +outcome=stored", line)
