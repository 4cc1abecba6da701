"""Appending for many callers at once, on a real server: every caller gets the outcome of his event."""

import asyncio

import pytest
from redis.asyncio import Redis

from ingest.appender import BATCH_EVENTS, Appender, LogUnavailable
from ingest.event import Event
from ingest.event_log import START, EventLog
from tests.web_process import event


class Waker:
    """Counts how often a drain was asked for."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


@pytest.fixture
def waker():
    return Waker()


@pytest.fixture
def append(settings, waker):
    """Runs a coroutine function with an appender to the test's log."""

    def run(use):
        async def with_appender():
            appender = Appender(Redis.from_url(settings.redis_url), settings, waker)
            try:
                return await use(appender)
            finally:
                await appender.stop()

        return asyncio.run(with_appender())

    return run


def events(count: int) -> list[Event]:
    return [Event.read(event(), source="default") for _ in range(count)]


def stored(redis, settings) -> list[str]:
    entries = EventLog(redis, settings).read(dict.fromkeys(range(settings.log_partitions), START), 10_000)
    return sorted(entry.event_id for found in entries.values() for entry in found)


@pytest.mark.parametrize("count", [1, BATCH_EVENTS, BATCH_EVENTS + 1, 10 * BATCH_EVENTS + 1])
def test_however_many_append_at_once_each_event_is_stored_once(append, redis, settings, count):
    given = events(count)

    async def twice(appender):
        return await asyncio.gather(*map(appender.append, given + given))

    outcomes = append(twice)
    assert (outcomes.count("stored"), outcomes.count("duplicate")) == (count, count)
    assert stored(redis, settings) == sorted(each.id for each in given)


def test_nobody_is_forgotten_whoever_comes_while_a_batch_ends(append, redis, settings):
    given = events(400)

    async def one_after_the_other(appender, mine):
        return [await appender.append(each) for each in mine]

    async def side_by_side(appender):
        return await asyncio.gather(*(one_after_the_other(appender, given[start::40]) for start in range(40)))

    outcomes = append(side_by_side)
    assert {outcome for some in outcomes for outcome in some} == {"stored"}
    assert len(stored(redis, settings)) == 400


def test_force_appends_what_is_already_there(append, redis, settings):
    [one] = events(1)

    async def thrice(appender):
        return [
            await appender.append(one),
            await appender.append(one),
            await appender.append(one, force=True),
        ]

    assert append(thrice) == ["stored", "duplicate", "stored"]
    assert stored(redis, settings) == [one.id] * 2


def test_a_drain_is_asked_for_when_a_flag_was_down_and_not_again(append, redis, settings, waker):
    [one, other] = events(1) * 2

    async def again_and_again(appender):
        for _ in range(3):
            await appender.append(one)
        assert waker.woken == 1
        redis.delete(EventLog(redis, settings).keys.wake)
        await appender.append(other)

    append(again_and_again)
    assert waker.woken == 2


def test_who_gave_up_is_not_waited_for(append, redis, settings):
    given = events(3)

    async def give_up(appender):
        waiting = [asyncio.create_task(appender.append(each)) for each in given]
        await asyncio.sleep(0)
        waiting[1].cancel()
        return await asyncio.gather(*waiting, return_exceptions=True)

    first, second, third = append(give_up)
    assert (first, third) == ("stored", "stored")
    assert isinstance(second, asyncio.CancelledError)


def test_who_still_waits_when_it_stops_is_refused(append):
    async def stop(appender):
        waiting = [asyncio.create_task(appender.append(each)) for each in events(100)]
        await asyncio.sleep(0)
        await appender.stop()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert {type(outcome) for outcome in append(stop)} == {LogUnavailable}


def test_a_fault_is_raised_to_those_whom_it_befell_and_to_nobody_later(append, monkeypatch):
    async def fail_once(appender):
        with monkeypatch.context() as broken:
            broken.setattr("ingest.appender.append_arguments", lambda *_, **__: 1 / 0)
            outcomes = await asyncio.gather(*map(appender.append, events(3)), return_exceptions=True)
        return [*map(type, outcomes), await appender.append(events(1)[0])]

    assert append(fail_once) == [ZeroDivisionError] * 3 + ["stored"]
