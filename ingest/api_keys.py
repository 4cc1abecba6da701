"""Who asks: a bearer key belongs to a source, and is written nowhere."""

from hashlib import sha256
from hmac import compare_digest

from starlette.requests import Request

from ingest.settings import Settings


class Unauthorized(Exception):
    """Send `Authorization: Bearer <key>` with one of the keys of API_KEYS."""


class Forbidden(Exception):
    """This belongs to another source."""


class ApiKeys:
    """The keys of all sources. Only their digests are kept, which also makes them of one length."""

    def __init__(self, settings: Settings) -> None:
        self._sources = [
            (_digest(key.get_secret_value()), source)
            for source, keys in settings.api_keys.items()
            for key in keys
        ]

    def source(self, request: Request) -> str:
        """The source whose key the request bears. Raises Unauthorized.

        Every key is compared, each in constant time: how long it takes says nothing of them.
        """
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        given = _digest(key.strip())
        sources = [source for digest, source in self._sources if compare_digest(digest, given)]
        if scheme.lower() != "bearer" or not sources:
            raise Unauthorized(
                "an Authorization header with a Bearer key of this service is missing or wrong"
            )
        return sources[0]


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "surrogateescape")).digest()
