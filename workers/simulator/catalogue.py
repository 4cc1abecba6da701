"""What a subscription platform sells: three plans by month and year, extra seats, metered calls, coupons."""

from dataclasses import replace

from workers.simulator.billing_facts import Coupon, Plan, Price, Product
from workers.simulator.money import priced
from workers.simulator.world import DAY, Story, World

PLANS = {"basic": 900, "pro": 2900, "enterprise": 9900}
"""What each plan costs a month, in euro cents; a year costs ten months."""

ADD_ONS = {"support": 1500, "calls": 2}
"""What may be added to a plan: a flat price a month, and a metered one by the call."""

Tiers = tuple[tuple[int | None, int], ...]


class Catalogue:
    """Products and prices, each made in Stripe when it is first sold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._products: dict[str, Product] = {}
        self._prices: dict[tuple[str, str, str], Price] = {}

    def plan(self, plan_type: str, interval: str, currency: str) -> Price:
        """The price of a plan. Enterprise seats get cheaper by number, so they have no single price."""
        cents = PLANS[plan_type] * (10 if interval == "year" else 1)
        return self._price(
            plan_type,
            interval,
            currency,
            cents,
            tiers=((10, cents), (None, cents * 4 // 5)) if plan_type == "enterprise" else (),
            metadata={"plan_type": plan_type},
        )

    def add_on(self, name: str, interval: str, currency: str) -> Price:
        """The price of something that is added to a plan."""
        usage_type = "metered" if name == "calls" else "licensed"
        return self._price(name, interval, currency, ADD_ONS[name], usage_type=usage_type, metadata={})

    def coupon(self, coupon_id: str, name: str, **terms: object) -> Coupon:
        """A new coupon, under an id that people can type."""
        coupon = Coupon(id=coupon_id, created=self.world.now, name=name, **terms)  # type: ignore[arg-type]
        return self.world.make("coupon.created", coupon)

    def _price(
        self,
        name: str,
        interval: str,
        currency: str,
        cents: int,
        *,
        metadata: dict[str, str],
        usage_type: str = "licensed",
        tiers: Tiers = (),
    ) -> Price:
        known = self._prices.get((name, interval, currency))
        if known is not None:
            return known
        world, product = self.world, self._product(name)
        price = Price(
            id=world.ids.new("price"),
            created=world.now,
            product_id=product.id,
            currency=currency,
            unit_amount=None if tiers else priced(cents, currency),
            interval=interval,
            usage_type=usage_type,
            tiers=tuple((up_to, priced(unit, currency)) for up_to, unit in tiers),
            lookup_key=f"{name}_{interval}_{currency}",
            metadata=metadata,
        )
        self._prices[name, interval, currency] = price
        offer(world, price)
        if product.default_price_id is None:
            self._products[name] = world.change(
                "product.updated", product, default_price_id=price.id, updated=world.now
            )
        return price

    def _product(self, name: str) -> Product:
        known = self._products.get(name)
        if known is None:
            world = self.world
            known = self._products[name] = world.make(
                "product.created",
                Product(id=world.ids.new("prod"), created=world.now, name=name.title(), updated=world.now),
            )
        return known


def offer(world: World, price: Price) -> None:
    """A recurring price is a plan as well, and Stripe tells of both."""
    world.make("plan.created", Plan(price=price))
    world.make("price.created", price)


def withdraw(world: World, price: Price) -> None:
    """A plan that is deleted vanishes, and its id may be used again."""
    world.repeat("plan.deleted", Plan(price=replace(price, active=False)))
    world.repeat("price.deleted", replace(price, active=False))


def season_after_season(world: World) -> Story:
    """Merchants choose ids: what was deleted comes back under its old id as something else."""
    coupons = Catalogue(world)
    for season, cents in (("Spring", 4900), ("Summer", 5900), ("Autumn", 6900)):
        product = world.make(
            "product.created",
            Product(id="season_pass", created=world.now, name=f"{season} Pass", updated=world.now),
        )
        price = Price(
            id="season-pass-monthly",
            created=world.now,
            product_id=product.id,
            currency="eur",
            unit_amount=cents,
            interval="month",
            nickname=season,
        )
        offer(world, price)
        coupon = coupons.coupon("WELCOME", f"{season} greeting", duration="once", percent_off=cents / 400)
        yield 9 * DAY
        product = world.change(
            "product.updated", product, description=f"All of {season.lower()}.", updated=world.now
        )
        before, price = price, replace(price, nickname=f"{season}, last days")
        world.repeat("plan.updated", Plan(price=price), Plan(price=before))
        world.repeat("price.updated", price, before)
        coupon = world.change("coupon.updated", coupon, name=f"{season} farewell")
        yield 9 * DAY
        if season != "Autumn":
            product = world.change("product.updated", product, active=False, updated=world.now)
            withdraw(world, price)
            world.repeat("product.deleted", product)
            world.repeat("coupon.deleted", coupon)
            yield 2 * DAY
