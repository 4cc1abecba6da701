"""Payment methods, and what happens when somebody pays with one."""

from typing import NamedTuple

from workers.simulator.payment_facts import Failure, Method, Outcome
from workers.simulator.people import Person
from workers.simulator.world import World

BRANDS = (("visa", "10.4"), ("mastercard", "4837"), ("amex", "F29"))
"""Card networks, and what each calls a fraud in a dispute."""


class Decline(NamedTuple):
    """A way to be declined: Stripe's codes, its sentence, and what it tells the seller."""

    code: str
    decline_code: str
    message: str
    seller_message: str


DECLINES = (
    Decline(
        "card_declined",
        "insufficient_funds",
        "Your card has insufficient funds.",
        "The bank returned the decline code `insufficient_funds`.",
    ),
    Decline(
        "card_declined",
        "generic_decline",
        "Your card was declined.",
        "The bank did not return any further details with this decline.",
    ),
    Decline(
        "card_declined",
        "do_not_honor",
        "Your card was declined.",
        "The bank returned the decline code `do_not_honor`.",
    ),
    Decline(
        "expired_card",
        "expired_card",
        "Your card has expired.",
        "The bank returned the decline code `expired_card`.",
    ),
    Decline(
        "incorrect_cvc",
        "incorrect_cvc",
        "Your card's security code is incorrect.",
        "The bank returned the decline code `incorrect_cvc`.",
    ),
)


def new_method(world: World, owner: Person, kind: str = "card") -> Method:
    """A payment method in somebody's wallet."""
    random = world.random
    return Method(
        id=world.ids.new("pm"),
        created=world.now,
        kind=kind,
        owner=owner,
        brand=random.choice(BRANDS)[0] if kind == "card" else "",
        last4=f"{random.randrange(10**4):04d}",
        funding="credit" if random.random() < 0.6 else "debit",
        fingerprint=world.ids.token()[-16:],
        expires=(random.randrange(1, 13), 2028 + random.randrange(6)),
    )


def authorized(world: World) -> Outcome:
    """The network said yes; Radar found a risk that ten payments in eleven do not have."""
    score = world.random.randrange(65) if world.random.random() < 0.91 else world.random.randrange(65, 75)
    return Outcome(
        type="authorized",
        network_status="approved_by_network",
        reason=None,
        risk_level="normal" if score < 65 else "elevated",
        risk_score=score,
        seller_message="Payment complete.",
    )


def declined(world: World, method: Method, charge_id: str) -> tuple[Outcome, Failure]:
    """The issuer said no, or in one case of eight Radar did before asking."""
    if world.random.random() < 0.125:
        blocked = Outcome(
            type="blocked",
            network_status="not_sent_to_network",
            reason="highest_risk_level",
            risk_level="highest",
            risk_score=world.random.randrange(75, 100),
            seller_message="Stripe blocked this payment as too risky.",
            rule="block_if_high_risk",
        )
        failure = Failure("card_declined", "fraudulent", "Your card was declined.", charge_id, method)
        return blocked, failure
    decline = world.random.choice(DECLINES)
    outcome = Outcome(
        type="issuer_declined",
        network_status="declined_by_network",
        reason=decline.decline_code,
        risk_level="normal",
        risk_score=world.random.randrange(65),
        seller_message=decline.seller_message,
    )
    return outcome, Failure(decline.code, decline.decline_code, decline.message, charge_id, method)
