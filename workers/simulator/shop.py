"""A shop: its guests, the customers who come back, and their orders."""

from workers.simulator.money import priced
from workers.simulator.payment_facts import Attachment, Balance, Customer, Intent, Metadata, Method
from workers.simulator.people import Person
from workers.simulator.wallet import new_method
from workers.simulator.world import DAY, Story, World

REGULARS = 500
"""How many customers the shop remembers well enough to see them again."""


class Shop:
    """A shop in a world, with its customers and its order numbers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.orders = 1000
        self._regulars: list[tuple[Customer, Method]] = []

    def order(self, *, capture_method: str = "automatic", method_kind: str = "card") -> tuple[Intent, Method]:
        """What a PaymentIntent for the next order looks like, and what it will be paid with."""
        world, random = self.world, self.world.random
        self.orders += 1
        customer, method = (None, self._wallet_of_a_guest()) if random.random() < 0.4 else self._regular()
        if method_kind != method.kind:
            method = new_method(world, method.owner, method_kind)
        currency = "eur" if method_kind == "sepa_debit" else method.owner.place.currency
        intent = Intent(
            id=world.ids.new("pi"),
            created=world.now,
            amount=priced(random.randrange(500, 25_000), currency),
            currency=currency,
            status="requires_payment_method",
            customer_id=customer.id if customer else None,
            capture_method=capture_method,
            method_kinds=("card", "amazon_pay", "klarna", "link", "paypal")
            if method_kind == "card"
            else (method_kind,),
            description=f"Example Shop - Order {self.orders}",
            receipt_email=method.owner.email,
            ship_to=method.owner,
            metadata=self._metadata(method.owner),
        )
        return intent, method

    def _metadata(self, payer: Person) -> Metadata:
        # Two generations of checkouts are in use: WooCommerce's own plugin, whose order_id is the number
        # that the customer sees, and the shop's own, whose order_id is its database's.
        if self.orders % 3 == 0:
            return {
                "customer_email": payer.email,
                "customer_name": payer.name,
                "order_id": str(self.orders),
                "order_key": f"wc_order_{self.world.ids.token()[-13:]}",
                "payment_type": "single",
                "site_url": "https://shop.example.com",
            }
        return {"order_id": f"ord_{self.orders}", "source": "shop"}

    def _wallet_of_a_guest(self) -> Method:
        return new_method(self.world, Person.meet(self.world.random, self.orders))

    def _regular(self) -> tuple[Customer, Method]:
        """A customer: half of them have bought before."""
        world, random = self.world, self.world.random
        if self._regulars and random.random() < 0.5:
            place = random.randrange(len(self._regulars))
            customer, method = self._regulars[place]
            if random.random() < 0.2:
                moved = customer.person._replace(line1=f"{random.randrange(200, 400)} New Street")
                customer = world.change("customer.updated", customer, person=moved)
                self._regulars[place] = customer, method
            return customer, method
        method = self._wallet_of_a_guest()
        customer = world.make(
            "customer.created",
            Customer(
                id=world.ids.new("cus"),
                created=world.now,
                person=method.owner,
                metadata={"source": "shop", "user_id": f"u{self.orders}"},
            ),
        )
        world.make("payment_method.attached", Attachment(method=method, customer_id=customer.id))
        self._regulars.append((customer, method))
        if len(self._regulars) > REGULARS:
            self._regulars.pop(0)
        return customer, method

    def payouts(self) -> Story:
        """Week by week money becomes available: an event of the account's only balance, which has no id."""
        while True:
            yield 7 * DAY
            available = {code: self.world.random.randrange(10**6) for code in ("eur", "usd")}
            self.world.make("balance.available", Balance(available=available, pending={"eur": 0, "usd": 0}))

    def forget(self) -> None:
        """A customer asks to be deleted."""
        if self._regulars:
            customer, method = self._regulars.pop(0)
            self.world.repeat("payment_method.detached", Attachment(method=method, customer_id=None))
            self.world.repeat("customer.deleted", customer)
