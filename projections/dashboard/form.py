"""What a page's form sends."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 4096
"""More than any of our forms holds; a log-in's comes from somebody who is nobody yet."""

MOST_FIELDS = 8


async def fields(request: Request) -> dict[str, str]:
    """The form's fields, "" for none that is asked for. Raises HTTPException 413 and 400."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "that is too long")
    try:
        return dict(parse_qsl(body.decode("ascii"), True, True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:
        raise HTTPException(400, "this is no form of ours") from None
