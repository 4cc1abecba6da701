"""Browsers that go before they are answered: a page that is left asks for its parts no more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

T = TypeVar("T")

GONE = 499
"""The status of what nobody receives."""


async def while_there(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What comes of `work`, which is cancelled when the browser has gone. Raises HTTPException then."""
    working, going = asyncio.create_task(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait([working, going], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise HTTPException(GONE)
    finally:
        working.cancel()
        going.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
