"""The dashboard as its operator sees it: a process that only reads, and outlives a database that is away."""

import json
import socket
import time
from contextlib import contextmanager, suppress

import pytest

from ingest.event_log import Entry
from projections.dashboard.shared import AWAY_SECONDS
from tests.conftest import fresh_database, named
from tests.dashboard_process import SERVE, DashboardProcess
from tests.web_process import PATIENCE, event, until
from workers.checkpoints import advance, claim
from workers.database import apply_schema, connect, dial


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
    with opened(dashboard) as lines:
        assert any(b"retry:" in line for line in lines)
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


def test_before_there_are_tables_it_says_so_and_begins_by_itself_when_there_are(servers):
    with fresh_database(servers.database_url) as name:
        url = named(servers.database_url, name)
        early = DashboardProcess(url).enter()
        try:
            answer = early.get("/")
            assert (answer.status, answer.headers["Refresh"]) == (503, "5")
            assert b"The tables are not there yet" in answer.body
            with connect(url) as database:
                apply_schema(database)
                assert b"What it means" in early.get("/").body
                add_to_history(database, partition=0)
            assert told(early)
        finally:
            early.close()


def test_events_that_are_committed_late_are_told_of_although_later_ones_came_first(dashboard, settings):
    with dial(settings.database_url) as slow, dial(settings.database_url) as fast:
        fast.execute("INSERT INTO checkpoints (partition) VALUES (0), (1)")
        with slow.transaction():
            drain_one(slow, partition=0)
            drain_one(fast, partition=1)
            first = told(dashboard)
        until(lambda: told(dashboard) != first)


def drain_one(database, partition):
    """Write what a drain writes of one event into the history, and move the checkpoint."""
    entry = Entry(partition, "1-0", f"evt_{partition}", "default", "default", event(id=f"evt_{partition}"))
    add_to_history(database, partition)
    [checkpoint] = claim(database, [partition], at_most=1)
    advance(database, [(checkpoint, entry)])


def told(dashboard):
    """The number that an open page is told at first, as soon as there is one."""
    with opened(dashboard) as lines:
        return next(line for line in lines if line.startswith(b"data: "))


@contextmanager
def opened(dashboard):
    """The lines that an open page is sent."""
    with socket.create_connection(("127.0.0.1", dashboard.port), PATIENCE) as page:
        head = f"GET /changes HTTP/1.1\r\nHost: localhost\r\nCookie: {dashboard.cookie}\r\n\r\n"
        page.sendall(head.encode())
        with page.makefile("rb") as lines:
            yield lines


def add_to_history(database, partition):
    database.execute(
        "INSERT INTO events (event_id, type, created_at, source, account, livemode, object,"
        " received_at, log_partition, log_id, payload) VALUES"
        " (%s, 'ping', now(), 'default', 'default', true, 'ping', now(), %s, '1-0', '{}')",
        [f"evt_{partition}", partition],
    )


def test_a_redis_that_does_not_answer_is_not_waited_for_by_every_request(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        began = time.monotonic()
        dashboard = DashboardProcess(settings.database_url, program=SERVE, REDIS_URL=url).enter()
        try:
            assert [303] * 20 == [dashboard.get("/login").status for _ in range(20)]
            asked = 1 + (time.monotonic() - began) // AWAY_SECONDS
            assert 1 <= len(waiting(silent)) <= 2 * asked  # each is asked once more, by another connection
        finally:
            dashboard.close()


def waiting(listener):
    """The connections that nobody has accepted."""
    listener.setblocking(False)
    found = []
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            connection.close()
            found.append(connection)
    return found
