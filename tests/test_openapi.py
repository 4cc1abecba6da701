"""The API's description: it names every route, its examples work, and it can be read without the network."""

import json
import re

import pytest
from api_client import API, ApiClient
from starlette.routing import Route

from ingest.app import create_app
from ingest.commands import COMMANDS
from ingest.openapi import document
from ingest.settings import Settings
from tests.web_process import serving

IDS = {"payment_intent": "pi_1", "subscription": "sub_1"}
PRICES = {**API, "STRIPE_PRICE_ENTERPRISE_MONTHLY": "price_enterprise_monthly"}
NOT_FOR_CLIENTS = ("/webhooks", "/healthz", "/readyz", "/openapi.json", "/docs")
DELIVERED_BY_A_SHOP = "/orders/woocommerce/{source}"


@pytest.fixture(scope="module")
def web(servers):
    with serving(servers.redis_url, **PRICES) as web:
        yield web


def references(node):
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from references(child)


def test_it_names_every_route_that_a_client_calls_and_no_other():
    app = create_app(Settings(redis_url="redis://127.0.0.1:1"))
    routes = {
        (re.sub(r":\w+}", "}", route.path), method.lower())
        for route in app.routes
        if isinstance(route, Route) and not route.path.startswith(NOT_FOR_CLIENTS)
        if route.path != DELIVERED_BY_A_SHOP
        for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert routes == described


def test_every_reference_leads_somewhere():
    found = set(references(document()))
    assert found
    for reference in found:
        node = document()
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_each_parameter_of_a_path_is_described():
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            described = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert described == set(re.findall(r"{(\w+)}", path))


def test_what_stands_in_the_path_is_not_in_the_body():
    schemas = document()["components"]["schemas"]
    for command in COMMANDS:
        schema = schemas[command.__name__]
        assert not schema["properties"].keys() & set(command.path_fields())
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.kind)
def test_each_example_is_accepted(web, command):
    answer = ApiClient(web).post(command.path.format(**IDS), command.example)
    assert answer.status == 202
    assert answer.json["kind"] == command.kind


def test_what_is_answered_has_the_fields_that_are_described(web):
    shown = ApiClient(web).post("/customers", {"user_id": "42"}).json
    assert shown.keys() == document()["components"]["schemas"]["Job"]["properties"].keys()


def test_it_is_served_as_json_to_anybody(web):
    answer = web.get("/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == json.loads(json.dumps(document()))


def test_the_page_to_read_needs_nothing_from_elsewhere(web):
    answer = web.get("/docs")
    page = answer.body.decode()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(r"<script|<link|<img|@import|url\(|(?:src|href)=.?https?:", page)
    for command in COMMANDS:
        assert f"POST {command.path}" in page
        for field in command.model_fields:
            assert field in page
    assert "in the currency&#x27;s minor unit" in page
