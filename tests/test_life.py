"""The order of a life, its parts and its marks, without a server: rows in, moments out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from ingest.event import Event
from projections.dashboard.life import MOST_BYTES, MOST_EVENTS, Life, Part, parted, told
from projections.dashboard.moment import Moment
from projections.dashboard.notices import Notice
from tests.events import NOW, customer, event, intent

AT = datetime.fromtimestamp(NOW, UTC)


def row(place: int, kind: str, subject: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """The history's row of an event."""
    quarantined = envelope.pop("quarantined", False)
    body = orjson.dumps(event(kind, subject, **{"id": f"evt_{place}", **envelope}))
    read = Event.read(body, source="default")
    return {
        "place": place, "event_id": read.id, "type": kind, "created_at": read.created_at, "source": "default",
        "applied_at": read.created_at + timedelta(seconds=1), "account": read.account, "cleaned": False,
        "object": read.object_type, "object_id": read.object_id, "quarantined": quarantined,
        "payload": body.decode(), "alone": False,
    }  # fmt: skip


def notice(at: datetime, **fields: Any) -> Notice:
    told_at = {"delivered_at": None, "due_at": at, "kind": "access", "message": {}, "origin": None}
    return Notice({**told_at, **fields})


def ids(life: Life) -> list[str]:
    return [moment.row["event_id"] for moment in life.moments]


def moments(life: Life) -> list[Moment]:
    return [moment for moment in life.moments if isinstance(moment, Moment)]


def test_in_one_second_what_is_paid_for_changes_after_its_payment() -> None:
    def subject(kind: str, **fields: Any) -> dict[str, Any]:
        return {"id": f"{kind}_1", "object": kind, **fields}

    rows = [
        row(1, "customer.subscription.updated", subject("subscription", status="active")),
        row(2, "invoice.paid", subject("invoice", status="paid")),
        row(3, "payment_intent.succeeded", intent("succeeded")),
        row(4, "charge.succeeded", subject("charge", status="succeeded")),
        row(5, "payment_intent.created", intent()),
        row(6, "invoice.created", subject("invoice", status="draft")),
        row(7, "customer.subscription.created", subject("subscription", status="incomplete")),
        row(8, "customer.created", subject("customer")),
        row(9, "checkout.session.completed", subject("checkout.session", status="complete")),
    ]
    assert [f"evt_{n}" for n in (8, 7, 6, 5, 4, 3, 2, 1, 9)] == ids(told(rows, {}, [], Part([], [])))


def test_a_late_event_stands_where_it_belongs_and_the_next_one_is_compared_with_it() -> None:
    rows = [
        row(1, "payment_intent.created", intent(amount=100)),
        row(2, "payment_intent.amount_capturable_updated", intent(amount=300), created=NOW + 9),
        row(3, "payment_intent.processing", intent("processing", amount=200), created=NOW + 5),
    ]
    life = told(rows, {}, [], Part([], []))
    assert ["evt_1", "evt_3", "evt_2"] == ids(life)
    assert [False, True, False] == [moment.overtaken for moment in moments(life)]
    assert [("Amount", "€2.00", "€3.00")] == [
        tuple(each) for each in moments(life)[2].changed("UTC").changes if each.path == "Amount"
    ]


def test_of_an_object_that_was_there_before_it_is_said_that_this_is_the_first_that_is_known() -> None:
    seen = row(1, "payment_intent.succeeded", intent("succeeded"), previous={"status": "processing"})
    [moment] = moments(told([seen], {}, [], Part([], [])))
    assert moment.unborn
    changes = {each.path: (each.before, each.after) for each in moment.changed("UTC").changes}
    assert {
        "Status": ("Processing", "Succeeded"),
        "Amount": (None, "€12.50"),
    } == changes


def test_what_is_gone_says_so_and_a_thin_event_tells_nothing_of_its_object() -> None:
    gone = row(1, "customer.deleted", customer())
    [moment] = moments(told([gone], {}, [], Part([], [])))
    assert moment.deleted
    account = {"id": "acct_1", "type": "v2.core.account"}
    body = {"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account.updated", "created": NOW}
    body |= {"related_object": account}
    thin = {**gone, "event_id": "evt_2", "object": "v2.core.account", "payload": orjson.dumps(body).decode()}
    [moment] = moments(told([thin], {}, [], Part([], [])))
    assert [] == moment.changed("UTC").changes


def test_what_harmed_its_readers_stands_by_the_clock_unread_and_without_its_secrets() -> None:
    secret = intent(client_secret='pi_1_"secret"', next_action={"secret": "s3"})
    rows = [
        row(1, "payment_intent.created", intent()),
        row(2, "payment_intent.processing", secret, created=NOW + 1, quarantined=True),
        row(3, "payment_intent.succeeded", intent("succeeded"), created=NOW + 2),
    ]
    life = told(rows, {"evt_2": [{"projection": "*", "reason": "never ended"}]}, [], Part([], []))
    assert ["evt_1", "evt_2", "evt_3"] == ids(life)
    unread = moments(life)[1]
    assert (None, [], []) == (unread.event, unread.changed("UTC").changes, list(unread.stale))
    assert "s3" not in unread.payload
    assert 'secret\\"' not in unread.payload
    assert unread.payload.count("(hidden)") == 2


def test_a_payload_is_shown_without_secrets_and_not_endlessly() -> None:
    wide = row(1, "payment_intent.created", intent(client_secret="s3", metadata={"a": "x" * 90_000}))
    [moment] = moments(told([wide], {}, [], Part([], [])))
    assert "s3" not in moment.payload
    assert len(moment.payload) < 21_000


def test_what_was_told_stands_at_the_instant_at_which_it_was_taken() -> None:
    rows = [
        row(1, "payment_intent.created", intent()),
        row(2, "payment_intent.succeeded", intent("succeeded"), created=NOW + 60),
    ]
    late = notice(AT, delivered_at=AT + timedelta(seconds=90))
    waits = notice(AT + timedelta(seconds=30))
    life = told(rows, {}, [late, waits], Part([], []))
    assert ["evt_1", waits, "evt_2", late] == [
        each if isinstance(each, Notice) else each.row["event_id"] for each in life.moments
    ]


def size(name: str, events: int, bytes_: int = 0) -> dict[str, Any]:
    return {
        "object": "invoice",
        "object_id": name,
        "place": None,
        "events": events,
        "bytes": bytes_ or events,
    }


def test_small_objects_share_a_part_and_a_large_one_is_cut() -> None:
    large = 2 * MOST_EVENTS + 1
    parts = parted([size("a", 2), size("b", 3), size("c", large), size("d", 1), size("e", MOST_EVENTS)])
    assert [["a", "b"], ["c"], ["c"], ["c"], ["d"], ["e"]] == [
        [name for _, name in part.objects] for part in parts
    ]
    slices = [(part.start, part.stop, part.last) for part in parts[1:4]]
    assert [
        (0, MOST_EVENTS, False),
        (MOST_EVENTS, 2 * MOST_EVENTS, False),
        (2 * MOST_EVENTS, 3 * MOST_EVENTS, True),
    ] == slices


def test_what_is_large_by_its_bytes_is_cut_too_and_to_one_event_at_least() -> None:
    assert [2, 2, 1] == [
        len([*range(5)][part.start : part.stop]) for part in parted([size("a", 5, 2 * MOST_BYTES)])
    ]
    assert 3 == len(parted([size("a", 3, 30 * MOST_BYTES)]))


def test_a_part_of_an_object_begins_after_the_event_that_it_is_compared_with() -> None:
    rows = [
        row(n, "payment_intent.processing", intent("processing", amount=n), created=NOW + n)
        for n in (4, 5, 6)
    ]
    life = told(rows, {}, [], Part([], [], start=5, stop=7, last=False))
    assert ["evt_5", "evt_6"] == ids(life)
    assert [("Amount", "€0.04", "€0.05")] == [tuple(each) for each in moments(life)[0].changed("UTC").changes]
    assert {} == life.newest
