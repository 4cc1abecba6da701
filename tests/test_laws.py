"""The laws that every projection keeps: its table is a function of the set of events, and of nothing else."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from redis import Redis

from ingest.event import Event
from ingest.settings import Settings
from projections.projection import Projection
from projections.registry import aggregates, registered, sources, tables_of, together
from tests.fx import corrected
from tests.pipeline import Pipeline, Tables, delivered
from workers.database import Connection
from workers.rebuild import Rebuild
from workers.simulator import simulate

OBJECTS = 12

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
each_projection = pytest.mark.parametrize("projection", registered(), ids=lambda p: p.table)


def alike() -> list[tuple[Projection, ...]]:
    """All projections, those that the same events concern beside each other."""
    found: defaultdict[frozenset[str], list[Projection]] = defaultdict(list)
    for projection in registered():
        found[frozenset(kind for each in together([projection]) for kind in each.reads)].append(projection)
    return [tuple(group) for group in found.values()]


@cache
def all_events() -> Mapping[str, Mapping[str, Sequence[Event]]]:
    """Simulated events, observations and loaded rates by the type and id of their object.

    In two of Stripe's API versions.
    """
    found: defaultdict[str, defaultdict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for event in corrected():
        assert event.identity
        found[event.object_type][event.identity.object_id].append(event)
    for seed, version in ((1, "2026-10-28.endive"), (2, "2020-08-27")):
        business = simulate(seed=seed, payments=60, subscriptions=30, api_version=version)
        for event in map(delivered, business.observed):
            if event.identity:
                found[event.object_type][event.identity.object_id].append(event)
    return found


@cache
def sample(*projections: Projection) -> tuple[Event, ...]:
    """All events of some objects that they read, and of some that are gathered with them."""
    chosen: dict[str, Event] = {}
    for each in together(projections):
        chosen |= {event.id: event for event in read_by(each)}
    return tuple(chosen.values())


def read_by(projection: Projection) -> list[Event]:
    """All events of some objects that it reads, which between them show every type there is."""
    chosen: list[Event] = []
    for kind in projection.reads:
        concerned = [its for its in all_events().get(kind, {}).values() if any(map(projection.concerns, its))]
        objects = sorted(concerned, key=lambda events: (-len(events), events[0].id))
        seen: set[str] = set()
        telling = [
            its
            for its in objects
            if (types := {event.type for event in its}) - seen and not seen.update(types)
        ]
        others = [its for its in objects if its not in telling]
        telling += Random(0).sample(others, min(OBJECTS - len(telling), len(others)))
        chosen += [event for its in telling for event in its]
    return chosen


def owners(projection: Projection) -> dict[str, str]:
    """The column that holds the owner, for the projection's table and those that follow from it."""
    following = {each.table: each.owner for each in aggregates() if projection.table in sources(each)}
    return {projection.table: projection.owner, **following}


Law = tuple[Pipeline, Sequence[Event], Tables]


@pytest.fixture
def law(
    settings: Settings, database: Connection, redis: Redis, covered: Callable[[str, set[str]], None]
) -> Iterator[Callable[..., Law]]:
    """A pipeline of some projections, a sample of their events, and what it makes of these in order."""
    begun: list[Law] = []

    def begin(*projections: Projection) -> Law:
        if begun:
            return begun[0]
        events = sample(*projections)
        for projection in projections:
            covered(projection.table, {event.type for event in read_by(projection)})
        # So that every table has rows: those of trial payments only where the rules want them.
        ruled = settings.model_copy(update={"mrr_trial": "first_payment"})
        pipeline = Pipeline(ruled, database, redis, together(projections))
        begun.append((pipeline, events, {}))
        pipeline.deliver(*events)
        pipeline.run()
        rows = contents(pipeline, *projections)
        assert all(rows.values()), f"no event of the sample makes a row of one of {', '.join(rows)}"
        begun[0] = (pipeline, events, rows)
        return begun[0]

    yield begin
    for pipeline, _, _ in begun:
        pipeline.close()


def contents(pipeline: Pipeline, *projections: Projection) -> Tables:
    """Their tables, and those that follow from these."""
    return pipeline.tables(list(dict.fromkeys(name for each in projections for name in tables_of(each))))


@pytest.mark.parametrize("projections", alike(), ids=lambda alike: "-".join(each.table for each in alike))
@EXAMPLES
@given(data=strategies.data())
def test_any_order_any_duplication_and_any_batches_make_the_same_rows(
    projections: tuple[Projection, ...], law: Any, data: strategies.DataObject
) -> None:
    pipeline, events, rows = law(*projections)
    random = data.draw(strategies.randoms(use_true_random=False))
    deliveries = [*events, *random.choices(events, k=len(events) // 4)]
    random.shuffle(deliveries)
    pipeline.forget()
    while deliveries:
        size = random.randint(1, len(deliveries))
        pipeline.deliver(*deliveries[:size], force=random.random() < 0.2)
        pipeline.run()
        del deliveries[:size]
    assert rows == contents(pipeline, *projections)


@each_projection
def test_twice_is_once(projection: Projection, law: Any) -> None:
    pipeline, events, rows = law(projection)
    pipeline.deliver(*events, force=True)
    assert len(events) == pipeline.run()
    assert rows == contents(pipeline, projection)


@each_projection
def test_a_rebuild_changes_nothing_that_was_right(projection: Projection, law: Any) -> None:
    pipeline, _, rows = law(projection)
    rebuild = Rebuild(pipeline.settings, [projection.table])
    list(rebuild.run())
    assert {0} == set(rebuild.differences.values())
    assert rows == contents(pipeline, projection)


@each_projection
def test_a_rebuild_mends_what_is_missing_wrong_or_too_much(projection: Projection, law: Any) -> None:
    pipeline, _, rows = law(projection)
    for table, owner in owners(projection).items():
        pipeline.database.execute(f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} LIMIT 1)")
        pipeline.database.execute(
            f"UPDATE {table} SET source = 'wrong' WHERE ctid IN (SELECT ctid FROM {table} LIMIT 1)"
        )
        pipeline.database.execute(
            f"UPDATE {table} SET {owner} = 'never_was' WHERE ctid IN (SELECT max(ctid) FROM {table})"
        )
    list(Rebuild(pipeline.settings, [projection.table]).run())
    assert rows == contents(pipeline, projection)


@each_projection
def test_a_rebuild_takes_in_what_arrives_meanwhile(projection: Projection, law: Any) -> None:
    pipeline, events, rows = law(projection)
    pipeline.forget()
    some = len(events) // 2
    pipeline.deliver(*events[some:])
    pipeline.run()
    rebuild = Rebuild(pipeline.settings, [projection.table]).run()
    next(rebuild)
    pipeline.deliver(*events[:some])
    pipeline.run()
    list(rebuild)
    assert rows == contents(pipeline, projection)
