"""A figure on a page: asked, and shown as far as the answer is there in time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from projections.dashboard import drawing, heat, table, tiles
from projections.dashboard.answers import Answer, Answers
from projections.dashboard.drawing import Drawing
from projections.dashboard.figure import Figure
from projections.dashboard.heat import Heat
from projections.dashboard.meanings import NOTHING, Meaning
from projections.dashboard.sections import FIGURES
from projections.dashboard.table import Heading
from projections.dashboard.tiles import TILES, Shown, Tile
from projections.dashboard.view import View

PATIENCE = 0.12
"""Seconds that a whole page waits for its figures: what comes later, the page fetches when it is painted."""

Meant = Mapping[str, Meaning]


@dataclass(frozen=True)
class Card:
    """`state` is ready, pending or failed; `as_of` the place of the newest event that it contains."""

    figure: Figure
    meaning: Meaning
    state: str
    headings: list[Heading] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    drawing: Drawing | None = None
    heat: Heat | None = None
    incomplete: int = 0
    as_of: int | None = None


class Cards:
    """Makes them of what `answers` tells."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def ask(self, figure: Figure, view: View) -> "asyncio.Task[Answer]":
        return self._answers.ask(figure.query, view.parameters())

    async def of(
        self, figures: Sequence[Figure], view: View, meant: Meant, patience: float | None
    ) -> list[Card]:
        """All of them, asked at once; what is not there in time is pending. Raises psycopg.Error."""
        asked = [self.ask(figure, view) for figure in figures]
        await _wait(asked, patience)
        return [
            _card(figure, task, view, meant.get(figure.function, NOTHING))
            for figure, task in zip(figures, asked, strict=True)
        ]

    async def tiles(self, view: View, meant: Meant, patience: float | None) -> list[Shown]:
        """Likewise; a tile that is not there in time has no value yet."""
        asked = {
            (tile.figure, each): self.ask(FIGURES[tile.figure], each)
            for tile in TILES
            for each in (view, view.whole, view.before)
        }
        await _wait(list(asked.values()), patience)
        return [_tile(tile, asked, view, meant) for tile in TILES]


async def _wait(asked: Sequence["asyncio.Task[Answer]"], patience: float | None) -> None:
    if asked:
        await asyncio.wait(asked, timeout=patience)


def answered(task: "asyncio.Task[Answer]") -> Answer | None:
    """Null for what took too long for Postgres. Raises psycopg.OperationalError where that is away."""
    try:
        return task.result()
    except psycopg.errors.QueryCanceled:
        return None


def _card(figure: Figure, task: "asyncio.Task[Answer]", view: View, meaning: Meaning) -> Card:
    if not task.done():
        return Card(figure, meaning, "pending")
    answer = answered(task)
    if answer is None:
        return Card(figure, meaning, "failed")
    rows = answer.rows
    return Card(
        figure,
        meaning,
        "ready",
        table.headings(figure, meaning.columns),
        table.cells(figure, rows, view),
        drawing.drawn(figure, rows, view),
        heat.mapped(figure, rows, view),
        max((row[column] or 0 for row in rows for column in figure.incomplete), default=0),
        answer.as_of,
    )


def _tile(
    tile: Tile, asked: Mapping[tuple[str, View], "asyncio.Task[Answer]"], view: View, meant: Meant
) -> Shown:
    figure = FIGURES[tile.figure]
    meaning = meant.get(figure.function, NOTHING)
    answers = [_done(asked[tile.figure, each]) for each in (view.whole, view.before, view)]
    whole, before, periods = (answer.rows if answer else [] for answer in answers)
    return tiles.shown(
        tile,
        figure,
        meaning.columns.get(tile.column, ""),
        now=whole[-1] if whole else None,
        before=before[-1] if before else None,
        rows=periods,
        view=view,
        pending=None in answers,
        as_of=min((answer.as_of or 0 if answer else 0) for answer in answers),
    )


def _done(task: "asyncio.Task[Answer]") -> Answer | None:
    return answered(task) if task.done() else None
