"""One attempt at a job: the calls to Stripe that make its object exactly once, and what they showed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import stripe
from redis import Redis
from stripe import RequestOptions

from ingest.job import Job
from ingest.settings import Settings
from workers.idempotency import IdempotencyKeys
from workers.observations import observation
from workers.rate_limit import PATIENT, URGENT
from workers.stripe_client import Object, connect, plain
from workers.stripe_errors import verb
from workers.verbs import Retry

CLOCK_MARGIN = timedelta(minutes=5)
PAGE = 100

Call = Callable[[RequestOptions], stripe.StripeObject]
Look = Callable[[], Object | None]


@dataclass(frozen=True)
class Made:
    """What a job's client is told; the secret goes apart, since it must not be kept or logged."""

    result: Mapping[str, Any]
    client_secret: str | None = None


class Attempt:
    """What a job works with. `redis` is the log's."""

    def __init__(self, job: Job, settings: Settings, redis: "Redis") -> None:
        self.job = job
        self.command = job.command
        self.settings = settings
        self.redis = redis
        self.keys = IdempotencyKeys(redis, settings)
        self.observed: list[bytes] = []
        self.customer: str | None = None
        """The customer of the command's user, once it was looked up."""
        client, self._transport = connect(settings, redis, URGENT if job.urgent else PATIENT)
        self.v1 = client.v1

    @property
    def answered(self) -> bool:
        """Whether Stripe answered anything."""
        return self._transport.answered_at is not None

    def create(self, call: Call, look: Look, *, name: str | None = None, look_first: bool = False) -> Object:
        """Create an object once; see `_once`."""
        made = self._once(call, look, name or self.job.id, look_first=look_first)
        self.observed.append(observation(self.job.id, made))
        return made

    def change(self, call: Call, look: Look, *, name: str | None = None, look_first: bool = False) -> Object:
        """Change an object once; see `_once`. It must have been read before, which dates the observation."""
        name = name or self.job.id
        made = self._once(call, look, name, look_first=look_first)
        read_at = self.keys.begin(name).answered_at
        assert read_at is not None, "the object is read before it is changed"
        self.observed.append(observation(self.job.id, made, read_at=read_at))
        return made

    def _once(self, call: Call, look: Look, name: str, *, look_first: bool = False) -> Object:
        """Make `call` so that it acts once under `name`, however often and wherever this is run.

        `look` finds what an earlier call did. It is asked where the key cannot tell, or with `look_first`.
        Raises the verb of what Stripe answered.
        """
        key = self.keys.begin(name, self._transport.answered_at)
        if look_first or key.generation > 1:
            found = look()
            if found is not None:
                return found
        try:
            return plain(call({"idempotency_key": key.value}))
        except stripe.StripeError as error:
            what = verb(error)
            stored = isinstance(what, Retry) and what.spent
            if stored or (error.http_status == 500 and self.keys.failed(key) > 1):
                self.keys.spend(key)
            raise what from error

    def metadata(self, **own: str | None) -> dict[str, str]:
        """What a created object bears: the client's own, whose source it is, and which job made it."""
        given = self.command.get("metadata") or {}
        named = {name: value for name, value in own.items() if value is not None}
        return {**given, **named, "source": self.job.source, "job_id": self.job.id}

    def made_by_this_job(self, service: Any, **filters: Any) -> Object | None:
        """What this job created, by listing what was created since. (Search lags; a list does not.)"""
        since = int((self.job.created_at - CLOCK_MARGIN).timestamp())
        page = service.list({"created": {"gte": since}, "limit": PAGE, **given(**filters)})
        for found in page.auto_paging_iter():
            candidate = plain(found)
            if (candidate.get("metadata") or {}).get("job_id") == self.job.id:
                return candidate
        return None


def given(**parameters: Any) -> dict[str, Any]:
    """The parameters that are not None: Stripe takes a null for an empty value."""
    return {name: value for name, value in parameters.items() if value is not None}
