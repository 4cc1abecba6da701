"""Reading at Stripe for one of its accounts: what is there now, and since when that is so for sure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import stripe
from redis import Redis

from ingest.settings import Settings
from workers.rate_limit import IDLE
from workers.stripe_client import Object, connect, plain
from workers.verbs import Retry

T = TypeVar("T")

PAGE = 100
MOMENT = timedelta(seconds=1)


class StripeReader:
    """`account` is a connected one, None for the key's own. `redis` is the log's; calls are in no hurry."""

    def __init__(self, settings: Settings, redis: "Redis", account: str | None) -> None:
        client, self._transport = connect(settings, redis, IDLE)
        self._options: Any = {} if account is None else {"stripe_account": account}
        self._coupons: dict[str, Object | None] = {}
        self.account = account
        self.v1 = client.v1

    def retrieve(self, service: Any, object_id: str, *expand: str) -> dict[str, Any]:
        """An object, as plain JSON. Raises stripe.StripeError."""
        return dict(plain(service.retrieve(object_id, {"expand": list(expand)}, self._options)))

    def find(self, service: Any, object_id: str, *expand: str) -> dict[str, Any] | None:
        """The same; None where Stripe does not know it."""
        try:
            return self.retrieve(service, object_id, *expand)
        except stripe.InvalidRequestError as error:
            if error.http_status == 404:
                return None
            raise

    def dated(self, read: Callable[[], T]) -> tuple[T, datetime]:
        """What `read` finds, and when, by Stripe's clock: the second in which it began, or the one before.

        An answer from before the call dates it; where that is old or none, it is read once more.
        """
        for _ in range(2):
            began = self._transport.answered_at
            found = read()
            ended = self._transport.answered_at
            if began and ended and ended - began <= MOMENT:
                break
        if began is None:
            raise Retry(
                {"title": "Stripe is away", "detail": "an answer bears no date, so it is not Stripe's"}
            )
        return found, began

    def coupon(self, coupon_id: str) -> Object | None:
        """A coupon with the products and currencies that it is for; None where Stripe does not know it."""
        if coupon_id not in self._coupons:
            found = self.find(self.v1.coupons, coupon_id, "applies_to", "currency_options")
            self._coupons[coupon_id] = found
        return self._coupons[coupon_id]

    def pages(
        self, list_page: Callable[..., Any], query: Mapping[str, Any], most: int
    ) -> Iterator[list[Object]]:
        """Up to `most` pages of a list, the newest first. Raises stripe.StripeError."""
        after: Mapping[str, str] = {}
        for _ in range(most):
            page = list_page({"limit": PAGE, **query, **after}, self._options)
            found = [plain(each) for each in page.data]
            yield found
            if not page.has_more or not found:
                return
            after = {"starting_after": found[-1]["id"]}

    def whole(
        self, shown: Mapping[str, Any], list_page: Callable[..., Any], query: Mapping[str, Any], most: int
    ) -> dict[str, Any]:
        """A list that an object shows the beginning of, with all that is in it, up to `most` pages."""
        if not shown.get("has_more"):
            return dict(shown)
        data: list[Object] = []
        for page in self.pages(list_page, query, most):
            data += page
        complete = len(data) >= shown.get("total_count", 0) and len(data) < most * PAGE
        return {**shown, "data": data, "has_more": not complete}
