"""The simulated business keeps to what Stripe really sends: shown by itself, without servers."""

from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

import orjson
import pytest

from ingest.event import Event
from projections.causality import order, undone
from projections.registry import registered
from tests.simulated import business, lives, told
from workers.simulator import VERSIONS, simulate, stream
from workers.simulator.identifiers import Identifiers
from workers.simulator.rendering import previous_attributes

COVERED = {
    "balance": {"balance.available"},
    "charge": {
        "charge.captured", "charge.expired", "charge.failed", "charge.pending", "charge.refunded",
        "charge.succeeded", "charge.updated",
    },
    "coupon": {"coupon.created", "coupon.deleted", "coupon.updated"},
    "customer": {"customer.created", "customer.deleted", "customer.updated"},
    "discount": {"customer.discount.created", "customer.discount.deleted", "customer.discount.updated"},
    "dispute": {
        "charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn", "charge.dispute.updated",
    },
    "invoice": {
        "invoice.created", "invoice.deleted", "invoice.finalized", "invoice.marked_uncollectible",
        "invoice.overdue", "invoice.paid", "invoice.payment_action_required", "invoice.payment_failed",
        "invoice.payment_succeeded", "invoice.sent", "invoice.upcoming", "invoice.updated", "invoice.voided",
    },
    "invoice_payment": {"invoice_payment.paid"},
    "invoiceitem": {"invoiceitem.created"},
    "payment_intent": {
        "payment_intent.amount_capturable_updated", "payment_intent.canceled", "payment_intent.created",
        "payment_intent.payment_failed", "payment_intent.processing", "payment_intent.requires_action",
        "payment_intent.succeeded",
    },
    "payment_method": {"payment_method.attached", "payment_method.detached"},
    "plan": {"plan.created", "plan.deleted", "plan.updated"},
    "price": {"price.created", "price.deleted", "price.updated"},
    "product": {"product.created", "product.deleted", "product.updated"},
    "refund": {"charge.refund.updated", "refund.created", "refund.failed", "refund.updated"},
    "subscription": {
        "customer.subscription.created", "customer.subscription.deleted", "customer.subscription.paused",
        "customer.subscription.resumed", "customer.subscription.trial_will_end",
        "customer.subscription.updated",
    },
}  # fmt: skip
"""The event types that a whole deck of either kind holds, by the object that they tell of."""


def without_nulls(value: Any) -> Any:
    match value:
        case dict():
            return {key: without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [without_nulls(item) for item in value]
        case _:
            return value


def test_the_same_seed_is_the_same_business_to_the_byte() -> None:
    assert simulate(seed=3).bodies() == simulate(seed=3).bodies()


def test_a_stream_tells_what_a_simulation_tells() -> None:
    assert list(stream(seed=3, payments=50, subscriptions=20)) == simulate(seed=3).events


def test_another_seed_or_another_start_shares_no_id() -> None:
    later = simulate(seed=1, start=datetime(2026, 1, 2, tzinfo=UTC))
    seen = [{key[1] for key in each.objects} - {""} for each in (simulate(seed=1), simulate(seed=2), later)]
    chosen_by_the_merchant = {"season_pass", "season-pass-monthly", "WELCOME"}
    coupons = {f"{word}{n}" for word in ("PARTNER", "LAUNCH", "HELLO", "LOYAL", "LOYALER") for n in range(20)}
    assert chosen_by_the_merchant >= (seen[0] & seen[1]) - coupons
    assert chosen_by_the_merchant >= (seen[0] & seen[2]) - coupons


def test_no_id_comes_twice() -> None:
    ids = Identifiers("7")
    assert 200_000 == len({ids.new("evt") for _ in range(200_000)})


def test_every_event_has_an_id_of_its_own() -> None:
    events = business().events
    assert len(events) == len({event["id"] for event in events})


@pytest.mark.parametrize("seed", range(3))
def test_every_type_happens(seed: int) -> None:
    happened: defaultdict[str, set[str]] = defaultdict(set)
    for event in business(seed).events:
        happened[event["data"]["object"]["object"]].add(event["type"])
    assert COVERED == happened


def test_every_object_that_a_projection_reads_is_told_of_or_observed_unless_people_load_it() -> None:
    kinds = {event["data"]["object"]["object"] for event in business().observed} | {"fx_rates"}
    assert kinds >= {kind for projection in registered() for kind in projection.reads}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_balance_transaction_that_is_named_is_observed_once(version: str) -> None:
    events = business(version=version).observed
    named = [
        name
        for event in events
        for name in (
            event["data"]["object"].get("balance_transaction"),
            event["data"]["object"].get("failure_balance_transaction"),
        )
        if name
    ]
    seen = [event["data"]["object"] for event in events if event["type"] == "balance_transaction.observed"]
    assert set(named) <= {each["id"] for each in seen}
    assert len(seen) == len({each["id"] for each in seen})
    assert {"charge", "refund", "refund_failure", "dispute", "dispute_reversal"} == {
        each["reporting_category"] for each in seen
    }
    assert all(each["net"] == each["amount"] - each["fee"] for each in seen)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_true_final_state_is_that_of_the_last_event(version: str) -> None:
    simulation = business(version=version)
    assert {key: events[-1]["data"]["object"] for key, events in lives(simulation)} == simulation.objects


def test_what_was_deleted_is_gone_unless_its_id_was_used_again() -> None:
    simulation = business()
    gone = {key for key, events in lives(simulation) if events[-1]["type"].endswith(".deleted")}
    assert {key for key in gone if key[0] != "subscription"} == simulation.deleted
    assert ("product", "season_pass") not in simulation.deleted
    assert 3 == len(
        {each["created"] for each in told(simulation, "product.created") if each["id"] == "season_pass"}
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_previous_attributes_are_what_the_event_before_told(version: str) -> None:
    links = 0
    for _, events in lives(business(version=version)):
        for before, after in pairwise(events):
            if "previous_attributes" not in after["data"] or after["type"] == "charge.refund.updated":
                continue  # the last tells what refund.updated told, once more
            was = undone(after["data"]["object"], after["data"]["previous_attributes"])
            assert without_nulls(was) == without_nulls(before["data"]["object"]), (
                before["type"],
                after["type"],
            )
            links += 1
    assert links > 500


def test_previous_attributes_name_changed_keys_whole_arrays_and_null_for_what_is_new() -> None:
    before = {"same": 1, "deep": {"a": 1, "b": 2}, "list": [1, 2], "gone": {"x": 1}}
    after = {"same": 1, "deep": {"a": 1, "b": 3}, "list": [1, 3], "new": 4}
    assert {"deep": {"b": 2}, "list": [1, 2], "gone": {"x": 1}, "new": None} == previous_attributes(
        before, after
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("seed", range(3))
def test_the_causal_order_finds_the_true_final_state_however_shuffled(seed: int, version: str) -> None:
    simulation = business(seed, version)
    for key, events in lives(simulation):
        bodies = [Event.read(orjson.dumps(event), source="default") for event in events]
        Random(seed).shuffle(bodies)
        assert simulation.objects[key] == order(bodies)[-1].object, [event["type"] for event in events]


def test_stripes_clock_tells_some_orders_wrongly() -> None:
    late = [
        events
        for (kind, _), events in lives(business())
        if kind == "payment_intent" and any(events[0]["created"] > event["created"] for event in events)
    ]
    kinds = {event["type"] for events in late for event in events}
    assert {"payment_intent.succeeded", "payment_intent.requires_action"} <= kinds


def test_objects_change_several_times_within_a_second() -> None:
    seconds: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    for key, events in lives(business()):
        for event in events:
            seconds[*key, event["created"]].append(event["type"])
    shared = [tuple(kinds) for kinds in seconds.values() if len(kinds) > 1]
    assert ("customer.subscription.updated",) * 2 in shared  # a cancellation taken back at once
    assert ("charge.refunded",) * 2 in shared
    assert any(
        kinds[-3:] == ("invoice.updated", "invoice.paid", "invoice.payment_succeeded") for kinds in shared
    )


def test_a_cancellation_taken_back_within_its_second_leaves_the_state_before_it() -> None:
    for (kind, _), events in lives(business()):
        for before, canceled, stayed in zip(events, events[1:], events[2:], strict=False):
            if kind == "subscription" and canceled["created"] == stayed["created"]:
                was, now = canceled["data"]["object"], stayed["data"]["object"]
                if was["cancel_at_period_end"] and not now["cancel_at_period_end"]:
                    assert before["data"]["object"] == now
                    return
    pytest.fail("nobody canceled and stayed")


def test_a_canceled_subscription_tells_when_it_was_asked_and_when_it_ended() -> None:
    ended = told(business(), "customer.subscription.deleted")
    scheduled = [each for each in ended if each["cancel_at_period_end"]]
    assert scheduled
    assert all(each["canceled_at"] < each["ended_at"] == each["cancel_at"] for each in scheduled)
    assert any(each["cancel_at"] and not each["cancel_at_period_end"] for each in ended)
    assert "payment_failed" in {each["cancellation_details"]["reason"] for each in ended}


def test_a_deleted_customer_takes_the_subscriptions_along_in_the_same_second() -> None:
    simulation = business()
    ends = {each["customer"]: each["ended_at"] for each in told(simulation, "customer.subscription.deleted")}
    deleted = {
        event["data"]["object"]["id"]: event["created"]
        for event in simulation.events
        if event["type"] == "customer.deleted"
    }
    assert any(ends.get(customer) == at for customer, at in deleted.items())


def test_amounts_keep_to_the_steps_of_their_currency() -> None:
    intents = told(business(), "payment_intent.created")
    assert {"usd", "eur", "gbp", "isk", "jpy", "kwd"} == {each["currency"] for each in intents}
    assert all(each["amount"] % 10 == 0 for each in intents if each["currency"] == "kwd")
    assert all(each["amount"] % 100 == 0 for each in intents if each["currency"] == "isk")
    assert all(type(each["amount"]) is int and each["amount"] > 0 for each in intents)


def test_invoices_add_up() -> None:
    for (kind, _), invoice in business(version="2024-06-20").objects.items():
        if kind == "invoice":
            assert sum(line["amount"] for line in invoice["lines"]["data"]) == invoice["subtotal"]
            taxed = invoice["total"] - (invoice["tax"] or 0)
            assert taxed == invoice["subtotal"] - sum(d["amount"] for d in invoice["total_discount_amounts"])
            assert invoice["amount_remaining"] == invoice["amount_due"] - invoice["amount_paid"]


def test_every_state_of_a_subscription_and_every_ending_of_a_dispute_is_there() -> None:
    states = {event["data"]["object"].get("status") for _, events in lives(business()) for event in events}
    assert {
        "trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete", "incomplete_expired",
        "won", "lost", "warning_closed", "draft", "open", "paid", "void", "uncollectible",
    } <= states  # fmt: skip


def test_tiered_prices_have_no_unit_amount_and_metered_items_no_quantity() -> None:
    items = [
        item for each in told(business(), "customer.subscription.updated") for item in each["items"]["data"]
    ]
    assert any(item["price"]["tiers_mode"] and item["price"]["unit_amount"] is None for item in items)
    assert any(
        item["price"]["recurring"]["usage_type"] == "metered" and "quantity" not in item for item in items
    )


def test_own_metadata_and_woocommerces_name_an_order_each_in_its_way() -> None:
    metadata = [each["metadata"] for each in told(business(), "payment_intent.created") if each["metadata"]]
    assert any({"order_id", "order_key", "site_url"} <= each.keys() for each in metadata)
    assert any({"order_id": "ord_1001", "source": "shop"} == each for each in metadata)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_payload_is_about_as_long_as_stripes(version: str) -> None:
    bodies = business(version=version).bodies()
    assert 2700 < sum(map(len, bodies)) / len(bodies) < 3800


def test_every_event_is_one_that_the_pipeline_reads() -> None:
    for body in simulate(account="acct_1", livemode=True).bodies():
        event = Event.read(body, source="default")
        assert ("acct_1", True) == (event.account, event.livemode)
        assert (event.identity is None) == (event.type == "invoice.upcoming")
