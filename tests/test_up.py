"""`hooklog up`: one command starts everything, keeps it running, and leaves nothing behind."""

import json
import signal
import stat
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from tests.running import Running, living
from tests.web_process import PATIENCE, until
from workers.servers.home import Home

SETTLE_SECONDS = "100"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("up") / "home") as running:
        yield running


def test_it_tells_what_runs_where_and_what_to_type_next(running: Running) -> None:
    assert f"web        {running.stack.web}/webhooks" in running.said
    assert "workers    1 drain, scheduler, sweep, outbox, refresher, no creators" in running.said
    for line in ("./run demo", "./run psql", "./run status"):
        assert line in running.said


def test_the_secret_that_it_made_is_kept_for_its_owner_and_shown_masked(running: Running) -> None:
    file = running.home / "webhook-secret"
    secret = file.read_text().strip()
    assert (True, 0o600) == (secret.startswith("whsec_"), stat.S_IMODE(file.stat().st_mode))
    assert f"whsec_…{secret[-4:]}, made for the demo and kept in home/webhook-secret" in running.said
    assert secret not in running.said


def test_a_delivery_is_in_postgres_once_settled(running: Running) -> None:
    assert 200 == running.deliver("evt_settled")
    assert 0 == running.hooklog("settle", "--timeout", SETTLE_SECONDS).returncode
    assert "evt_settled\n" in running.events()


def test_urls_are_for_scripts(running: Running) -> None:
    lines = running.hooklog("urls").stdout.splitlines()
    assert ["web", "dashboard", "redis", "database", "analyst"] == [line.partition("=")[0] for line in lines]
    assert lines[0] == f"web={running.stack.web}"


def test_status_tells_lag_events_and_memory_for_machines_and_people(running: Running) -> None:
    running.deliver("evt_status")
    running.hooklog("settle", "--timeout", SETTLE_SECONDS)
    told = json.loads(running.hooklog("status", "--json").stdout)
    assert [0, 0, 0, 0] == [partition["waiting"] for partition in told["partitions"]]
    assert told["events"] >= 1
    assert 0 < told["log"]["bytes"] < told["log"]["max_bytes"]
    assert (0, [], []) == (told["dead_letters"], told["incidents"], told["rebuild_due"])
    assert "events waiting" in running.hooklog("status").stdout


def test_a_second_one_on_the_same_home_says_who_holds_it(running: Running) -> None:
    second = running.hooklog("up")
    assert 1 == second.returncode
    assert f"{running.home} is held by process {running.process.pid}: stop that one" in second.stderr


@pytest.mark.parametrize("variable", ["PORT", "DASHBOARD_PORT", "REDIS_PORT", "DATABASE_PORT"])
def test_a_busy_port_is_named_with_its_variable(running: Running, tmp_path: Path, variable: str) -> None:
    busy = running.stack.web.rpartition(":")[2]
    refused = running.hooklog("up", HOOKLOG_HOME=str(tmp_path), **{variable: busy})
    assert (1, True) == (refused.returncode, f"set {variable} to another one" in refused.stderr)
    assert f"port {busy} on 127.0.0.1" in refused.stderr


def test_a_part_that_dies_is_started_again_and_that_is_said(running: Running) -> None:
    before = running.parts()
    assert {
        "guardian",
        "valkey",
        "postgres",
        "web",
        "dashboard",
        "drain",
        "scheduler",
        "sweep",
        "outbox",
        "refresher",
    } == set(before)
    for part in before.values():
        part.suspend()  # so none ends by itself because another is gone
    for part in before.values():
        part.kill()
    until(lambda: set(before) == set(fresh(running, before)))
    for name in ("valkey", "postgres", "web", "dashboard", "drain 1", "scheduler", "sweep", "outbox"):
        assert f"{name} was killed by SIGKILL; it is started again in 0.25 s" in running.said
    assert "the guardian ended; it was started again" in running.said


def test_deliveries_go_on_after_every_part_died(running: Running) -> None:
    until(lambda: answers(f"{running.stack.web}/readyz"))
    assert 200 == running.deliver("evt_after_all_died")
    assert 0 == running.hooklog("settle", "--timeout", SETTLE_SECONDS).returncode
    assert "evt_after_all_died\n" in running.events()


def fresh(running: Running, before: Mapping[str, psutil.Process]) -> dict[str, psutil.Process]:
    """Those parts that are not the processes that they were before."""
    return {name: part for name, part in running.parts().items() if part != before.get(name)}


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE):
            return True
    except OSError:
        return False


def test_killed_it_leaves_no_process_and_the_next_start_finds_all_data(tmp_path: Path) -> None:
    with Running(tmp_path / "home") as killed:
        killed.deliver("evt_before_the_kill")
        everything = psutil.Process(killed.process.pid).children(recursive=True)
        killed.process.kill()
        until(lambda: not any(living(process) for process in everything))
    assert not Home(killed.home).locked()
    with Running(killed.home) as again:
        assert 0 == again.hooklog("settle", "--timeout", SETTLE_SECONDS).returncode
        assert "evt_before_the_kill\n" == again.events()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_it_stops_everything(tmp_path: Path, number: signal.Signals) -> None:
    with Running(tmp_path / "home", DRAIN_WORKERS="2", STRIPE_SECRET_KEY="sk_test_x") as running:
        assert "workers    2 drain" in running.said
        assert "2 creators" in running.said
        assert {"creator", "--checkouts"} <= set(running.parts())
        assert "sk_test_x" not in running.said
        everything = psutil.Process(running.process.pid).children(recursive=True)
        running.process.send_signal(number)
        assert 0 == running.process.wait(PATIENCE)
    assert "hooklog: stopped" in running.said
    assert "killed" not in running.said
    assert [] == [process for process in everything if living(process)]
    assert not (running.home / "stack.json").exists()


def test_servers_that_are_named_are_used_and_left_running(running: Running, tmp_path: Path) -> None:
    named = {name: running.stack.environment[name] for name in ("REDIS_URL", "DATABASE_URL")}
    with Running(tmp_path / "home", **named, STRIPE_WEBHOOK_SECRET="whsec_one_of_a_test_of_ours") as guest:
        workers = {"drain", "scheduler", "sweep", "outbox", "refresher"}
        assert {"guardian", "web", "dashboard", *workers} == set(guest.parts())
        assert "secret     whsec_…ours, from STRIPE_WEBHOOK_SECRET" in guest.said
        assert 0 == guest.stop()
    assert 0 == running.hooklog("status").returncode


def test_without_a_stack_a_command_says_how_to_start_one(tmp_path: Path, running: Running) -> None:
    lost = running.hooklog("status", HOOKLOG_HOME=str(tmp_path))
    assert 1 == lost.returncode
    assert f"nothing runs on {tmp_path}: start it with ./run up" in lost.stderr
