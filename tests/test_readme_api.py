"""What the README shows of the API is run: its client, and its mounting."""

import re
from pathlib import Path
from threading import Thread

import pytest
from api_client import jobs_of, perform
from starlette.applications import Starlette
from starlette.routing import Mount

from ingest.queues import checkout_queue
from ingest.settings import Settings
from tests.web_process import serving

README = (Path(__file__).parent.parent / "README.md").read_text()
CLIENT, MOUNT = re.findall(r"^```py\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


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


def test_the_mount_stands_under_its_path(servers, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("REDIS_URL", servers.redis_url)
    names = run(MOUNT)
    [mount] = names["app"].routes
    assert isinstance(mount, Mount)
    assert isinstance(names["app"], Starlette)
    assert (mount.path, mount.app) == ("/payments", names["payments"])
