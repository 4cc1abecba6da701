"""How the servers are named. Read strictly, since clients quote what they cannot read, passwords included."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_SERVER = r"(\[[0-9A-Fa-f:.%]+\]|[^][@:/?#,\s]*)(:\d*)?"
_PARAMETERS = r"([^\s&=]+=[^\s&=]*(&|$))*+"
_KEYED = r"\s*+([a-z_]++\s*+=\s*+('([^'\\]|\\.)*+'|(?!')([^\s\\]|\\.)*+)(\s++|$))++"
_DATABASE = re.compile(
    rf"postgres(ql)?://([^@/\s]*@)?{_SERVER}(,{_SERVER})*(/[^?\s]*)?(\?{_PARAMETERS})?|{_KEYED}", re.DOTALL
)
_REDIS = re.compile(rf"rediss?://([^@/?#\s]*@)?{_SERVER}(/\d*)?(\?\S*)?|unix://\S+")
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


def _names_a_database(value: str) -> str:
    if not _DATABASE.fullmatch(value) or ("://" in value and _BAD_PERCENT.search(value)):
        raise PydanticCustomError(
            "database",
            "names no database: set postgresql://user:password@host:5432/name, with %40 for @, %2F for / and "
            "%25 for % in a password, or host=… dbname=… password='…'",
        )
    return value


Database = Annotated[str, AfterValidator(_names_a_database)]
"""How a database is named to libpq. Nothing here shows it, since it may hold a password.

libpq quotes what it cannot read, a word without = too, or takes a part of the password for the host: so that
never comes to it.
"""


def _names_a_redis(value: str) -> str:
    if not _REDIS.fullmatch(value) or not _has_a_port(value):
        raise PydanticCustomError(
            "redis",
            "names no Redis: set redis://user:password@host:6379/0, with %40 for @ and %2F for / in a "
            "password, rediss://… or unix://…",
        )
    if "?" in value:
        from redis import ConnectionPool  # a quarter of a second, for what is rare

        try:
            ConnectionPool.from_url(value).make_connection()  # which connects only when it is used
        except (TypeError, ValueError):
            raise PydanticCustomError("redis", "has a parameter after its ? that redis-py has not") from None
    return value


def _has_a_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:  # more than there are
        return False


RedisUrl = Annotated[str, AfterValidator(_names_a_redis)]
