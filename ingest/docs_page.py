"""GET /docs: the API's description to read, one page of plain HTML, no script and no asset from elsewhere."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 3rem; border-top: 1px solid; padding-top: 1rem } table { border-collapse: collapse }
td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }
pre { padding: .8rem; overflow: auto; border: 1px solid }
"""


def render(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    return "".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            "<meta name=viewport content='width=device-width'>",
            f"<title>{_text(document['info']['title'])}</title><style>{STYLE}</style>",
            f"<h1>{_text(document['info']['title'])}</h1><p>{_text(document['info']['description'])}</p>",
            "<p>Every call but a checkout page's takes <code>Authorization: Bearer</code> and a key of ",
            "API_KEYS. For programs: <a href=openapi.json>openapi.json</a>.</p>",
            *(
                part
                for path, methods in document["paths"].items()
                for method, operation in methods.items()
                for part in _operation(document, path, method.upper(), operation)
            ),
        ]
    )


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<h2 id={_text(operation['operationId'])}><code>{method} {_text(path)}</code></h2>"
    yield f"<p>{_text(operation['summary'])}</p>"
    rows = [
        (parameter["name"], parameter["in"], parameter.get("description", ""))
        for parameter in operation["parameters"]
    ]
    example = None
    if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
        schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        rows += [
            (name, _kind(field, name in schema.get("required", ())), _description(field))
            for name, field in schema["properties"].items()
        ]
        example = content["example"]
    yield _table(rows)
    if example is not None:
        yield f"<pre>{_text(json.dumps(example, indent=2, ensure_ascii=False))}</pre>"
    yield _table([(status, answer["description"], "") for status, answer in operation["responses"].items()])


def _kind(field: dict[str, Any], required: bool) -> str:
    """What a field takes, in words."""
    words = []
    for option in _options(field):
        limits = [
            f"{word} {option[name]}"
            for name, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
            if name in option
        ]
        choices = " | ".join(option["enum"]) if "enum" in option else option.get("type", "")
        words.append(" ".join([choices, *limits, *([option["pattern"]] if "pattern" in option else [])]))
    return ("required, " if required else "") + " or ".join(words)


def _description(field: dict[str, Any]) -> str:
    told = (each.get("description") for each in (field, *_options(field)))
    return next(filter(None, told), "")


def _options(field: dict[str, Any]) -> list[dict[str, Any]]:
    """What a field may be besides null."""
    return [option for option in field.get("anyOf", [field]) if option.get("type") != "null"]


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = ("".join(f"<td>{_text(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _text(text: str) -> str:
    return escape(text, quote=True)
