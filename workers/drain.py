"""The drain: rounds until a read under the lock finds nothing."""

from collections.abc import Callable
from math import ceil
from types import TracebackType
from typing import Self

from psycopg import IsolationLevel
from redis import Redis

from ingest.settings import Settings
from ingest.wake import WakeFlag
from projections.projection import Projection
from projections.registry import registered
from workers import built_under, checkpoints, configured_plans, history, reactions
from workers.database import dial
from workers.folding import Folder
from workers.round import Round


class Drain:
    """Drains the log into Postgres, with a connection to each; `settings` names both.

    Raises psycopg's and redis' errors: then nothing of the round is written, and the next one repeats it.
    """

    def __init__(self, settings: Settings, projections: tuple[Projection, ...] | None = None) -> None:
        assert settings.redis_url
        assert settings.database_url
        self._partitions = settings.log_partitions
        self._redis = Redis.from_url(settings.redis_url)
        self._connection = dial(settings.database_url)
        # What waited for a lock must see what its holder wrote, whatever the database's default is.
        self._connection.isolation_level = IsolationLevel.READ_COMMITTED
        plans = configured_plans.read(settings)
        try:
            checkpoints.begin(self._connection, settings.log_partitions)
            built_under.begin(self._connection, settings)
            history.begin(self._connection)
            projections = registered() if projections is None else projections
            told = reactions.configured(settings)
            folder = Folder(self._connection, projections, plans, told, built_under.rules(settings))
        except BaseException:
            self.close()
            raise
        self._round = Round(self._connection, self._redis, settings, folder)
        self._flag = WakeFlag(self._redis, settings)

    def run(self, *, workers: int = 1, proceed: Callable[[], bool] = lambda: True) -> int:
        """Drain until nothing is left that nobody else holds; returns the events drained.

        `workers` is how many drain at once: each takes its part of the partitions. `proceed` is asked
        between rounds; once it says no, what is left is left.
        """
        at_most = ceil(self._partitions / workers)
        pending = set(range(self._partitions))
        drained = 0
        while pending and proceed():
            outcome = self._round.run(pending, at_most)
            drained += outcome.drained
            if not outcome.claimed:
                break  # the others' holders look at the flags when they release
            # A flag that is up again tells of an event that the read did not see; where another holds the
            # lock, that one will look, and the claim finds nothing.
            pending = (pending - outcome.empty) | self._flag.raised()
        return drained

    def close(self) -> None:
        self._connection.close()
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
