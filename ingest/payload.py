"""The one place that reads and writes the bytes of an event.

What is stored is what was signed. Postgres' `jsonb` refuses some of what JSON allows (a NUL, a lone
surrogate, an infinite number); for those payloads, and only those, a cleaned form is kept beside the
original, and everything that reads an event reads that form.
"""

import json
import re
from math import isfinite
from typing import Any, NoReturn

import orjson

NUL = b"\\u0000"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DEPTH = 200
"""How deep a payload may nest that has to be cleaned; Stripe's own stay below twenty."""

# `jsonb` keeps 16,383 digits after the point. A number passes that only with an exponent of five characters
# or thousands of digits in a row, which shows in the payload's shape: digits, signs and points as 0, what
# may stand before a number as a colon.
_SHAPE = bytes.maketrans(b"0123456789+-.Ee[, \t\n\r", b"0" * 13 + b"ee" + b":" * 6)
_LONG_EXPONENT = re.compile(rb":0+e0{5}")
_LONG_NUMBER = b"0" * 4096


class NotJson(ValueError):
    """The body is no JSON object: check that the sender posts Stripe's bytes unchanged."""


def parse(raw: bytes) -> tuple[dict[str, Any], str | None]:
    """The JSON object in `raw`, strictly, and its cleaned JSON; None where `jsonb` takes `raw` as it is.

    The object, too, is cleaned of what `jsonb` and `text` cannot hold. Raises NotJson for NaN, bad UTF-8, a
    value that is no object, and nesting past reason.
    """
    intact = NUL not in raw and not _may_hold_a_number_past_numeric(raw)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value, intact = _parse_what_jsonb_refuses(raw), False
    if not isinstance(value, dict):
        raise NotJson(f"the body is a JSON {type(value).__name__}, not an object")
    if raw.count(b"{") + raw.count(b"[") > DEPTH:
        _refuse_depth(value)
    if intact:
        return value, None
    value = _cleaned(value)
    return value, dump(value)


def dump(value: object) -> str:
    """`value` as compact JSON that `jsonb` takes."""
    return orjson.dumps(value).decode()


def _parse_what_jsonb_refuses(raw: bytes) -> Any:
    # orjson is strict beyond the grammar: it also refuses lone surrogates and numbers past a double.
    # These are JSON all the same, and Stripe signs whatever a merchant stored.
    try:
        return json.loads(raw.decode(), parse_constant=_refuse_constant)
    except NotJson:
        raise
    except UnicodeDecodeError as error:
        raise NotJson(f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise NotJson("the body is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NotJson(f"the body is not JSON: {error.msg} at character {error.pos}") from error
    except ValueError as error:  # an integer of thousands of digits
        raise NotJson(f"the body is not JSON: {error}") from error


def _may_hold_a_number_past_numeric(raw: bytes) -> bool:
    shape = raw.translate(_SHAPE)
    return (b"e00000" in shape and _LONG_EXPONENT.search(shape) is not None) or _LONG_NUMBER in shape


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [
            item
            for each in level
            for item in (each.values() if isinstance(each, dict) else each)
            if isinstance(item, dict | list)
        ]
        if not level:
            return
    raise NotJson("the body is nested too deeply")


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"the body holds {name}, which is no JSON value")


def _cleaned(value: Any, depth: int = 0) -> Any:
    if depth > DEPTH:
        raise NotJson("the body is nested too deeply")
    match value:
        case str():
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            return whole.replace("\0", REPLACEMENT)
        case dict():
            return {_cleaned(key): _cleaned(item, depth + 1) for key, item in value.items()}
        case list():
            return [_cleaned(item, depth + 1) for item in value]
        case float() if not isfinite(value):
            return None
        case int() if abs(value) >= 2**63:
            return str(value)
        case _:
            return value
