"""How simulated events arrive: signed, some twice, and in no order."""

from random import Random

import stripe

from workers.simulator import deliveries, sign, simulate


def test_a_delivery_is_signed_as_stripe_signs() -> None:
    [body, *_] = simulate().bodies()
    stripe.WebhookSignature.verify_header(body.decode(), sign(body, "whsec_1", 1_700_000_000), "whsec_1")


def test_deliveries_bring_every_event_some_twice_and_few_in_place() -> None:
    events = list(range(1000))
    arrived = deliveries(events, Random(1))
    assert set(events) == set(arrived)
    assert 1050 < len(arrived) < 1150
    assert arrived != sorted(arrived)
    assert arrived == deliveries(events, Random(1))


def test_deliveries_may_keep_the_order_or_stray_a_little() -> None:
    events = list(range(1000))
    assert events == deliveries(events, Random(1), duplicate=0, shuffle=False, late=0)
    strayed = deliveries(events, Random(1), duplicate=0, shuffle=10, late=0)
    assert 10 >= max(abs(place - event) for place, event in enumerate(strayed)) > 0
