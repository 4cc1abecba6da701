"""The body of a request, whole, within bounds of size and time."""

import asyncio
from typing import cast

from starlette.requests import ClientDisconnect, Request


class BodyTooLarge(Exception):
    """Nothing that is expected here is as large as this body."""


class BodyTimeout(Exception):
    """The body did not come in time: send it again."""


async def read(request: Request, *, limit: int, seconds: float) -> bytes:
    """The body, of at most `limit` bytes; the rest of a longer one is not read.

    Raises BodyTooLarge, BodyTimeout after `seconds` for the whole, and ClientDisconnect.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise BodyTooLarge(f"the body has {announced} bytes, at most {limit} are read")
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit)
    except TimeoutError:
        raise BodyTimeout(f"the body did not come within {seconds:g} s") from None


async def _read(request: Request, limit: int) -> bytes:
    body = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect("the connection closed before the body was complete")
        body += cast(bytes, message["body"])
        if len(body) > limit:
            raise BodyTooLarge(f"the body has more than {limit} bytes")
        if not message["more_body"]:
            return body
