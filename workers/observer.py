"""The observer: asks Stripe for what events only name, and tells the log what it saw.

It is the last in line: checkouts and jobs go before it in the rate that all share. It pauses with the
creators while Stripe does not take their key, and what fails is tried again for as long as it takes.
"""

import logging
import signal
from collections.abc import Sequence
from itertools import groupby
from threading import Event as Flag
from time import monotonic
from typing import Any

import psycopg
import stripe
import structlog
from redis import Redis
from redis.exceptions import RedisError

from ingest.pause import Pause as CreatorsPause
from ingest.settings import DEFAULT_SOURCE, Settings
from workers import lookups
from workers.database import dial
from workers.folding import reason
from workers.look_up import KINDS, Kind, Told
from workers.lookup_seed import seed
from workers.lookups import Lookup
from workers.observations import ObservedLog
from workers.rate_limit import is_live
from workers.stripe_errors import verb
from workers.stripe_reader import StripeReader
from workers.verbs import Pause, Reject, Retry, Verb

SINGLES = 50
"""How many of a batch are asked for one by one. The rest waits its turn."""

LOOK_SECONDS = 1.0
LONGEST_REST = 60.0
"""Seconds between tries while Stripe answers nothing at all."""

AWAY = (psycopg.OperationalError, psycopg.InternalError, RedisError)

log = structlog.get_logger()


class Observer:
    """One process' lookups. Any number may run: what one has claimed, no other asks for meanwhile."""

    def __init__(self, settings: Settings, stop: Flag | None = None) -> None:
        assert settings.redis_url
        assert settings.stripe_secret_key
        self._settings = settings
        self._key = settings.stripe_secret_key.get_secret_value()
        self._stop = stop or Flag()
        self._redis = Redis.from_url(settings.redis_url)
        self._observed = ObservedLog(self._redis, settings)
        self._pause = CreatorsPause(self._redis, settings)
        self._own = settings.account_of(DEFAULT_SOURCE)
        self._database: psycopg.Connection[Any] | None = None
        self._seeded = False
        self._failures = 0
        self._rests_until = 0.0
        self._stopped = False

    def run_once(self) -> int:
        """Ask for what is due; returns how many lookups were answered.

        Raises what AWAY names while a server is: nothing is lost by that.
        """
        if not self._seeded:
            if seed(self._connected()):
                log.info("what the tables named before is wanted, too")
            if again := lookups.want_again(self._connected(), self._key, livemode=is_live(self._settings)):
                log.info("the key is another one: what the last one did not know is asked for", lookups=again)
            self._seeded = True
        paused = self._pause.now() is not None
        if monotonic() < self._rests_until or (paused and not self._pause.may_try()):
            return 0
        answered, self._stopped = 0, False
        for name, kind in KINDS.items():
            if self._stopped:  # none of the other kinds would fare better
                break
            live = is_live(self._settings)
            due = lookups.claim(self._connected(), name, kind.limit, account=self._own, livemode=live)
            due.sort(key=lambda lookup: lookup.account)
            for account, its in groupby(due, key=lambda lookup: lookup.account):
                answered += self._look_up(kind, account, list(its))
        if answered:
            self._failures = 0
            if paused:
                self._pause.lift()
                log.info("Stripe takes the key; the creators go on")
        return answered

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        self._redis.close()

    def _look_up(self, kind: Kind, account: str, asked: Sequence[Lookup]) -> int:
        """Ask for lookups of one account; returns how many were answered."""
        reader = StripeReader(self._settings, self._redis, None if account == self._own else account)
        left = {lookup.number: lookup for lookup in asked}
        answered = 0
        try:
            for told in kind.several(reader, asked) if kind.several and not self._stopped else ():
                answered += self._tell(told)
                for lookup, _ in told:
                    del left[lookup.number]
            for lookup in list(left.values())[:SINGLES]:
                if self._stop.is_set() or self._stopped:
                    break
                answered += self._ask(kind, reader, lookup)
                del left[lookup.number]
        except (stripe.StripeError, Verb) as error:
            self._put_off(error if isinstance(error, Verb) else verb(error), left)
        finally:  # those whose turn did not come, also where Redis went away
            for lookup in left.values():
                lookups.let_rest(self._connected(), lookup)
        return answered

    def _ask(self, kind: Kind, reader: StripeReader, lookup: Lookup) -> int:
        """Ask for one; returns 1 if it was answered. Raises what stops the others, too."""
        database = self._connected()
        try:
            body = kind.one(reader, database, lookup)
        except stripe.StripeError as error:
            if not isinstance(what := verb(error), Reject):
                raise
            lookups.failed(database, lookup, named(what))
        except (Verb, *AWAY):
            raise
        except Exception as fault:
            log.exception("a lookup met a fault of ours; it is tried again", object_id=lookup.object_id)
            lookups.failed(database, lookup, reason(fault))
        else:
            if body is not None:
                return self._tell([(lookup, body)])
            lookups.gone(database, lookup)
            log.warning("Stripe does not know it", object=lookup.object, object_id=lookup.object_id)
            return 1
        return 0

    def _tell(self, told: Sequence[Told]) -> int:
        """Append what was seen; returns how many. A lookup stays until that is drained, or asks again."""
        appended = 0
        for source, its in groupby(sorted(told, key=source_of), key=source_of):
            answers = list(its)
            bodies = [body for _, body in answers]
            # The history does not have them, so whatever the log remembers of them is no argument.
            outcomes = self._observed.append(bodies, source, answers[0][0].account, force=True)
            for (lookup, _), outcome in zip(answers, outcomes, strict=True):
                if outcome == "full":
                    lookups.failed(self._connected(), lookup, "the log is full")
                else:
                    appended += 1
        return appended

    def _put_off(self, why: Verb, left: dict[int, Lookup]) -> None:
        """What Stripe did not answer: with the key refused, all waits for a good one, else for a while."""
        self._stopped = True
        if isinstance(why, Pause):
            self._pause.begin(str(why))
            log.error("Stripe does not take STRIPE_SECRET_KEY: nothing is looked up", reason=str(why))
            return
        after = why.after if isinstance(why, Retry) else 0.0
        self._failures += 1
        rest = max(after, min(2.0**self._failures, LONGEST_REST))
        self._rests_until = monotonic() + rest
        log.warning("Stripe did not answer; it is asked again", seconds=round(rest, 1), reason=named(why))
        for lookup in left.values():
            lookups.failed(self._connected(), lookup, named(why), after)
        left.clear()

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._database is None or self._database.closed:
            assert self._settings.database_url
            self._database = dial(self._settings.database_url)
        return self._database


def source_of(told: Told) -> str:
    """The endpoint that received the event which a lookup is for."""
    return told[0].source


def named(why: Verb) -> str:
    """Why, in our words and Stripe's code: no word of the answer, which may hold personal data."""
    code = why.problem.get("code")
    return f"{why.problem['title']} ({code})" if code else str(why.problem["title"])


def main(settings: Settings) -> None:
    """Look up until SIGTERM or SIGINT. A server that is away is waited for."""
    logging.getLogger("stripe").setLevel(logging.WARNING)  # it logs every URL at INFO
    stop = Flag()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    observer = Observer(settings, stop)
    away: str | None = None
    while not stop.is_set():
        busy = 0
        try:
            busy = observer.run_once()
        except AWAY as error:
            if away != (away := type(error).__name__):
                log.warning("a server is away; lookups wait", reason=away)
            observer.close()
        else:
            if away:
                log.info("the servers are back")
            away = None
        if not busy:
            stop.wait(LOOK_SECONDS)
    observer.close()
