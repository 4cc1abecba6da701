"""Which sessions were logged out before their time."""

import asyncio
from pathlib import Path

from projections.dashboard.keeping import Marks
from projections.dashboard.shared import Shared


class Ended:
    """Kept in Redis, for every machine, and in this home, which is there when Redis is not."""

    def __init__(self, shared: Shared, home: Path) -> None:
        self._shared = shared
        self._marks = Marks(home)

    async def add(self, session_id: str, seconds: int) -> None:
        """Raises OSError where neither Redis nor the home takes a mark."""
        key = self._shared.key(f"ended:{session_id}")
        told = await self._shared.ask(lambda redis: redis.set(key, 1, ex=seconds))
        try:
            await asyncio.to_thread(self._marks.mark, f"session:{session_id}", seconds)
        except OSError:  # a file system that is read-only is no matter where everybody asks Redis
            if not told:
                raise

    async def includes(self, session_id: str) -> bool:
        if self._marks.marked(f"session:{session_id}"):
            return True
        key = self._shared.key(f"ended:{session_id}")
        return bool(await self._shared.ask(lambda redis: redis.exists(key)))
