"""Calling clients back: signed, in order, again where it failed, and given up after three days."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ingest.payload import dump
from ingest.settings import Callback
from tests.receiver import receiving
from tests.web_process import PATIENCE, until
from workers import callback, outbox, standard_webhooks
from workers.commands.dead_letters import dead_letters
from workers.outbox_worker import OutboxWorker

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def calling(settings, receiver):
    return settings.model_copy(
        update={"callbacks": {"default": Callback(url=receiver.url, secrets=(SECRET,))}}
    )


@pytest.fixture
def worker(calling, monkeypatch):
    """What is refused is not tried again before the test says so, however slow the machine is."""
    monkeypatch.setattr(outbox, "FIRST_PAUSE", outbox.LONGEST_PAUSE)
    worker = OutboxWorker(calling)
    yield worker
    worker.close()


@pytest.fixture
def put(database):
    """`put(cause, …)`: a message of user u_1, due now or after so many seconds."""

    def put(cause, *, user="u_1", origin="platform", due=0.0, kind="access", **message):
        message = {"user_id": user, "has_access": True, **message}
        database.execute(
            "INSERT INTO outbox (kind, account, livemode, origin, subject, cause, object_id, message, due_at)"
            " VALUES (%s, 'default', false, %s, %s, %s, 'sub_1', %s,"
            " clock_timestamp() + make_interval(secs => %s))",
            [kind, origin, user, cause, dump(message), due],
        )

    return put


@pytest.fixture
def deliver(worker):
    """Deliver all that is due now."""

    def deliver():
        while worker.run_once(patience=5.0):
            pass

    return deliver


def again(database):
    """End the pauses."""
    database.execute("UPDATE outbox SET try_at = NULL")


def rows(database):
    return database.execute("SELECT * FROM outbox ORDER BY due_at, id").fetchall()


def test_a_change_is_posted_once_and_signed(put, deliver, receiver, database):
    put("evt_1", plan_type="pro", access_until=None, reason="active", subscription_id="sub_1")
    deliver()
    deliver()
    [call], [headers], [row] = receiver.calls, receiver.headers, rows(database)
    data = {
        "account": "default",
        "livemode": False,
        "origin": "platform",
        "version": round(row["due_at"].timestamp() * 1_000_000),
        "user_id": "u_1",
        "has_access": True,
        "plan_type": "pro",
        "access_until": None,
        "reason": "active",
        "subscription_id": "sub_1",
    }
    assert ("access.changed", data) == (call["type"], call["data"])
    at = int(headers["webhook-timestamp"])
    expected = standard_webhooks.headers(headers["webhook-id"], at, receiver.bodies[0], [SECRET])
    assert expected["webhook-signature"] == headers["webhook-signature"]
    assert abs(at - time.time()) < 3600
    assert "application/json" == headers["content-type"]
    assert row["delivered_at"]


def test_what_is_due_later_waits(put, deliver, receiver):
    put("evt_1", due=3600)
    deliver()
    assert [] == receiver.calls


def test_each_origin_is_called_at_its_own_address(settings, receiver, put):
    with receiving() as other:
        callbacks = {
            "default": Callback(url=receiver.url, secrets=("a",)),
            "shop": Callback(url=other.url, secrets=("b",)),
        }
        worker = OutboxWorker(settings.model_copy(update={"callbacks": callbacks}))
        for origin in ("platform", "Shop", None):
            put(f"evt_{origin}", user=f"u_{origin}", origin=origin)
        while worker.run_once(patience=5.0):
            pass
        worker.close()
        assert {"platform", None} == {call["data"]["origin"] for call in receiver.calls}
        assert ["Shop"] == [call["data"]["origin"] for call in other.calls]


@pytest.mark.parametrize("answer", [500, 404, 302, 410, None])
def test_whatever_is_no_success_is_tried_again_under_the_same_id(put, deliver, receiver, database, answer):
    receiver.answers = [answer]
    receiver.extra = {"Location": receiver.url}
    put("evt_1")
    deliver()
    [row] = rows(database)
    assert (1, None) == (row["attempts"], row["delivered_at"])
    assert (f"answered {answer}" if answer else "not reached: RemoteDisconnected") == row["problem"]
    assert row["try_at"] > datetime.now(UTC)
    again(database)
    deliver()
    assert [2, True, None] == [rows(database)[0][name] or None for name in ("attempts",)] + [
        rows(database)[0]["delivered_at"] is not None,
        rows(database)[0]["problem"],
    ]
    assert 1 == len({headers["webhook-id"] for headers in receiver.headers})


def test_an_answer_that_comes_byte_by_byte_is_waited_for_no_longer_than_another(
    put, deliver, receiver, database, monkeypatch
):
    monkeypatch.setattr(callback, "SECONDS", 0.2)
    receiver.dripping.set()
    put("evt_1")
    deliver()
    [row] = rows(database)
    assert ("not reached: TimeoutError", None) == (row["problem"], row["delivered_at"])


def test_a_pause_that_the_receiver_asks_for_is_kept(put, deliver, receiver, database):
    receiver.answers, receiver.extra = [503], {"Retry-After": "900"}
    put("evt_1")
    deliver()
    assert rows(database)[0]["try_at"] > datetime.now(UTC) + timedelta(seconds=800)


def test_pauses_double_and_never_take_more_than_ten_minutes():
    pauses = [outbox.pause_after(attempt).total_seconds() for attempt in (1, 2, 3, 4, 30, 3000)]
    for pause, full in zip(pauses, [1, 2, 4, 8, 600, 600], strict=True):
        assert full / 2 <= pause <= full


def test_one_users_calls_keep_their_order_and_hold_up_nobody_else(put, deliver, receiver, database):
    receiver.answers = [500]
    put("evt_1", n=1)
    deliver()
    put("evt_2", n=2)
    put("evt_3", user="u_2", n=3)
    deliver()
    assert [1, 3] == [call["data"]["n"] for call in receiver.calls]
    again(database)
    deliver()
    assert [1, 3, 1, 2] == [call["data"]["n"] for call in receiver.calls]
    versions = [call["data"]["version"] for call in receiver.calls if call["data"]["n"] != 3]
    assert versions == sorted(versions)


def test_after_three_days_it_is_a_dead_letter_that_can_be_retried(put, deliver, receiver, database):
    receiver.answers = [500, 500]
    put("evt_1", n=1)
    deliver()
    database.execute("UPDATE outbox SET try_at = NULL, give_up_at = give_up_at - interval '3 days 1 second'")
    deliver()
    [row] = rows(database)
    assert row["dead_at"]
    put("evt_2", n=2)
    deliver()
    assert [1, 1, 2] == [call["data"]["n"] for call in receiver.calls]
    assert 1 == outbox.retry(database)
    deliver()
    assert [1, 1, 2, 1] == [call["data"]["n"] for call in receiver.calls]
    assert receiver.calls[2]["data"]["version"] > receiver.calls[3]["data"]["version"]
    assert all(row["delivered_at"] and not row["dead_at"] for row in rows(database))


def test_two_workers_deliver_each_once(calling, worker, put, receiver):
    other = OutboxWorker(calling)
    for n in range(30):
        put(f"evt_{n}", user=f"u_{n % 10}")
    busy = True
    while busy:
        busy = any([worker.run_once(patience=1.0), other.run_once(patience=1.0)])
    other.close()
    assert 30 == len({headers["webhook-id"] for headers in receiver.headers}) == len(receiver.calls)


def test_without_a_callback_for_its_origin_it_waits(settings, put, database):
    worker = OutboxWorker(settings)
    put("evt_1")
    while worker.run_once(patience=1.0):
        pass
    worker.close()
    assert "there is no CALLBACK_URL for its origin any more" == rows(database)[0]["problem"]


def test_what_a_killed_worker_had_claimed_is_delivered_after_its_lease(put, deliver, database, receiver):
    put("evt_1")
    assert 1 == len(outbox.claim(database, 8, ["access"]))  # and its worker is never heard of again
    deliver()
    assert [] == receiver.calls
    database.execute("UPDATE outbox SET try_at = try_at - %s", [outbox.LEASE])
    deliver()
    assert 1 == len(receiver.calls)


@pytest.fixture
def process(calling, receiver):
    """The command, on its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": calling.database_url,
        "CALLBACK_URL": receiver.url,
        "CALLBACK_SECRET": SECRET,
        "ALLOW_UNDURABLE": "1",
    }
    program = [sys.executable, "-m", "workers.command", "outbox"]
    process = subprocess.Popen(program, env=environment, stdout=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


def test_the_process_delivers_until_it_is_told_to_stop(process, put, receiver, database):
    put("evt_1")
    until(lambda: rows(database)[0]["delivered_at"])
    process.send_signal(signal.SIGTERM)
    assert 0 == process.wait(PATIENCE)
    assert 1 == len(receiver.calls)


def test_a_process_that_is_killed_during_a_call_leaves_it_to_the_next_under_the_same_id(
    process, put, receiver, database, deliver
):
    receiver.patient.clear()
    put("evt_1", n=1)
    put("evt_2", n=2)
    until(lambda: receiver.calls)
    process.kill()
    process.wait()
    receiver.patient.set()
    database.execute("UPDATE outbox SET try_at = try_at - %s", [outbox.LEASE])
    deliver()
    assert [1, 1, 2] == [call["data"]["n"] for call in receiver.calls]
    assert receiver.headers[0]["webhook-id"] == receiver.headers[1]["webhook-id"]
    assert all(row["delivered_at"] for row in rows(database))


def test_dead_letters_are_listed_and_retried_from_the_command_line(calling, put, deliver, receiver, database):
    put("evt_1")
    put("evt_2")
    assert (2, 0) == outbox.counts(database)
    receiver.answers = [500]
    deliver()
    database.execute("UPDATE outbox SET dead_at = now() WHERE cause = 'evt_1'")
    deliver()
    assert (0, 1) == outbox.counts(database)
    shown = CliRunner().invoke(dead_letters, [], obj=calling)
    assert "answered 500" in shown.output
    [line] = CliRunner().invoke(dead_letters, ["--json"], obj=calling).output.splitlines()
    assert ("access", "evt_1", "answered 500") == tuple(
        json.loads(line)[name] for name in ("kind", "cause", "problem")
    )
    assert "1 messages go out again." in CliRunner().invoke(dead_letters, ["retry"], obj=calling).output
    deliver()
    assert (0, 0) == outbox.counts(database)
    assert "There are no dead letters." in CliRunner().invoke(dead_letters, [], obj=calling).output
