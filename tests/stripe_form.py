"""Stripe's form encoding, decoded: `items[0][price]=x` is a list of objects."""

from typing import Any
from urllib.parse import parse_qsl


def decoded(form: str) -> dict[str, Any]:
    """The parameters that a query or a form tells; every value is a string."""
    whole: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        owner = whole
        for part in path:
            owner = owner.setdefault(part, {})
        owner[last] = value
    return {name: _lists(value) for name, value in whole.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(each) for name, each in value.items()}
    return list(inner.values()) if all(name.isdigit() or name == "" for name in inner) else inner
