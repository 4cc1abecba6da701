"""The dashboard as its operator sees it: a process that only reads, and outlives a database that is away."""

import json
import socket

import pytest

from tests.dashboard_process import DashboardProcess


@pytest.fixture
def dashboard(settings):
    process = DashboardProcess(settings.database_url)
    yield process.enter()
    process.close()


def test_it_answers_with_a_strict_policy_and_nothing_stays_in_a_cache(dashboard):
    answer = dashboard.get("/")
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_style_sheet_is_kept_for_ever_under_an_address_of_its_own(dashboard):
    page = dashboard.get("/").body.decode()
    address = next(part for part in page.split('"') if part.endswith("base.css"))
    assert "immutable" in dashboard.get(address).headers["Cache-Control"]
    assert dashboard.get("/assets/another/base.css").status == 404


def test_it_stops_at_once_when_told_while_a_page_is_open(dashboard):
    with socket.create_connection(("127.0.0.1", dashboard.port), 10) as page:
        page.sendall(
            f"GET /changes HTTP/1.1\r\nHost: localhost\r\nCookie: {dashboard.cookie}\r\n\r\n".encode()
        )
        assert any(b"retry:" in line for line in page.makefile("rb"))
        assert dashboard.stop() == 0
    assert not [line for line in dashboard.lines() if line["level"] == "error"]


def test_without_a_database_it_says_so_and_goes_on():
    away = DashboardProcess("postgresql://nobody@127.0.0.1:1/none")
    try:
        away.enter()
        answer = away.get("/")
        assert (answer.status, answer.headers["Refresh"]) == (503, "5")
        assert b"The database does not answer" in answer.body
        assert json.loads(away.get("/healthz").body) == {"status": "alive"}
    finally:
        away.close()
