"""Reading subscriptions and their items across Stripe's API versions, 2017 to 2026-10-28.endive."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from weakref import WeakKeyDictionary

from ingest.event import Event
from projections.billing_fields import Discount, Price, discounts
from projections.fields import (
    Object,
    customer_of,
    id_of,
    instant,
    metadata,
    nested,
    optional,
    required,
    required_instant,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One price in a subscription. `quantity` is None where usage decides it."""

    id: str
    price: Price
    quantity: int | None = None
    discounts: tuple[Discount, ...] = ()
    created_at: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Object, subscription: Object) -> "Item":
        """Read an item; its period stands on the subscription until basil (2025-03-31)."""
        return cls(
            id=required(source, "id", str),
            # Prices came in 2020; until basil, and beside them since, the same terms stand in a plan.
            price=Price.read(optional(source, "price", dict) or required(source, "plan", dict)),
            quantity=optional(source, "quantity", int),
            discounts=discounts(source),
            created_at=instant(source, "created"),
            current_period_start=instant(source, "current_period_start")
            or instant(subscription, "current_period_start"),
            current_period_end=instant(source, "current_period_end")
            or instant(subscription, "current_period_end"),
            metadata=metadata(source),
        )

    @property
    def metered(self) -> bool:
        """Whether it is billed by usage."""
        return self.price.usage_type == "metered"

    @property
    def named(self) -> "Item":
        """Itself with mere names of its discounts, and a price without the tiers."""
        return replace(self, price=replace(self.price, tiers=None), discounts=_named(self.discounts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as one event shows it.

    `items_complete` is False where Stripe embedded only the first of its items. `canceled_at` is when a
    cancellation was requested, `ended_at` when it took effect. The current period spans those of the items.
    `inherited` are its customer's discounts, where the event brings those along: they hold where it has
    none of its own. `collection_pause` is what becomes of its invoices while collection is paused: void,
    mark_uncollectible or keep_as_draft.
    """

    id: str
    status: str
    currency: str
    created_at: datetime
    items: tuple[Item, ...]
    items_complete: bool = True
    discounts: tuple[Discount, ...] = ()
    customer_id: str | None = None
    started_at: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    trial_start: datetime | None = None
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    cancellation_reason: str | None = None
    cancellation_feedback: str | None = None
    cancellation_comment: str | None = None
    inherited: tuple[Discount, ...] = ()
    collection_pause: str | None = None
    collection_resumes_at: datetime | None = None
    pause_reason: str | None = None
    collection_method: str | None = None
    default_payment_method_id: str | None = None
    latest_invoice_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Object) -> "Subscription":
        """Read a subscription of any version; raises KeyError or TypeError for a fact that it must have."""
        listed = required(source, "items", dict)
        items = tuple(Item.read(item, source) for item in required(listed, "data", list))
        created_at = required_instant(source, "created")
        cancellation = nested(source, "cancellation_details")
        pause = nested(source, "pause_collection")
        return cls(
            id=required(source, "id", str),
            status=required(source, "status", str),
            currency=_currency(source, items),
            created_at=created_at,
            items=items,
            items_complete=not optional(listed, "has_more", bool),
            discounts=discounts(source),
            customer_id=customer_of(source),
            inherited=discounts(customer) if isinstance(customer := source.get("customer"), dict) else (),
            # Nothing could be backdated before `start_date` told of it, in 2019.
            started_at=instant(source, "start_date") or created_at,
            current_period_start=min(_given(i.current_period_start for i in items), default=None),
            current_period_end=max(_given(i.current_period_end for i in items), default=None),
            trial_start=instant(source, "trial_start"),
            trial_end=instant(source, "trial_end"),
            cancel_at=instant(source, "cancel_at"),
            cancel_at_period_end=optional(source, "cancel_at_period_end", bool) or False,
            canceled_at=instant(source, "canceled_at"),
            ended_at=instant(source, "ended_at"),
            cancellation_reason=optional(cancellation, "reason", str),
            cancellation_feedback=optional(cancellation, "feedback", str),
            cancellation_comment=optional(cancellation, "comment", str),
            collection_pause=optional(pause, "behavior", str),
            collection_resumes_at=instant(pause, "resumes_at"),
            pause_reason=optional(nested(source, "status_details", "paused", "subscription"), "type", str),
            # `billing` until 2019-10-17.
            collection_method=optional(source, "collection_method", str) or optional(source, "billing", str),
            default_payment_method_id=id_of(source, "default_payment_method"),
            latest_invoice_id=id_of(source, "latest_invoice"),
            metadata=metadata(source),
        )

    @property
    def cancellation_scheduled(self) -> bool:
        """Whether its end is set. Both fields are looked at: one customer portal sets `cancel_at` alone."""
        return self.cancel_at_period_end or self.cancel_at is not None

    def tells_the_state_of(self, other: "Subscription") -> bool:
        """Whether it is in the state of `other`, of which it may tell more: expanded names, all items."""
        mine = {item.id: item.named for item in self.items}
        listed = all(mine.get(item.id) == item.named for item in other.items)
        whole = not other.items_complete or len(self.items) == len(other.items)
        return listed and whole and self._besides_items == other._besides_items

    @property
    def _besides_items(self) -> "Subscription":
        """Itself with mere names of its discounts, and none of what only some renderings bring along."""
        return replace(self, items=(), items_complete=True, inherited=(), discounts=_named(self.discounts))


def subscription_of(event: Event) -> Subscription:
    """The subscription that an event shows: read once for all the folds, and let go with the event."""
    found = _SUBSCRIPTIONS.get(event)
    if found is None:
        found = _SUBSCRIPTIONS[event] = Subscription.read(event.object)
    return found


_SUBSCRIPTIONS: WeakKeyDictionary[Event, Subscription] = WeakKeyDictionary()


def _named(discounts: Iterable[Discount]) -> tuple[Discount, ...]:
    return tuple(Discount(id=each.id, coupon_id=None if each.id else each.coupon_id) for each in discounts)


def _given(instants: Iterable[datetime | None]) -> Iterator[datetime]:
    return (each for each in instants if each is not None)


def _currency(source: Object, items: tuple[Item, ...]) -> str:
    """Its own currency, which it names since 2022, else that of its items, which all share it."""
    named = optional(source, "currency", str)
    if named is not None:
        return named
    if not items:
        raise KeyError("currency")
    return items[0].price.currency
