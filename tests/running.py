"""`hooklog up` as a process of its own, for tests of a whole stack."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from ingest.settings import Settings
from tests.web_process import PATIENCE, UNHURRIED
from workers.stack import Stack, find

SERVERS = ("REDIS_URL", "DATABASE_URL", "STRIPE_WEBHOOK_SECRET")


class Running:
    """`hooklog up` on a home of its own, and other commands beside it."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = self._clean(environment)
        self.log = home.parent / "up.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                command("up"), env=self.environment, stdout=output, stderr=output, cwd=home.parent
            )

    def __enter__(self) -> "Running":
        try:
            self.stack = self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _clean(self, environment: Mapping[str, str]) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in SERVERS}
        return {**kept, **UNHURRIED, "HOOKLOG_HOME": str(self.home), "PORT": "0", **environment}

    def _wait(self) -> Stack:
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            if "Next:" in self.said:
                return find(self.home)
            time.sleep(0.02)
        raise AssertionError(f"the stack did not start:\n{self.said}")

    @property
    def said(self) -> str:
        return self.log.read_text()

    def hooklog(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command(*arguments),
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def parts(self) -> dict[str, psutil.Process]:
        """Its child processes, by what they are."""
        found = {}
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it ended since
                if living(child):
                    found[part_name(child)] = child
        return found

    def deliver(self, event_id: str) -> int:
        body = json.dumps(customer_created(event_id)).encode()
        secret = (self.home / "webhook-secret").read_text().strip().encode()
        now = int(time.time())
        signature = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            f"{self.stack.web}/webhooks", body, {"Stripe-Signature": f"t={now},v1={signature}"}
        )
        with urllib.request.urlopen(request) as response:
            return int(response.status)

    def events(self) -> str:
        return self.hooklog("psql", "-Atc", "SELECT event_id FROM events ORDER BY 1").stdout

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "workers.command", *arguments]


def part_name(process: psutil.Process) -> str:
    said = " ".join([process.name(), *process.cmdline()])
    known = ("valkey", "postgres", "guardian", "dashboard")
    return next((name for name in known if name in said), said.split()[-1])


def living(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def customer_created(event_id: str) -> dict[str, object]:
    customer = {"id": "cus_1", "object": "customer", "created": 1700000000, "email": "a@example.com"}
    return {
        "id": event_id,
        "object": "event",
        "type": "customer.created",
        "created": 1700000000,
        "api_version": "2026-10-28.endive",
        "livemode": False,
        "data": {"object": customer},
    }


MEASURED = """
import atexit, resource, sys
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
from workers.command import hooklog
hooklog()
"""


def started(*arguments: str, settings: Settings, measured: bool = False) -> "subprocess.Popen[bytes]":
    assert settings.database_url
    program = ["-c", MEASURED] if measured else ["-m", "workers.command"]
    return subprocess.Popen(
        [sys.executable, *program, *arguments],
        env=os.environ | {"DATABASE_URL": settings.database_url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
