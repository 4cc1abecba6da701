"""What a page says where there is nothing to show: a bad address, no such page, no database."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from projections.dashboard.view import BadView

_PLAIN = {"Not Found", "Method Not Allowed"}
"""What Starlette says where nobody said more."""

_NO_PAGE = "There is no such page"
_TITLES = {400: "This cannot be read", 404: "There is nothing to show", 413: "This cannot be read"}


async def answer_away(request: Request, _error: Exception) -> Response:
    """Postgres does not answer, or not in time: the page says so, and tries again by itself."""
    return _refusal(
        request,
        503,
        "The database does not answer",
        "Nothing is lost by that: deliveries go on into the log. This page looks again in a moment.",
        {"Refresh": "5"},
    )


async def answer_unmade(request: Request, _error: Exception) -> Response:
    """There is a database without our tables, or with those of an older release."""
    return _refusal(
        request,
        503,
        "The tables are not there yet",
        "./run up, drain and sweep make them, and bring them up to date. This page looks again in a moment.",
        {"Refresh": "5"},
    )


async def answer_unknown_zone(request: Request, _error: Exception) -> Response:
    """A zone that this machine knows, and Postgres does not."""
    return _refusal(
        request, 400, "This address cannot be read", problems=["Postgres knows no such time zone"]
    )


async def answer_bad_view(request: Request, error: Exception) -> Response:
    """The address asks for what there is not."""
    assert isinstance(error, BadView)
    return _refusal(request, 400, "This address cannot be read", problems=error.problems)


async def answer_unrouted(request: Request, error: Exception) -> Response:
    """The router's 404 and 405."""
    assert isinstance(error, HTTPException)
    told = "" if error.detail in _PLAIN else error.detail
    title = _TITLES.get(error.status_code, _NO_PAGE) if told else _NO_PAGE
    return _refusal(request, error.status_code, title, told, headers=error.headers)


def _refusal(
    request: Request,
    status: int,
    title: str,
    told: str = "",
    headers: Mapping[str, str] | None = None,
    problems: Sequence[str] = (),
) -> Response:
    pages: Any = request.app.state.dashboard.pages
    answer: Response = pages.answer(
        request, "refusal.html", status=status, headers=headers, title=title, told=told, problems=problems
    )
    return answer


REFUSALS: dict[Any, ExceptionHandler] = {
    HTTPException: answer_unrouted,
    BadView: answer_bad_view,
    psycopg.OperationalError: answer_away,
    psycopg.errors.UndefinedTable: answer_unmade,
    psycopg.errors.UndefinedFunction: answer_unmade,
    psycopg.errors.UndefinedColumn: answer_unmade,
    psycopg.errors.InvalidParameterValue: answer_unknown_zone,
}
