"""Inside another application: the whole of it under a path of that application's choice."""

import asyncio
import json

import pytest
from api_client import API, KEYS
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from ingest.app import create_app
from ingest.settings import Settings


async def told(request, source):
    return PlainTextResponse(f"{source}: {request.path_params['user_id']}")


@pytest.fixture
def parent(settings, redis):
    keys = Settings.from_environment({"API_KEYS": API["API_KEYS"]}).api_keys
    payments = create_app(settings.model_copy(update={"api_keys": keys}), access=told)
    return Starlette(routes=[Mount("/payments", payments)])


def ask(app, *requests):
    """The answers (status, headers, body) of an ASGI application, which is stopped afterwards."""

    async def run():
        answers = [await one(*request) for request in requests]
        async with app.routes[0].app.router.lifespan_context(app.routes[0].app):
            return answers

    async def one(method, path, body=b""):
        messages = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            messages.append(message)

        headers = {"authorization": f"Bearer {KEYS['shop']}", "content-type": "application/json"}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await app(scope, receive, send)
        start, *parts = messages
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], answered, b"".join(part.get("body", b"") for part in parts)

    return asyncio.run(run())


def test_a_mounted_api_says_where_its_jobs_are_as_its_clients_see_it(parent):
    body = json.dumps({"total": "12.50", "currency": "eur"}).encode()
    [(status, headers, answer)] = ask(parent, ("POST", "/payments/payment-intents", body))
    assert status == 202
    assert headers["location"] == f"/payments/jobs/{json.loads(answer)['id']}"


def test_a_mounted_api_answers_under_its_path_alone(parent):
    statuses = [
        answer[0]
        for answer in ask(
            parent,
            ("GET", "/payments/healthz"),
            ("GET", "/payments/openapi.json"),
            ("GET", "/payments/jobs/job_1"),
            ("GET", "/healthz"),
            ("POST", "/payments/webhooks", b"{}"),
        )
    ]
    assert statuses == [200, 200, 404, 404, 404]


def test_whoever_has_a_database_answers_for_access_to_the_source_that_asks(parent):
    [(status, _, answer)] = ask(parent, ("GET", "/payments/users/42/access"))
    assert (status, answer) == (200, b"shop: 42")
