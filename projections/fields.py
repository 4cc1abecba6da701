"""Reading a Stripe object: strictly by type, and a fact that must be there or must not be made up.

JSON's types are told apart exactly: `true` is no amount and `"100"` is no number. What is missing or null
is None to the `optional` readers and a KeyError to the `required` ones; what has another type is a
TypeError to both. No message holds a value of the payload: it may be stored beside a dead letter.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")

Object = Mapping[str, Any]


def optional(source: Object, field: str, kind: type[T]) -> T | None:
    """`source[field]`, None where it is absent or null; raises TypeError where it is no `kind`."""
    value = source.get(field)
    if value is None:
        return None
    if type(value) is not kind:
        raise TypeError(f"{field!r} is a {type(value).__name__}, expected {kind.__name__}")
    return value


def required(source: Object, field: str, kind: type[T]) -> T:
    """`source[field]`; raises KeyError where it is absent or null, TypeError where it is no `kind`."""
    value = optional(source, field, kind)
    if value is None:
        raise KeyError(field)
    return value


def nested(source: Object, *path: str) -> Object:
    """The object at the end of `path`; empty where it, or one on the way, is absent or null."""
    for field in path:
        source = optional(source, field, dict) or {}
    return source


def id_of(source: Object, field: str) -> str | None:
    """The id that `field` holds, as an id or as the expanded object; None where it is absent or null."""
    value = source.get(field)
    if isinstance(value, dict):
        return required(value, "id", str)
    return optional(source, field, str)


def customer_of(source: Object) -> str | None:
    """The customer: `cus_…`, or since 2025-12-15.clover the account (`acct_…`) that may stand for one."""
    return id_of(source, "customer") or id_of(source, "customer_account")


def instant(source: Object, field: str) -> datetime | None:
    """`source[field]`, seconds since 1970, as an aware datetime; None where it is absent or null."""
    seconds = optional(source, field, int)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def required_instant(source: Object, field: str) -> datetime:
    """As `instant`; raises KeyError where it is absent or null."""
    return datetime.fromtimestamp(required(source, field, int), UTC)


def metadata(source: Object) -> dict[str, str]:
    """The merchant's own keys and values; empty where there are none."""
    return optional(source, "metadata", dict) or {}
