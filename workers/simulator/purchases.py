"""What becomes of an order: each plot is one way that a one-time payment can go.

Dealt from a deck, fifty payments hold every plot, each about as often as in a real shop (declines, refunds
and disputes a little oftener).
"""

from collections.abc import Callable, Generator
from fractions import Fraction

from workers.simulator import aftermath, checkout
from workers.simulator.money import share
from workers.simulator.payment_facts import Charge, Intent
from workers.simulator.shop import Shop
from workers.simulator.wallet import new_method
from workers.simulator.world import DAY, Story

Plot = Callable[[Shop], Story]


def create(shop: Shop, intent: Intent, *, confirmed: bool = False) -> Intent:
    """Created when the checkout opens; created and confirmed in one request, the clock may run late."""
    late = shop.world.random.randrange(2) if confirmed else 0
    return shop.world.make("payment_intent.created", intent, late=late)


def paid(shop: Shop) -> Story:
    yield from _sell(shop)


def paid_in_one_request(shop: Shop) -> Story:
    intent, method = shop.order()
    intent = checkout.succeed(shop.world, create(shop, intent, confirmed=True), method)
    yield 3
    checkout.settle(shop.world, intent.charges[0])


def declined_then_paid(shop: Shop) -> Story:
    world = shop.world
    intent, method = shop.order()
    intent = create(shop, intent)
    for _ in range(world.random.randrange(1, 4)):
        yield world.random.randrange(5, 90)
        intent = checkout.decline(world, intent, method)
        if world.random.random() < 0.5:
            method = new_method(world, method.owner)
    yield world.random.randrange(5, 600)
    intent = checkout.succeed(world, intent, method)
    yield 3
    checkout.settle(world, intent.charges[0])


def given_up(shop: Shop) -> Story:
    intent, method = shop.order()
    intent = create(shop, intent)
    yield 20
    checkout.decline(shop.world, intent, method)


def basket_left(shop: Shop) -> Story:
    intent, _ = shop.order()
    create(shop, intent)
    yield DAY  # and nobody comes back


def canceled(shop: Shop) -> Story:
    intent, _ = shop.order()
    intent = create(shop, intent)
    yield DAY
    reason = shop.world.random.choice(("abandoned", "requested_by_customer", "duplicate"))
    checkout.cancel(shop.world, intent, reason)


def authenticated(shop: Shop) -> Story:
    intent, method = shop.order()
    intent = create(shop, intent, confirmed=True)
    intent = shop.world.change(
        "payment_intent.requires_action", intent, status="requires_action", method=method
    )
    yield shop.world.random.randrange(5, 120)
    intent = checkout.succeed(shop.world, intent, method, "authenticated")
    yield 3
    checkout.settle(shop.world, intent.charges[0])


def authentication_failed(shop: Shop) -> Story:
    intent, method = shop.order()
    intent = create(shop, intent, confirmed=True)
    intent = shop.world.change(
        "payment_intent.requires_action", intent, status="requires_action", method=method
    )
    yield 45
    checkout.fail_authentication(shop.world, intent, method)


def captured_later(shop: Shop) -> Story:
    intent, method = shop.order(capture_method="manual")
    intent = checkout.authorize(shop.world, create(shop, intent, confirmed=True), method)
    yield shop.world.random.randrange(1, 6) * DAY
    checkout.capture(shop.world, intent, intent.amount)


def captured_in_part(shop: Shop) -> Story:
    intent, method = shop.order(capture_method="manual")
    intent = checkout.authorize(shop.world, create(shop, intent, confirmed=True), method)
    yield 2 * DAY
    checkout.capture(shop.world, intent, share(intent.amount, Fraction(3, 5), intent.currency))


def never_captured(shop: Shop) -> Story:
    intent, method = shop.order(capture_method="manual")
    intent = checkout.authorize(shop.world, create(shop, intent, confirmed=True), method)
    yield 7 * DAY
    checkout.release(shop.world, intent, "automatic")


def released(shop: Shop) -> Story:
    intent, method = shop.order(capture_method="manual")
    intent = checkout.authorize(shop.world, create(shop, intent, confirmed=True), method)
    yield DAY
    checkout.release(shop.world, intent, "requested_by_customer")


def debited(shop: Shop) -> Story:
    intent, method = shop.order(method_kind="sepa_debit")
    intent = checkout.debit(shop.world, create(shop, intent, confirmed=True), method)
    yield 5 * DAY
    checkout.clear(shop.world, intent)


def debit_bounced(shop: Shop) -> Story:
    intent, method = shop.order(method_kind="sepa_debit")
    intent = checkout.debit(shop.world, create(shop, intent, confirmed=True), method)
    yield 6 * DAY
    checkout.bounce(shop.world, intent)


def refunded(shop: Shop) -> Story:
    charge = yield from _sell(shop)
    yield shop.world.random.randrange(1, 20) * DAY
    aftermath.refund(shop.world, charge, charge.amount, "requested_by_customer")


def refunded_in_parts(shop: Shop) -> Story:
    charge = yield from _sell(shop)
    yield DAY
    yield from aftermath.refund_in_parts(shop.world, charge)


def refund_failed(shop: Shop) -> Story:
    charge = yield from _sell(shop)
    yield 3 * DAY
    _, refund = aftermath.refund(shop.world, charge, charge.amount)
    yield 4 * DAY
    aftermath.fail_refund(shop.world, refund)


def disputed(ending: str) -> Plot:
    def plot(shop: Shop) -> Story:
        charge = yield from _sell(shop)
        yield shop.world.random.randrange(3, 15) * DAY
        yield from aftermath.dispute(shop.world, charge, ending)

    return plot


def forgotten(shop: Shop) -> Story:
    yield from paid(shop)
    yield 30 * DAY
    shop.forget()


def _sell(shop: Shop) -> Generator[int, None, Charge]:
    """The checkout opens, and the customer pays at the first attempt."""
    intent, method = shop.order()
    intent = create(shop, intent)
    yield shop.world.random.randrange(20, 600)
    intent = checkout.succeed(shop.world, intent, method)
    yield 3
    return checkout.settle(shop.world, intent.charges[0])


PURCHASES: dict[Plot, int] = {
    paid: 12,
    paid_in_one_request: 8,
    declined_then_paid: 4,
    authenticated: 3,
    captured_later: 2,
    refunded: 2,
    given_up: 1,
    basket_left: 1,
    canceled: 1,
    authentication_failed: 1,
    captured_in_part: 1,
    never_captured: 1,
    released: 1,
    debited: 1,
    debit_bounced: 1,
    refunded_in_parts: 1,
    refund_failed: 1,
    disputed("won"): 1,
    disputed("lost"): 1,
    disputed("warning_closed"): 1,
    forgotten: 1,
}
"""The plots, and how many cards of each are in the deck."""
