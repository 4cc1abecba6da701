"""GET /users/{user_id}/access: whom a client is to let in, asked of Postgres at this moment."""

import asyncio

import psycopg
from psycopg.rows import dict_row
from starlette.requests import Request
from starlette.responses import Response

from ingest.payload import dump
from ingest.problem import Problem
from ingest.settings import InvalidSettings, Settings

AT_ONCE = 8
"""Connections; whoever comes while all are taken waits."""

CONNECT_SECONDS = 2
ANSWER_MILLISECONDS = 5000
RETRY = {"Retry-After": "5"}

_ACCESS = """
SELECT plan_type, has_access, access_until, reason, subscription_id FROM user_access
WHERE account = %s AND livemode = %s AND replace(lower(origin), '-', '_') = %s AND user_id = %s
ORDER BY has_access DESC, access_until DESC NULLS FIRST LIMIT 1
"""
NOTHING = {
    "plan_type": None,
    "has_access": False,
    "access_until": None,
    "reason": "none",
    "subscription_id": None,
}


class UserAccess:
    """Answers for the users of a source, `livemode` by the query, else by the kind of Stripe's key.

    Raises InvalidSettings without DATABASE_URL.
    """

    def __init__(self, settings: Settings) -> None:
        if not settings.database_url:
            raise InvalidSettings("DATABASE_URL must be set: who has access is known there")
        key = settings.stripe_secret_key
        self._settings = settings
        self._database_url = settings.database_url
        self._livemode = key is None or "_test_" not in key.get_secret_value()
        self._connections = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, request: Request, source: str) -> Response:
        """200, also for a user of whom nothing is known: he has no access. 503 while Postgres is away."""
        asked = request.query_params.get("livemode", str(self._livemode)).lower()
        if asked not in ("true", "false"):
            return Problem(400, "livemode is true or false")
        livemode, user_id = asked == "true", request.path_params["user_id"]
        where = [self._settings.account_of(source), livemode, source, user_id]
        try:
            row = await self._ask(where)
        except psycopg.OperationalError:
            return Problem(503, "the database does not answer", RETRY)
        except psycopg.DataError:
            return Problem(400, "no user has such an id")
        answer = {"user_id": user_id, "livemode": livemode, **(row or NOTHING)}
        return Response(dump(answer), media_type="application/json", headers={"Cache-Control": "no-store"})

    async def _ask(self, where: list[object]) -> dict[str, object] | None:
        async with (
            self._connections,
            await psycopg.AsyncConnection.connect(
                self._database_url,
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=CONNECT_SECONDS,
            ) as connection,
        ):
            await connection.execute(f"SET statement_timeout = {ANSWER_MILLISECONDS}")
            return await (await connection.execute(_ACCESS, where)).fetchone()
