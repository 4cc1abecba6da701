"""Refusals as RFC 9457 describes them: application/problem+json."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response


class Problem(Response):
    """`detail` is a sentence for whoever sent the request; it quotes no value of the request.

    `members` are further members of the problem's object.
    """

    media_type = "application/problem+json"

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        title = HTTPStatus(status).phrase
        body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
        super().__init__(orjson.dumps(body), status, headers)
