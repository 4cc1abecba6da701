"""GET /openapi.json: the routes as OpenAPI 3.1 describes them, made from the commands themselves."""

from typing import Any

from ingest.command import Command
from ingest.commands import COMMANDS
from ingest.preferences import LONGEST_WAIT

Json = dict[str, Any]

VERSION = "1"

JOB_EXAMPLE: Json = {
    "id": "job_dGhpcyBpcyBhIGpvYiBp",
    "kind": "create_payment_intent",
    "state": "succeeded",
    "attempts": 1,
    "created_at": "2026-11-02T10:00:00.123456+00:00",
    "updated_at": "2026-11-02T10:00:00.623456+00:00",
    "next_try_at": None,
    "result": {
        "id": "pi_3Q0PvK2eZvKYlo2C1dXJzYtH",
        "object": "payment_intent",
        "status": "requires_payment_method",
        "amount": 1250,
        "currency": "eur",
        "client_secret": "pi_3Q0PvK2eZvKYlo2C1dXJzYtH_secret_…",
        "publishable_key": "pk_test_…",
    },
    "problem": None,
}

QUEUED_EXAMPLE: Json = {**JOB_EXAMPLE, "state": "queued", "attempts": 0, "result": None}

PROBLEM_EXAMPLE: Json = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "total: jpy has no decimals",
    "errors": [{"field": "total", "detail": "jpy has no decimals"}],
}

ACCESS_EXAMPLE: Json = {
    "user_id": "42",
    "livemode": True,
    "plan_type": "pro",
    "has_access": True,
    "access_until": "2026-12-02T10:00:00+00:00",
    "reason": "active",
    "subscription_id": "sub_1Q0PvK2eZvKYlo2C",
}

INTENT_EXAMPLE: Json = {
    "id": "pi_3Q0PvK2eZvKYlo2C1dXJzYtH",
    "amount": 1250,
    "currency": "eur",
    "client_secret": "pi_3Q0PvK2eZvKYlo2C1dXJzYtH_secret_…",
    "publishable_key": "pk_test_…",
}

LIVEMODE: Json = {
    "name": "livemode",
    "in": "query",
    "schema": {"type": "boolean"},
    "description": "Of live or of test data; by the service's own key unless given.",
}

ORDER_KEY: Json = {
    "name": "key",
    "in": "query",
    "required": True,
    "schema": {"type": "string"},
    "description": "The order's own `order_key`, which stands for a key of API_KEYS.",
}

REFUSALS = {
    "400": "The request cannot be read, or Stripe refused it as wrong",
    "401": "The Authorization header is missing or wrong",
    "402": "With Prefer: wait, the card was declined: `code` and `decline_code` are Stripe's",
    "403": "With Prefer: wait, the object was asked for by another source: `code` is another_source",
    "404": "With Prefer: wait, Stripe has no such object",
    "409": "This Idempotency-Key came with another request before",
    "413": "The body is too large",
    "415": "The body is not application/json",
    "422": "A field is wrong: `errors` names each",
    "502": "With Prefer: wait, the job failed: Stripe did not do it for as long as it was tried",
    "503": "Redis does not answer: nothing was accepted, send it again after Retry-After seconds",
}

IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "The same key and request give the same job for 30 days, also when both come at once. "
    "Without one, a request that is sent again is a second payment: send one, and keep it for retries.",
    "example": "order-1001-payment",
}

PREFER: Json = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": f"`wait=N`: wait up to N seconds, at most {LONGEST_WAIT}, for the outcome (RFC 7240).",
    "example": "wait=10",
}

JOB_SCHEMA: Json = {
    "type": "object",
    "required": list(JOB_EXAMPLE),
    "properties": {
        "id": {"type": "string"},
        "kind": {"type": "string"},
        "state": {"enum": ["queued", "running", "retrying", "succeeded", "failed"]},
        "attempts": {"type": "integer", "minimum": 0},
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"},
        "next_try_at": {"type": ["string", "null"], "format": "date-time"},
        "result": {
            "type": ["object", "null"],
            "description": "What was made, once the job has succeeded: ids, status, amounts in minor units, "
            "periods, `client_secret` where there is one (null for the moment that it takes to fetch an old "
            "one anew) and `publishable_key`.",
        },
        "problem": {
            "description": "Why the job failed, or why it is tried again.",
            "anyOf": [{"$ref": "#/components/schemas/Problem"}, {"type": "null"}],
        },
    },
}

PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "RFC 9457",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def document() -> Json:
    """The whole description. What no client calls (probes, Stripe's and a shop's deliveries) is not in it."""
    paths: Json = {command.path: {"post": _operation(command)} for command in COMMANDS}
    paths["/jobs/{job_id}"] = {"get": _get("What became of a job", "job_id", JOB_EXAMPLE, PREFER, "Job")}
    paths["/users/{user_id}/access"] = {
        "get": _get("Whether a user has access", "user_id", ACCESS_EXAMPLE, LIVEMODE)
    }
    paths["/orders/woocommerce/{source}/{order_id}/intent"] = {"get": _intent()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "hooklog",
            "version": VERSION,
            "description": "Payments, subscriptions and refunds at Stripe, made as jobs, each exactly once. "
            "Amounts are integers in the minor units of Stripe's own table of currencies.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **{command.__name__: _schema(command) for command in COMMANDS},
                "Job": JOB_SCHEMA,
                "Problem": PROBLEM_SCHEMA,
            },
        },
    }


def _operation(command: type[Command]) -> Json:
    schema = _schema(command)
    reference = {"$ref": f"#/components/schemas/{command.__name__}"}
    return {
        "operationId": command.kind,
        "summary": command.summary,
        "parameters": [*(_in_path(name) for name in command.path_fields()), IDEMPOTENCY_KEY, PREFER],
        "requestBody": {
            "required": bool(schema.get("required")),
            "content": {"application/json": {"schema": reference, "example": command.example}},
        },
        "responses": {
            "201": _answer("Done in the time that was waited", JOB_EXAMPLE, "Job"),
            "202": _answer("Accepted: ask for it at Location", QUEUED_EXAMPLE, "Job"),
            **{status: _refusal(status) for status in REFUSALS},
        },
    }


def _get(summary: str, name: str, example: Json, parameter: Json, schema: str | None = None) -> Json:
    return {
        "operationId": summary.lower().replace(" ", "_"),
        "summary": summary,
        "parameters": [_in_path(name), parameter],
        "responses": {
            "200": _answer(summary, example, schema),
            "401": _refusal("401"),
            "403": _problem("It belongs to another source"),
            "404": _problem("There is none, or no more"),
            "503": _problem("What it takes to answer is away: ask again after Retry-After seconds"),
        },
    }


def _intent() -> Json:
    summary = "What a checkout page needs to collect an order's payment"
    return {
        "operationId": "collect_order",
        "summary": summary,
        "security": [],
        "parameters": [_in_path("source"), _in_path("order_id", "integer"), ORDER_KEY],
        "responses": {
            "200": _answer(summary, INTENT_EXAMPLE, None),
            "404": _problem("There is no such order, or its key is another"),
            "409": _problem("The order awaits no payment by this service"),
            "422": _problem("No payment can be made for this order"),
            "503": _problem("The shop is away, or the payment is still being made: ask again"),
        },
    }


def _schema(command: type[Command]) -> Json:
    """The body's schema: what stands in the path is not in it."""
    schema = command.model_json_schema()
    for name in command.path_fields():
        del schema["properties"][name]
    required = [name for name in schema.pop("required", ()) if name not in command.path_fields()]
    return {**schema, **({"required": required} if required else {})}


def _in_path(name: str, kind: str = "string") -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": kind}}


def _answer(description: str, example: Json, schema: str | None) -> Json:
    shape = {"$ref": f"#/components/schemas/{schema}"} if schema else {"type": "object"}
    return {
        "description": description,
        "content": {"application/json": {"schema": shape, "example": example}},
    }


def _refusal(status: str) -> Json:
    return _problem(REFUSALS[status], PROBLEM_EXAMPLE if status == "422" else None)


def _problem(description: str, example: Json | None = None) -> Json:
    content: Json = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if example:
        content["example"] = example
    return {"description": description, "content": {"application/problem+json": content}}
