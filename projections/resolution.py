"""What a subscription's events only name, filled in from those of its own events that tell it.

Webhooks name discounts since basil (2025-03-31), coupons since clover (2025-09-30), and leave the tiers of
prices out since 2020-08-27. An observation tells them. The terms of a coupon, the end of a discount and the
tiers of a price never change, so what one state tells holds for all of them, the earlier ones too; and since
it is read from the subscription's own history alone, whatever the order of arrival, no other object matters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ingest.event import Event
from projections.billing_fields import Coupon, Discount, Price, Tier
from projections.causality import observed
from projections.fields import nested, optional, required
from projections.subscription_fields import Item, Subscription


@dataclass(slots=True)
class Told:
    """What a subscription's states tell, by the ids under which others name it; of two the later one."""

    discounts: dict[str, Discount] = field(default_factory=dict)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    tiers: dict[str, tuple[Tier, ...]] = field(default_factory=dict)

    def learn(self, state: Subscription) -> None:
        """Take in what a state tells; states come in causal order."""
        self._learn(state.discounts)
        self._learn(state.inherited)
        for item in state.items:
            self._learn(item.discounts)
            self._learn_tiers(item.price)

    def look_beside(self, event: Event) -> None:
        """Take in what an observation tells beside its object: what earlier events name, and it no more."""
        if not observed(event):
            return
        for each in optional(nested(event.body, "observation"), "beside", list) or ():
            match required(each, "object", str):
                case "coupon":
                    self._learn_coupon(Coupon.read(each))
                case "discount":
                    self._learn([Discount.read(each)])
                case "price":
                    self._learn_tiers(Price.read(each))

    def _learn(self, discounts: Iterable[Discount]) -> None:
        for each in discounts:
            if each.coupon:
                self._learn_coupon(each.coupon)
            if each.id and each.coupon_id:
                self.discounts[each.id] = each

    def _learn_coupon(self, coupon: Coupon) -> None:
        known = self.coupons.get(coupon.id)
        self.coupons[coupon.id] = coupon.completed(known) if known else coupon

    def _learn_tiers(self, price: Price) -> None:
        if price.tiers:
            self.tiers[price.id] = price.tiers

    def fill(self, state: Subscription) -> Subscription:
        """The state with what is told of its names; the same object where that is nothing."""
        discounts, inherited = self._filled(state.discounts), self._filled(state.inherited)
        items = tuple(map(self._item, state.items))
        if (discounts, inherited, items) == (state.discounts, state.inherited, state.items):
            return state
        return replace(state, discounts=discounts, inherited=inherited, items=items)

    def _item(self, item: Item) -> Item:
        discounts, price = self._filled(item.discounts), self._price(item.price)
        if discounts == item.discounts and price is item.price:
            return item
        return replace(item, discounts=discounts, price=price)

    def _price(self, price: Price) -> Price:
        if price.billing_scheme != "tiered" or price.tiers or price.id not in self.tiers:
            return price
        return replace(price, tiers=self.tiers[price.id])

    def _filled(self, discounts: Sequence[Discount]) -> tuple[Discount, ...]:
        return tuple(map(self._discount, discounts))

    def _discount(self, discount: Discount) -> Discount:
        if discount.coupon_id is None and discount.id:
            discount = self.discounts.get(discount.id, discount)
        known = self.coupons.get(discount.coupon_id or "")
        if known is None or discount.coupon == known or _younger(known, discount):
            return discount
        return replace(discount, coupon=discount.coupon.completed(known) if discount.coupon else known)


def _younger(coupon: Coupon, discount: Discount) -> bool:
    """Whether the discount was there before the coupon: then that one only took over the id."""
    return bool(coupon.created_at and discount.started_at and coupon.created_at > discount.started_at)
