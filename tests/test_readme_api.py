"""What the README shows of the API is run: its client, and its mounting."""

import re
from pathlib import Path
from threading import Thread

import pytest
from api_client import jobs_of, perform

from ingest.app import create_app
from ingest.queues import checkout_queue
from ingest.settings import InvalidSettings, Settings
from projections.access_route import UserAccess
from tests.web_process import WebProcess, event, serving

README = (Path(__file__).parent.parent / "README.md").read_text()
CLIENT, MOUNT = re.findall(r"^```py\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

SERVE = """
import os
import uvicorn
from ingest import logging, serving
from ingest.appender import Appender
from ingest.settings import Settings

names = {}
exec(compile(os.environ["MOUNT"], "README.md", "exec"), names)
logging.configure()
stop = Appender.stop

async def told(self):
    await stop(self)
    serving.log.info("the log is closed")

Appender.stop = told
settings = Settings.from_environment()
with serving.listen(settings.host, settings.port, variable="PORT") as listener:
    serving.log.info("listening", port=listener.getsockname()[1])
    config = uvicorn.Config(names["app"], log_config=None, access_log=False)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
"""
KEY = {"Authorization": "Bearer a-long-secret"}
PAYMENT = b'{"total": "12.50", "currency": "eur", "order_id": "1001"}'


def run(source):
    names = {}
    exec(compile(source, "README.md", "exec"), names)
    return names


def test_the_client_gets_its_secret(servers, redis):
    with serving(servers.redis_url, API_KEYS="shop:a-long-secret") as web:
        queue = checkout_queue(redis, Settings.from_environment(web.environment))
        worker = Thread(
            target=perform, args=(jobs_of(web, redis), queue), kwargs={"client_secret": "pi_1_secret"}
        )
        worker.start()
        names = run(CLIENT.replace("localhost:8000", f"127.0.0.1:{web.port}"))
        worker.join()
        assert names["client_secret"] == "pi_1_secret"


@pytest.fixture
def mounted(servers, database, settings):
    """The README's FastAPI application, served, its lifespan included."""
    web = WebProcess(
        {
            "REDIS_URL": servers.redis_url,
            "DATABASE_URL": settings.database_url,
            "LOG_PREFIX": settings.log_prefix,
            "API_KEYS": "shop:a-long-secret",
            "MOUNT": MOUNT,
        },
        SERVE,
    )
    yield web
    web.close()


def test_inside_fastapi_the_api_and_the_webhooks_stand_under_their_path(mounted, redis, settings):
    body = event()
    assert 200 == mounted.post(body, path="/payments/webhooks").status
    assert 1 == sum(redis.xlen(key) for key in redis.scan_iter(f"*{settings.log_prefix}*:log"))
    asked = mounted.request(
        "POST", "/payments/payment-intents", {**KEY, "Content-Type": "application/json"}, PAYMENT
    )
    assert 202 == asked.status
    assert asked.headers["Location"] == f"/payments/jobs/{asked.json['id']}"
    assert 200 == mounted.request("GET", asked.headers["Location"], KEY).status
    access = mounted.request("GET", "/payments/users/42/access", KEY)
    assert (200, "none") == (access.status, access.json["reason"])


def test_inside_fastapi_each_of_the_two_describes_itself(mounted):
    assert "/payment-intents" in mounted.get("/payments/openapi.json").json["paths"]
    assert {} == mounted.get("/openapi.json").json["paths"]
    assert 200 == mounted.get("/payments/docs").status
    refusal = mounted.get("/payments/jobs/job_1")
    assert (401, "application/problem+json") == (refusal.status, refusal.headers["Content-Type"])


def test_inside_fastapi_what_was_begun_is_finished_when_it_stops(mounted):
    assert 200 == mounted.post(event(), path="/payments/webhooks").status
    mounted.stop()
    assert "the log is closed" in mounted.output().decode()


def test_a_mount_without_its_servers_says_which_variable_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(InvalidSettings, match="REDIS_URL"):
        create_app(Settings.from_environment({}))
    with pytest.raises(InvalidSettings, match="DATABASE_URL"):
        UserAccess(Settings.from_environment({}))
