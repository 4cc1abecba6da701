"""The place of observations among the events of an object: what we saw at Stripe, and when it counts."""

import json
from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.event import Event
from projections.causality import CHANGED, CREATED, deferred, order, prefix
from workers.observations import as_delivered, observation

NOON = 1_700_000_000
SUBSCRIPTION = {"id": "sub_1", "object": "subscription", "created": NOON, "livemode": False}


def told(kind: str, at: int, previous: Any = None, **subject: Any) -> Event:
    data = {"object": {**SUBSCRIPTION, **subject}, "previous_attributes": previous or {}}
    body = {"id": f"evt_{kind}_{at}_{subject}", "type": f"customer.subscription.{kind}", "created": at}
    return Event.read(json.dumps(body | {"data": data}).encode(), source="default")


def seen(at: int | None = None, **subject: Any) -> Event:
    read_at = None if at is None else datetime.fromtimestamp(at, UTC)
    body = observation("job_1", {**SUBSCRIPTION, **subject}, read_at=read_at)
    return Event.read(body, source="default")


def assert_ordered(*events: Event) -> None:
    for arrived in permutations(events):
        assert list(events) == order(arrived)


def assert_told(*events: Event) -> None:
    for arrived in permutations(events):
        assert list(events) == deferred(order(arrived))


def test_what_a_creation_returned_is_the_objects_creation() -> None:
    assert (CREATED, NOON) == (prefix(seen()).phase, prefix(seen()).second)
    assert_ordered(
        seen(status="incomplete"),
        told("created", NOON, status="incomplete"),
        told("updated", NOON, {"status": "incomplete"}, status="active"),
    )


def test_what_was_read_is_dated_by_the_answer_before_it() -> None:
    assert (CHANGED, NOON + 5) == (prefix(seen(NOON + 5)).phase, prefix(seen(NOON + 5)).second)


def test_an_observation_loses_to_an_event_of_its_second() -> None:
    assert_ordered(
        told("created", NOON, status="active"),
        seen(NOON + 5, status="active", quantity=1),
        told("updated", NOON + 5, {"quantity": 1}, status="active", quantity=2),
        told("updated", NOON + 5, {"quantity": 2}, status="active", quantity=3),
    )


def test_an_observation_stands_beside_the_event_of_its_state() -> None:
    assert_ordered(
        told("updated", NOON + 5, {"quantity": 1}, status="active", quantity=2),
        seen(NOON + 5, status="active", quantity=3),
        told("updated", NOON + 5, {"quantity": 2}, status="active", quantity=3),
    )


def test_an_observation_is_newer_than_the_events_before_its_second() -> None:
    assert_ordered(
        told("updated", NOON + 4, {"quantity": 1}, status="active", quantity=2),
        seen(NOON + 5, status="active", quantity=3),
    )


def test_an_observation_that_shows_later_changes_stands_beside_the_last_of_them() -> None:
    """A job reads, others change the object meanwhile, and what the job's own change returns shows all."""
    assert_told(
        told("updated", NOON + 5, {"status": "incomplete"}, status="active", quantity=1),
        told("updated", NOON + 6, {"quantity": 1}, status="active", quantity=2),
        seen(NOON + 5, status="active", quantity=3),
        told("updated", NOON + 8, {"quantity": 2}, status="active", quantity=3),
        told("updated", NOON + 9, {"quantity": 3}, status="active", quantity=4),
    )


def test_an_observation_comes_before_a_change_from_its_state_though_another_leads_back_to_it() -> None:
    assert_told(
        seen(NOON + 5, status="active", quantity=1),
        told("updated", NOON + 6, {"quantity": 1}, status="active", quantity=2),
        told("updated", NOON + 7, {"quantity": 2}, status="active", quantity=1),
    )


def test_an_observation_stays_where_it_is_when_an_end_comes_that_shows_the_same() -> None:
    assert_told(
        seen(NOON + 5, status="active", quantity=3),
        told("updated", NOON + 6, {"quantity": 1}, status="active", quantity=3),
        told("deleted", NOON + 9, status="canceled", quantity=3),
    )


def test_a_creation_comes_first_though_what_it_returned_shows_later_changes() -> None:
    assert_told(
        seen(status="active", quantity=2),
        told("updated", NOON, {"quantity": 1}, status="incomplete", quantity=2),
        told("updated", NOON + 1, {"status": "incomplete"}, status="active", quantity=2),
    )


def test_an_end_outlasts_an_observation_that_was_made_before_it() -> None:
    assert_ordered(seen(NOON + 9, status="active"), told("deleted", NOON + 8, status="canceled"))


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=6, unique=True
    )
)
def test_the_order_is_a_function_of_the_set_and_of_its_newest_part(
    drawn: list[tuple[bool, int, int]],
) -> None:
    events = [
        seen(NOON + at, quantity=quantity)
        if observed
        else told("updated", NOON + at, {"quantity": quantity}, quantity=quantity + 1)
        for observed, at, quantity in drawn
    ]
    whole = order(events)
    assert whole == order(reversed(events))
    last = prefix(whole[-1])
    newest = [event for event in whole if prefix(event) == last]
    older = [event for event in whole if prefix(event) < last]
    assert newest == order(newest, before=older[-1] if older else None)


@pytest.mark.parametrize("name", ["client_secret", "confirmation_secret"])
def test_secrets_are_not_observed(name: str) -> None:
    assert SUBSCRIPTION == as_delivered({**SUBSCRIPTION, name: "pi_1_secret_x"})


def test_what_was_expanded_stands_by_its_id_as_in_a_webhook() -> None:
    expanded = {
        **SUBSCRIPTION,
        "latest_invoice": {"id": "in_1", "confirmation_secret": {"client_secret": "x"}},
    }
    body = orjson.loads(observation("job_1", expanded))
    assert {**SUBSCRIPTION, "latest_invoice": "in_1"} == body["data"]["object"]


def test_an_observations_id_tells_a_job_that_runs_twice_from_two_jobs() -> None:
    assert ["obs_job_1_sub_1", "obs_job_1_sub_1_changed"] == [seen().id, seen(NOON).id]
