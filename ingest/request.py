"""Reading a client's request, strictly: its body, its command, its Idempotency-Key."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import Request

from ingest import body
from ingest.command import Command

BODY_LIMIT = 65_536
FIELD_LENGTH = 100
ERRORS = 50
"""How many errors are told at once, and how much of a field's name."""

MEDIA_TYPE = "application/json"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class BadRequest(Exception):
    """The request cannot be read."""


class UnsupportedMediaType(Exception):
    """The body is no JSON by its Content-Type."""


class FieldError(NamedTuple):
    field: str
    detail: str


class Invalid(Exception):
    """The request can be read, and asks for what cannot be: `errors` names each field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))
        self.errors = errors


async def read_json(request: Request, *, seconds: float) -> dict[str, Any]:
    """The JSON object in the body; a request without a body has an empty one.

    Raises UnsupportedMediaType, BadRequest, and what `ingest.body.read` raises.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("", MEDIA_TYPE):
        raise UnsupportedMediaType(f"send the body as {MEDIA_TYPE}")
    raw = await body.read(request, limit=BODY_LIMIT, seconds=seconds)
    if not raw:
        return {}
    if not kind:
        raise UnsupportedMediaType(f"say with Content-Type that the body is {MEDIA_TYPE}")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"the body is not JSON: {error.msg} (line {error.lineno})") from None
    if not isinstance(value, dict):
        raise BadRequest(f"the body is a JSON {type(value).__name__}, not an object")
    return value


def command_of(kind: type[Command], fields: dict[str, Any], path: dict[str, str]) -> Command:
    """The command that a body's fields and the path's make. Raises Invalid."""
    if twice := fields.keys() & path.keys():
        raise Invalid([FieldError(field, "stands in the path already") for field in sorted(twice)])
    try:
        return kind.model_validate({**fields, **path})
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        errors = [one for details in found for one in _field_errors(details)]
        raise Invalid(errors[:ERRORS]) from None


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key, None without one. Raises BadRequest."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) > 1 or any(not _KEY.fullmatch(key) for key in keys):
        raise BadRequest("an Idempotency-Key is 1 to 255 visible ASCII characters, once")
    return keys[0] if keys else None


def _field_errors(details: ErrorDetails) -> list[FieldError]:
    context = details.get("ctx", {})
    if not details["loc"]:  # a rule about several fields
        together = context["fields"]
        return [FieldError(field, details["msg"]) for field in together]
    field = ".".join(str(part) for part in details["loc"] if part != "[key]")[:FIELD_LENGTH]
    return [FieldError(field, MESSAGES.get(details["type"], details["msg"]))]


MESSAGES = {
    "extra_forbidden": "there is no such field",
    "missing": "is required",
    "int_type": "must be an integer, not a string, a decimal or null",
    "string_pattern_mismatch": "does not have the form of this field: see /docs",
}
"""Pydantic's errors that are said otherwise."""
