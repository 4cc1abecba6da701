"""The causal order of one object's events, by designed cases and by its laws."""

import json
import random
from itertools import count, pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.event import Event
from projections.causality import CHANGED, CREATED, DELETED, order, prefix

NOON = 1_700_000_000
_ids = count(1)


def event(
    kind: str, at: int = NOON, previous: Any = None, *, event_id: str | None = None, **subject: Any
) -> Event:
    """An event of `kind`, by default of a subscription, made at a second."""
    data = {"object": {"object": "subscription", "id": "x_1", **subject}}
    if previous is not None:
        data["previous_attributes"] = previous
    body = {"id": event_id or f"evt_{next(_ids)}", "type": kind, "created": at, "data": data}
    return Event.read(json.dumps(body).encode(), source="default")


def assert_ordered(*events: Event, before: Event | None = None) -> None:
    """Whatever order they come in, they are told in this one."""
    for given_order in permutations(events):
        assert [each.id for each in events] == [each.id for each in order(given_order, before)]


# ------------------------------------------------------------------ the prefix


def test_a_creation_comes_first_even_if_it_was_stamped_later():
    assert_ordered(
        event("payment_intent.created", NOON + 1, object="payment_intent", status="requires_payment_method"),
        event("payment_intent.succeeded", NOON, object="payment_intent", status="succeeded"),
    )


def test_a_vanishing_comes_last_even_if_it_was_stamped_earlier():
    assert_ordered(
        event("customer.created", NOON, object="customer"),
        event("customer.updated", NOON + 5, {"email": None}, object="customer", email="a@example.com"),
        event("customer.deleted", NOON + 4, object="customer"),
    )


def test_a_canceled_subscription_lives_on_and_never_goes_back():
    assert_ordered(
        event("customer.subscription.created", NOON, status="active"),
        event("customer.subscription.updated", NOON + 9, {"status": "past_due"}, status="active"),
        event("customer.subscription.deleted", NOON + 8, status="canceled"),
        event("customer.subscription.updated", NOON + 8, {"note": None}, status="canceled", note="too dear"),
    )


def test_a_deleted_subscription_is_no_vanished_one():
    assert prefix(event("customer.subscription.deleted", status="canceled")).phase == CHANGED
    assert prefix(event("customer.deleted", object="customer")).phase == DELETED


def test_an_id_that_is_used_again_begins_a_new_life():
    assert_ordered(
        event("coupon.created", NOON, object="coupon", created=NOON),
        event("coupon.deleted", NOON + 7, object="coupon", created=NOON),
        event("coupon.created", NOON + 7, object="coupon", created=NOON + 7),
        event("coupon.updated", NOON + 7, {"name": None}, object="coupon", created=NOON + 7, name="again"),
    )


def test_a_deletion_that_brings_a_stub_ends_the_life_before_it():
    assert_ordered(
        event("product.created", NOON, object="product", created=NOON),
        event("product.deleted", NOON + 5, object="product", deleted=True),
        event("product.created", NOON + 6, object="product", created=NOON + 6),
    )


def test_a_discount_without_an_id_is_told_apart_by_its_start():
    assert_ordered(
        event("customer.discount.created", NOON, object="discount", id=None, customer="cus_1", start=NOON),
        event(
            "customer.discount.deleted", NOON + 3, object="discount", id=None, customer="cus_1", start=NOON
        ),
        event(
            "customer.discount.created",
            NOON + 3,
            object="discount",
            id=None,
            customer="cus_1",
            start=NOON + 3,
        ),
    )


def test_what_happens_to_a_pending_charge_comes_before_its_success():
    assert_ordered(
        event("charge.pending", NOON, object="charge", status="pending"),
        event("charge.updated", NOON + 3, {"balance_transaction": None}, object="charge", status="pending"),
        event("charge.succeeded", NOON + 90, object="charge", status="succeeded"),
        event("charge.refunded", NOON + 89, {"amount_refunded": 0}, object="charge", status="succeeded"),
    )


def test_a_charge_that_fails_after_its_success_has_failed():
    assert_ordered(
        event("charge.succeeded", NOON, object="charge", status="succeeded"),
        event("charge.updated", NOON + 3, {"balance_transaction": None}, object="charge", status="succeeded"),
        event("charge.failed", NOON + 90, object="charge", status="failed"),
    )


def test_a_source_is_no_younger_for_being_given_to_a_customer():
    assert_ordered(
        event("source.chargeable", NOON, object="source", status="chargeable"),
        event("customer.source.created", NOON, object="source", status="chargeable", customer="cus_1"),
        event("source.canceled", NOON + 9, object="source", status="canceled"),
    )


def test_an_authorization_is_requested_before_it_is_made():
    assert_ordered(
        event("issuing_authorization.request", object="issuing.authorization", status="pending"),
        event("issuing_authorization.created", object="issuing.authorization", status="closed"),
    )


@pytest.mark.parametrize(
    "kind, subject, phase",
    [
        ("charge.dispute.created", "dispute", CREATED),
        ("customer.source.created", "card", CREATED),
        ("payment_method.attached", "payment_method", CREATED),
        ("payment_method.detached", "payment_method", CHANGED),
        ("checkout.session.completed", "checkout.session", CHANGED),
        ("invoice.deleted", "invoice", DELETED),
        ("account.external_account.deleted", "bank_account", DELETED),
    ],
)
def test_the_phase_follows_the_type(kind, subject, phase):
    assert phase == prefix(event(kind, object=subject)).phase


# ------------------------------------------------------------------ within one second


def test_an_invoice_is_opened_finalized_and_paid_in_one_second():
    draft, opened, paid = {"status": "draft"}, {"status": "open"}, {"status": "paid"}
    assert_ordered(
        event("invoice.created", object="invoice", **draft),
        event("invoice.updated", NOON, draft, object="invoice", **opened),
        event("invoice.finalized", object="invoice", **opened),
        event("invoice.updated", NOON, opened, object="invoice", **paid),
        event("invoice.paid", object="invoice", **paid),
        event("invoice.payment_succeeded", object="invoice", **paid),
    )


@pytest.mark.parametrize("scheduled", [True, False])
def test_of_a_cancel_and_an_uncancel_the_state_before_decides(scheduled):
    was, is_now = {"cancel_at_period_end": scheduled}, {"cancel_at_period_end": not scheduled}
    before = event("customer.subscription.updated", NOON - 60, **was)
    there = event("customer.subscription.updated", NOON, was, **is_now)
    back = event("customer.subscription.updated", NOON, is_now, **was)
    assert_ordered(before, there, back)
    assert_ordered(there, back, before=before)


def test_a_round_that_a_first_walk_passes_by_is_fitted_in():
    states = ["a", "b", "a", "c", "a", "d"]
    events = [
        event("customer.subscription.updated", NOON, {"plan": was}, plan=new) for was, new in pairwise(states)
    ]
    before = event("customer.subscription.created", NOON - 9, plan="a")
    for seed in range(50):
        shuffled = random.Random(seed).sample(events, len(events))
        assert order(shuffled, before)[-1].object["plan"] == "d"


def test_a_fact_that_is_told_twice_does_not_come_back():
    pending, done, failed = {"status": "pending"}, {"status": "succeeded"}, {"status": "requires_action"}
    before = event("refund.created", NOON, object="refund", **pending)
    events = [
        event("refund.updated", NOON, pending, object="refund", **done),
        event("charge.refund.updated", NOON, pending, object="refund", **done),
        event("refund.updated", NOON, done, object="refund", **failed),
    ]
    for given_order in permutations([before, *events]):
        assert order(given_order)[-1] is events[-1]


def test_a_change_of_one_key_is_chained_within_nested_objects():
    before = event("customer.updated", NOON - 1, object="customer", settings={"a": 1, "b": 1})
    assert_ordered(
        event("customer.updated", NOON, {"settings": {"b": 1}}, object="customer", settings={"a": 1, "b": 2}),
        event("customer.updated", NOON, {"settings": {"a": 1}}, object="customer", settings={"a": 2, "b": 2}),
        event(
            "customer.updated",
            NOON,
            {"settings": {"c": None}},
            object="customer",
            settings={"a": 2, "b": 2, "c": 0},
        ),
        before=before,
    )


def test_a_link_that_was_rendered_anew_does_not_break_the_chain():
    before = event("invoice.updated", NOON - 1, object="invoice", due=1, invoice_pdf="https://x/1")
    assert_ordered(
        event("invoice.updated", NOON, {"due": 1, "invoice_pdf": "https://x/2"}, object="invoice", due=2),
        event("invoice.updated", NOON, {"due": 2, "invoice_pdf": "https://x/3"}, object="invoice", due=1),
        before=before,
    )


def test_without_a_state_before_the_chain_starts_where_no_event_leads():
    assert_ordered(
        event("price.updated", NOON, {"active": False}, object="price", active=True, event_id="evt_z"),
        event("price.updated", NOON, {"active": True}, object="price", active=None, event_id="evt_a"),
    )


def test_the_greater_of_two_versions_of_one_event_counts():
    old = event("charge.updated", object="charge", event_id="evt_same")
    new = Event.read(json.dumps({**old.body, "api_version": "2026-10-28.endive"}).encode(), source="default")
    assert [new] == order([new, old]) == order([old, new])


# ------------------------------------------------------------------ laws

KINDS = [
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "coupon.updated",
    "coupon.deleted",
    "charge.pending",
    "charge.updated",
    "invoice.finalized",
]
SCALAR = st.sampled_from([None, True, 0, 1, -1.5, 2**63, "", "canceled", "pending"])
ODD = SCALAR | st.lists(SCALAR, max_size=2) | st.dictionaries(st.sampled_from("ab"), SCALAR, max_size=2)
CHANGES = st.dictionaries(st.sampled_from(["status", "a", "b"]), ODD, max_size=3)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Any events of one object, in few seconds, odd ones as likely as sound ones."""
    subject = draw(st.sampled_from(["subscription", "coupon", "charge", "invoice"]))
    return [
        event(
            draw(st.sampled_from(KINDS)),
            NOON + draw(st.integers(0, 2)),
            draw(st.none() | CHANGES | ODD),
            event_id=f"evt_{number}",
            **(draw(CHANGES) | {"object": subject, "created": draw(st.just(NOON) | ODD)}),
        )
        for number in range(draw(st.integers(0, 9)))
    ]


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_is_total_and_depends_on_neither_arrival_nor_duplicates(events, chance):
    ordered = order(events)
    again = chance.choices(events, k=len(events)) if events else []
    arrived = chance.sample([*events, *again], len(events) + len(again))
    assert {each.id for each in events} == {each.id for each in ordered}
    assert len(events) == len(ordered)
    assert ordered == order(arrived)
    assert [prefix(each) for each in ordered] == sorted(prefix(each) for each in events)


@given(histories())
def test_the_newest_is_found_without_what_lies_before_the_newest_known(events):
    ordered = order(events)
    for at, head in enumerate(ordered):
        later = [each for each in ordered[at + 1 :] if prefix(each) > prefix(head)]
        if len(later) == len(ordered) - at - 1:
            assert ordered[at + 1 :] == order(later, before=head)


ATTRIBUTES = st.tuples(st.sampled_from("abc"), st.sampled_from([None, 0, 1]), st.booleans())


@given(st.lists(ATTRIBUTES, max_size=60), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_life_within_one_second_ends_as_it_ended(changes, chance):
    state: dict[str, Any] = {"a": 0, "b": 0, "c": {"d": 0}}
    before = event("customer.subscription.updated", NOON - 1, **state)
    events = []
    for name, value, announced in changes:
        was, new = state.get(name), {"d": value} if name == "c" else value
        if was != new:
            events.append(event("customer.subscription.updated", NOON, {name: was}, **(state | {name: new})))
        state = state | {name: new}
        if announced:
            events.append(event("customer.subscription.pending_update_applied", NOON, **state))
    ordered = order(chance.sample(events, len(events)), before)
    newest = ordered[-1] if ordered else before
    assert state == {name: newest.object.get(name) for name in state}


def test_a_thousand_changes_in_one_second_are_ordered_in_time():
    events = [
        event("customer.subscription.updated", NOON, {"n": n % 7}, n=(n + 1) % 7, event_id=f"evt_{n:04}")
        for n in range(1000)
    ]
    assert order(reversed(events))[-1].object["n"] == 1000 % 7


def test_values_nested_as_deep_as_is_taken_are_ordered_all_the_same():
    deep = json.loads('{"a":' * 150 + "1" + "}" * 150)
    events = [event("coupon.updated", NOON, {"x": deep}, object="coupon", x=n) for n in range(2)]
    assert len(order(events)) == 2
