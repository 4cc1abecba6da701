"""Style sheets and scripts: read once, compressed once, under addresses that change with their content."""

import asyncio
import gzip
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from projections.dashboard import plotly

STATIC = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """One file, under the name that pages call it by.

    Our own share a version, so that scripts find each other by relative addresses; it changes whenever one
    of them does.
    """

    path: Path
    version: str

    @cached_property
    def body(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """By gzip, at its best: once for the life of the process."""
        return gzip.compress(self.body, 9, mtime=0)

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[self.path.suffix]


class Assets:
    """All of them. `address` is what pages link to, `answer` what the route answers."""

    def __init__(self) -> None:
        files = sorted(path for path in STATIC.iterdir() if path.suffix in MEDIA_TYPES)
        version = _digest(files)
        self._assets = {path.name: Asset(path, version) for path in files}
        self._assets["plotly.js"] = Asset(plotly.script(), plotly.release())

    def address(self, name: str) -> str:
        """The path of an asset, below the dashboard's own."""
        return f"/assets/{self._assets[name].version}/{name}"

    async def answer(self, request: Request) -> Response:
        """The file, for ever; 404 for another version than the one that is here."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None or asset.version != request.path_params["version"]:
            raise HTTPException(404)
        headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = await asyncio.to_thread(lambda: asset.compressed)
            return Response(body, 200, {**headers, "Content-Encoding": "gzip"}, asset.media_type)
        return Response(asset.body, 200, headers, asset.media_type)


def _digest(files: list[Path]) -> str:
    return blake2b(b"".join(path.read_bytes() for path in files), digest_size=8).hexdigest()
