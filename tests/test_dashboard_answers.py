"""Questions to Postgres: asked once, so many at a time, and not for whoever has gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from psycopg import errors
from starlette.exceptions import HTTPException
from starlette.requests import Request

from projections.dashboard.answers import GRACE, LONGEST, OLDEST, WORTH, Answers
from projections.dashboard.leaving import while_there


class Postgres:
    """Answers when it is told to. `now` is everybody's clock, `newest` the newest event."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.turns: list[asyncio.Future[list[dict[str, Any]]]] = []
        self.now = 0.0
        self.newest = 1

    async def rows(self, _query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(parameters)
        self.turns.append(asyncio.get_running_loop().create_future())
        return await self.turns[-1]

    async def answer(self, turn: int = -1, after: float = 0.0) -> None:
        self.now += after
        self.turns[turn].set_result([{"n": len(self.turns)}])
        await settled()

    async def give_up(self, after: float) -> None:
        self.now += after
        self.turns[-1].set_exception(errors.QueryCanceled())
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


Test = Callable[[Postgres, Answers], Coroutine[Any, Any, None]]


def asked_of_postgres(at_once: int = 1) -> Callable[[Test], Callable[[], None]]:
    """The test in a loop of its own, with a Postgres and answers of it."""

    def decorated(test: Test) -> Callable[[], None]:
        async def go() -> None:
            postgres = Postgres()
            await test(postgres, Answers(postgres, postgres, at_once, lambda: postgres.now))  # type: ignore[arg-type]

        return lambda: asyncio.run(go())

    return decorated


@asked_of_postgres()
async def test_a_question_that_is_still_asked_in_the_next_minute_is_not_asked_twice(
    postgres: Postgres, answers: Answers
) -> None:
    first = answers.ask("q", {"until": 1}, "view")
    await settled()
    second = answers.ask("q", {"until": 2}, "view")
    await postgres.answer()
    assert [{"until": 1}] == postgres.asked
    assert (await first) is (await second)


@asked_of_postgres()
async def test_what_nobody_waits_for_any_more_is_left_out_and_answered_when_asked_again(
    postgres: Postgres, answers: Answers
) -> None:
    running = answers.ask("q", {}, "slow")
    waiting = [answers.ask("q", {}, view) for view in ("left", "awaited")]
    await settled()
    waiting[0].cancel()
    postgres.now += GRACE + 1
    await postgres.answer()
    await postgres.answer()
    assert 2 == len(postgres.asked)
    assert [True, True] == [running.done(), waiting[1].done()]
    again = answers.ask("q", {}, "left")
    await settled()
    await postgres.answer()
    assert [{"n": 3}] == (await again).rows


@asked_of_postgres()
async def test_a_page_that_was_sent_without_it_finds_it_when_it_asks_for_it(
    postgres: Postgres, answers: Answers
) -> None:
    answers.ask("q", {}, "slow")
    page = answers.ask("q", {}, "of a page that was sent")
    await settled()
    page.cancel()
    await postgres.answer(after=GRACE / 2)
    await postgres.answer()
    assert answers.last("q", "of a page that was sent") is not None


@asked_of_postgres()
async def test_what_took_too_long_rests_and_is_then_tried_again(postgres: Postgres, answers: Answers) -> None:
    for _ in range(3):
        asked = answers.ask("q", {}, "view")
        await settled()
        if len(postgres.turns) == 1 and not postgres.turns[0].done():
            await postgres.give_up(after=60)
        with pytest.raises(errors.QueryCanceled):
            await asked
    assert 1 == len(postgres.asked)
    assert 60 * WORTH == answers.rest("q", "view")
    postgres.now += 60 * WORTH
    asked = answers.ask("q", {}, "view")
    await settled()
    await postgres.answer()
    assert [{"n": 2}] == (await asked).rows


@asked_of_postgres(at_once=2)
async def test_so_many_are_asked_at_a_time(postgres: Postgres, answers: Answers) -> None:
    asked = [answers.ask("q", {"n": n}) for n in range(5)]
    await settled()
    assert 2 == len(postgres.asked)
    for turn in range(5):
        await postgres.answer(turn)
    assert list(range(5)) == [each["n"] for each in postgres.asked]
    assert all(each.done() for each in asked)


@asked_of_postgres()
async def test_an_answer_is_kept_as_it_is_worth_and_until_there_is_something_new(
    postgres: Postgres, answers: Answers
) -> None:
    async def count(after: float, newest: int) -> int:
        postgres.now, postgres.newest = after, newest
        asked = answers.ask("q", {}, "view")
        await settled()
        if not postgres.turns[-1].done():
            await postgres.answer(after=1)
        await asked
        return len(postgres.asked)

    assert [1, 1, 1, 2, 3] == [
        await count(*each)
        for each in ((0, 1), (WORTH - 1, 2), (LONGEST - 1, 1), (LONGEST, 1), (LONGEST + 1 + WORTH, 2))
    ]
    assert OLDEST.total_seconds() > LONGEST


def test_work_for_a_browser_that_has_gone_is_cancelled() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def go() -> None:
        told = [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

        async def receive() -> Any:
            return told.pop(0)

        with pytest.raises(HTTPException, match="499"):
            await while_there(Request({"type": "http"}, receive), work())
        await settled()

    asyncio.run(go())
    assert [True] == ended
