"""A WooCommerce shop's REST API (wp-json/wc/v3), synchronously.

Source of its rules: https://woocommerce.github.io/woocommerce-rest-api-docs/. It knows no idempotency keys,
so whoever writes looks first whether it is written.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from ingest.order import FIELDS, MalformedOrder, Order
from ingest.punctual import Punctual
from ingest.settings import Shop

CONNECT_SECONDS, READ_SECONDS = 3.0, 8.0
ANSWER_BYTES = 4 << 20
PAGE = 100

Json = dict[str, Any]


class ShopFailure(Exception):
    """The shop did not do it, or did not say so in JSON. The message quotes nothing of its answer."""

    def __init__(self, problem: str, pause: float = 0.0) -> None:
        super().__init__(problem)
        self.pause = pause
        """For how many seconds the shop asks to be left alone."""


class UnknownOrder(Exception):
    """The shop has no such order, or not under this key: whoever asks is not told which."""

    def __init__(self) -> None:
        super().__init__("the shop has no such order, or not under this key")


class _HTTP(Punctual, urllib3.connection.HTTPConnection): ...


class _HTTPS(Punctual, urllib3.connection.HTTPSConnection): ...


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HTTP


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HTTPS


class WooCommerce:
    """One shop. Any number of threads may use it; every method raises ShopFailure."""

    def __init__(self, shop: Shop) -> None:
        credentials = f"{shop.key.get_secret_value()}:{shop.secret.get_secret_value()}"
        self._base = f"{shop.url}/wp-json/wc/v3"
        self._headers = {
            **urllib3.make_headers(basic_auth=credentials, user_agent="hooklog", disable_cache=True),
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        self._pool = urllib3.PoolManager(
            maxsize=8, timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        )
        self._pool.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def order(self, order_id: int) -> Order:
        """The order as it is now. Raises UnknownOrder."""
        return _order(self._ask("GET", f"orders/{order_id}", {"_fields": ",".join(FIELDS)}))

    def modified_orders(self, since: datetime) -> Iterator[Json]:
        """The orders that were modified after an instant, the longest ago first; some come twice."""
        # The list moves while it is read: what is modified meanwhile goes to its end, and every place moves
        # up. So a page begins where the last one ended, a second earlier, since seconds are all there is.
        page = 1
        while True:
            query = {
                "modified_after": f"{since:%Y-%m-%dT%H:%M:%S}",
                "dates_are_gmt": "true",
                "orderby": "modified",
                "order": "asc",
                "per_page": str(PAGE),
                "page": str(page),
                "_fields": ",".join(FIELDS),
            }
            found = _list(self._ask("GET", "orders", query))
            yield from found
            if not found:  # a page may be short: the shop leaves out what it cannot read
                return
            last = _modified_at(found[-1]) - timedelta(seconds=1)
            since, page = (last, 1) if last > since else (since, page + 1)

    def update(self, order_id: int, **changes: Any) -> Order:
        """Change an order; the order afterwards. Raises UnknownOrder."""
        return _order(self._ask("POST", f"orders/{order_id}", body=changes))

    def notes(self, order_id: int) -> list[str]:
        """The order's notes. Raises UnknownOrder."""
        found = _list(self._ask("GET", f"orders/{order_id}/notes", {"type": "internal"}))
        return [str(one.get("note", "")) for one in found]

    def add_note(self, order_id: int, note: str) -> None:
        """Add a note that customers do not see. Raises UnknownOrder."""
        _made(self._ask("POST", f"orders/{order_id}/notes", body={"note": note, "customer_note": False}))

    def refunds(self, order_id: int) -> list[Json]:
        """The order's refunds. Raises UnknownOrder."""
        return _list(self._ask("GET", f"orders/{order_id}/refunds", {"per_page": str(PAGE)}))

    def add_refund(self, order_id: int, refund: Json) -> None:
        """Write down a refund. Raises UnknownOrder."""
        _made(self._ask("POST", f"orders/{order_id}/refunds", body=refund))

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Json | None = None
    ) -> Any:
        url = f"{self._base}/{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            # A redirected POST becomes a GET, and whoever follows it carries the secret elsewhere.
            answer = self._pool.request(
                method, url, headers=self._headers, body=None if body is None else orjson.dumps(body),
                retries=False, redirect=False, preload_content=False,
            )  # fmt: skip
            try:
                return _read(answer)
            finally:
                answer.release_conn()
        except HTTPError as error:
            raise ShopFailure(f"the shop could not be reached ({type(error).__name__})") from error


def _read(answer: urllib3.BaseHTTPResponse) -> Any:
    told = answer.read(ANSWER_BYTES + 1, decode_content=True)
    pause = answer.headers.get("Retry-After", "")
    status = f"{answer.status}, {answer.headers.get('Content-Type') or 'no content type'}"
    try:
        content = orjson.loads(told)
    except orjson.JSONDecodeError:
        raise ShopFailure(f"the shop answered no JSON ({status})", _seconds(pause)) from None
    if answer.status == 404 and isinstance(content, dict) and "invalid_id" in str(content.get("code")):
        raise UnknownOrder
    if not 200 <= answer.status < 300:
        raise ShopFailure(f"the shop refused ({status})", _seconds(pause))
    if not isinstance(content, dict | list):
        raise ShopFailure(f"the shop answered neither an object nor a list ({status})")
    return content


def _order(content: Any) -> Order:
    try:
        return Order.read(content)
    except MalformedOrder as error:
        raise ShopFailure(f"the shop answered no order: {error}") from None


def _made(content: Any) -> None:
    # Whatever else answers in the shop's place, a cache perhaps, names nothing that was made.
    if not isinstance(content, dict) or not isinstance(content.get("id"), int):
        raise ShopFailure("the shop did not say what it made")


def _list(content: Any) -> list[Json]:
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise ShopFailure("the shop answered no list")
    return content


def _modified_at(order: Json) -> datetime:
    try:
        return datetime.fromisoformat(order["date_modified_gmt"]).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        raise ShopFailure("the shop does not say when an order was modified") from None


def _seconds(pause: str) -> float:
    return float(pause) if pause.isdigit() else 0.0
