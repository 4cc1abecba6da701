"""The account's balance as Stripe shapes it: an object without an id."""

from workers.simulator.dialect import Dialect
from workers.simulator.payment_facts import Balance
from workers.simulator.shapes.shape import Shape


def balance(fact: Balance, dialect: Dialect) -> Shape:
    def amounts(of: dict[str, int]) -> list[Shape]:
        return [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(of.items())
        ]

    return {
        "object": "balance",
        "available": amounts(fact.available),
        "connect_reserved": [],
        "livemode": dialect.livemode,
        "pending": amounts(fact.pending),
    }
