"""`hooklog dictionary`: what there is to query, and what it means."""

import sys
from collections.abc import Sequence
from typing import Any

import click
import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workers.analyst import reading, settings_for_reading
from workers.dictionary import Entry, Field, entries, entry

GROUPS = {"table": "Tables", "view": "Views", "function": "Functions"}
FILE_WIDTH = 120


@click.command()
@click.argument("name", required=False)
@click.option("--markdown", "form", flag_value="markdown", help="Print it as Markdown.")
@click.option("--json", "form", flag_value="json", help="Print it as one JSON array.")
def dictionary(name: str | None, form: str | None) -> None:
    """Print what analysts may query: every table, view and function, or the one of this NAME with all of
    its columns and parameters. It is told by the database's own comments.
    """
    with reading(settings_for_reading()) as connection:
        found = [entry(connection, name)] if name else entries(connection)
    if form == "json":
        target = sys.stdout.buffer
        target.write(orjson.dumps([_plain(each) for each in found], option=orjson.OPT_APPEND_NEWLINE))
        target.flush()
    elif form == "markdown":
        click.echo("\n".join(markdown(found)))
    else:
        out = Console() if sys.stdout.isatty() else Console(width=FILE_WIDTH)
        if name:
            _show(found[0], out)
        else:
            _list(found, out)


def _plain(each: Entry) -> dict[str, Any]:
    fields = {"columns": each.columns, "parameters": each.parameters}
    return vars(each) | {name: [one._asdict() for one in its] for name, its in fields.items()}


def _list(found: Sequence[Entry], out: Console) -> None:
    for kind, title in GROUPS.items():
        table = Table(
            title=title, title_justify="left", box=SIMPLE_HEAD, show_header=False, padding=(0, 2, 0, 0)
        )
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for each in found:
            if each.kind == kind:
                table.add_row(each.name, Text(each.meaning))
        out.print(table)
    out.print("Columns and parameters: ./run dictionary NAME", highlight=False)


def _show(each: Entry, out: Console) -> None:
    out.print(Text(each.call, style="bold"), Text(f"({each.kind})", style="dim"))
    out.print(Text(each.meaning))
    for title, fields in (("Parameters", each.parameters), ("Columns", each.columns)):
        if fields:
            out.print(_fields(title, fields))
    if each.returns and not each.columns:
        out.print(f"Gives one value: {each.returns}", highlight=False)


def _fields(title: str, fields: Sequence[Field]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column("name", style="bold", no_wrap=True)
    table.add_column("type", no_wrap=True)
    defaults = any(each.default for each in fields)
    if defaults:
        table.add_column("default", overflow="fold")
    table.add_column("meaning", overflow="fold")
    for each in fields:
        row = [Text(each.name), Text(each.type)]
        table.add_row(*row, *([Text(each.default or "")] if defaults else []), Text(each.meaning))
    return table


def markdown(found: Sequence[Entry]) -> list[str]:
    """The dictionary as lines of Markdown."""
    lines = ["# Data dictionary"]
    for kind, title in GROUPS.items():
        of_kind = [each for each in found if each.kind == kind]
        lines += ["", f"## {title}"] if of_kind else []
        for each in of_kind:
            lines += ["", f"### {each.name}", "", f"{_escaped(each.meaning)}"]
            if each.kind == "function":
                lines += ["", f"```sql\n{each.call}\n```"]
                lines += _markdown_table("parameter", each.parameters)
            lines += _markdown_table("column", each.columns)
            if each.returns and not each.columns:
                lines += ["", f"Gives one value: `{each.returns}`"]
    return lines


def _markdown_table(what: str, fields: Sequence[Field]) -> list[str]:
    if not fields:
        return []
    rows = [f"| `{each.name}` | {each.type} | {_escaped(each.meaning)} |" for each in fields]
    return ["", f"| {what} | type | meaning |", "|---|---|---|", *rows]


def _escaped(text: str) -> str:
    special = text.maketrans({each: f"\\{each}" for each in "|*_<`"})
    return text.translate(special).replace("\n", " ")
