"""Recorded streams: shuffled and doubled, each object ends in the state of its last event in the file.

The folder that HOOKLOG_RECORDINGS names holds one JSONL file a scenario, oldest event first.
"""

import os
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ingest.event import Event, Identity
from projections.causality import order

FOLDER = os.environ.get("HOOKLOG_RECORDINGS")
SCENARIOS = sorted(Path(FOLDER).glob("*.jsonl")) if FOLDER else []
LATE = 60
"""Seconds: where an object's creation comes later than its other events by more, the recording gave two
objects one id."""

pytestmark = pytest.mark.skipif(not FOLDER, reason="HOOKLOG_RECORDINGS names no folder")


def read(scenario: Path) -> list[Event]:
    """A scenario's events of lasting objects, in the order in which Stripe made them."""
    lines = scenario.read_bytes().splitlines()
    events = [Event.read(line, source="default") for line in lines]
    ambiguous = {identity for identity, its in by_object(events).items() if is_ambiguous(its)}
    return [event for event in events if event.identity and event.identity not in ambiguous]


def by_object(events: Iterable[Event]) -> dict[Identity, list[Event]]:
    objects: dict[Identity, list[Event]] = defaultdict(list)
    for event in events:
        if event.identity:
            objects[event.identity].append(event)
    return objects


def is_ambiguous(events: list[Event]) -> bool:
    """Whether the recording's normalised ids make two objects one: two creations, or a belated one."""
    made = [event.created for event in events if event.type.endswith(".created")]
    others = [event.created for event in events if not event.type.endswith(".created")]
    return len(made) > 1 or any(second > min(others, default=second) + LATE for second in made)


def state(subject: Mapping[str, Any]) -> dict[str, Any]:
    """The object, but for the token that differs with every rendering of one state."""
    return {key: value for key, value in subject.items() if key not in ("hosted_invoice_url", "invoice_pdf")}


def shuffled_and_doubled(events: list[Event], seed: int) -> list[Event]:
    twice = [*events, *events]
    random.Random(seed).shuffle(twice)
    return twice


def test_the_recordings_are_there():
    objects = [its for scenario in SCENARIOS for its in by_object(read(scenario)).values()]
    assert len(objects) > 250
    assert sum(len(its) > 1 for its in objects) > 100


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_each_object_ends_in_its_last_recorded_state(scenario, seed):
    for identity, recorded in by_object(read(scenario)).items():
        ordered = order(shuffled_and_doubled(recorded, seed))
        assert len(recorded) == len(ordered)
        assert state(recorded[-1].object) == state(ordered[-1].object), identity


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_the_pipeline_shows_each_object_in_its_last_recorded_state(given, scenario):
    recorded = read(scenario)
    rows = given("stripe_objects", *shuffled_and_doubled(recorded, seed=len(recorded)))
    shown = {(row["object"], row["id"]): state(row["data"]) for row in rows}
    expected = {
        (identity.object, identity.object_id): state(its[-1].object)
        for identity, its in by_object(recorded).items()
    }
    assert expected == shown
