"""A figure on a page: asked, and shown as far as the answer is there in time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from projections.dashboard import drawing, heat, table, tiles
from projections.dashboard.answers import TOO_MUCH, Answer, Answers
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

BRIEFLY = 0.03
"""Seconds for a figure that can be shown as it was some minutes ago."""

Meant = Mapping[str, Meaning]
_Wanted = tuple[Figure, View, "asyncio.Task[Answer]"]


@dataclass(frozen=True)
class Card:
    """`state` is ready, old (of `at`, while a newer one is asked for), late (of `at`, as a newer one took too
    long), pending or failed.

    `as_of` says up to which commit it is new (`Changes.newest`); `again` in how many seconds what took too
    long is asked for again.
    """

    figure: Figure
    meaning: Meaning
    state: str
    headings: list[Heading] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    drawing: Drawing | None = None
    heat: Heat | None = None
    incomplete: int = 0
    as_of: int | None = None
    at: datetime | None = None
    again: float = 0.0


class Cards:
    """Makes them of what `answers` tells."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def _ask(self, figure: Figure, view: View) -> "asyncio.Task[Answer]":
        return self._answers.ask(figure.query, view.parameters(), view.lasting)

    async def of(
        self, figures: Sequence[Figure], view: View, meant: Meant, patience: float | None
    ) -> list[Card]:
        """All of them, asked at once; what is not there in time is pending. Raises psycopg.Error."""
        views = [view.divided(figure.by) for figure in figures]
        asked = [(figure, each, self._ask(figure, each)) for figure, each in zip(figures, views, strict=True)]
        async with self._waiting(asked, patience):
            return [
                self._card(figure, task, each, meant.get(figure.function, NOTHING))
                for figure, each, task in asked
            ]

    async def tiles(self, view: View, meant: Meant, patience: float | None) -> list[Shown]:
        """Likewise; a tile that is not there in time has no value yet."""
        asked = {
            (tile.figure, each): self._ask(FIGURES[tile.figure], each)
            for tile in TILES
            for each in (view, view.whole, view.before)
        }
        async with self._waiting(
            [(FIGURES[name], each, task) for (name, each), task in asked.items()], patience
        ):
            return [self._tile(tile, asked, view, meant) for tile in TILES]

    @asynccontextmanager
    async def _waiting(self, asked: Sequence[_Wanted], patience: float | None) -> AsyncIterator[None]:
        """Wait for all; with patience for those of which there is nothing else, briefly for the others. After
        that nobody here waits any more."""
        try:
            unknown = [task for figure, view, task in asked if not self._last(figure, view)]
            if unknown and patience is not None:
                await asyncio.wait(unknown, timeout=patience)
            await asyncio.wait([task for _, _, task in asked], timeout=patience and min(patience, BRIEFLY))
            yield
        finally:
            for _, _, task in asked:
                task.cancel()

    def _last(self, figure: Figure, view: View) -> Answer | None:
        return self._answers.last(figure.query, view.lasting)

    def _there(self, figure: Figure, view: View, task: "asyncio.Task[Answer]") -> Answer | None:
        """What is there by now: the answer, or the one before it."""
        return (answered(task) if task.done() else None) or self._last(figure, view)

    def _card(self, figure: Figure, task: "asyncio.Task[Answer]", view: View, meaning: Meaning) -> Card:
        answer = self._there(figure, view, task)
        failed = task.done() and answered(task) is None
        again = self._again(figure, view) if failed else 0.0
        if answer is None:
            return Card(figure, meaning, "failed" if failed else "pending", again=again)
        rows = answer.rows
        return Card(
            figure,
            meaning,
            "late" if failed else "ready" if task.done() else "old",
            table.headings(figure, meaning.columns),
            table.cells(figure, rows, view),
            drawing.drawn(figure, rows, view),
            heat.mapped(figure, rows, view),
            max((row[column] or 0 for row in rows for column in figure.incomplete), default=0),
            answer.as_of,
            answer.at,
            again,
        )

    def _again(self, figure: Figure, view: View) -> float:
        return self._answers.rest(figure.query, view.lasting) + 1

    def _tile(
        self, tile: Tile, asked: Mapping[tuple[str, View], "asyncio.Task[Answer]"], view: View, meant: Meant
    ) -> Shown:
        figure = FIGURES[tile.figure]
        meaning = meant.get(figure.function, NOTHING)
        tasks = [(each, asked[tile.figure, each]) for each in (view.whole, view.before, view)]
        answers = [self._there(figure, each, task) for each, task in tasks]
        whole, before, periods = (answer.rows if answer else [] for answer in answers)
        failed = [each for each, task in tasks if task.done() and answered(task) is None]
        return tiles.shown(
            tile,
            figure,
            meaning.columns.get(tile.column, ""),
            now=whole[-1] if whole else None,
            before=before[-1] if before else None,
            rows=periods,
            view=view,
            pending=not all(task.done() for _, task in tasks),
            as_of=min((answer.as_of or 0 for answer in answers if answer), default=None),
            again=max((self._again(figure, each) for each in failed), default=0.0),
        )


def answered(task: "asyncio.Task[Answer]") -> Answer | None:
    """Null for what took too long for Postgres. Raises psycopg.OperationalError where that is away."""
    try:
        return task.result()
    except TOO_MUCH:
        return None
