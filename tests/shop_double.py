"""A double of a WooCommerce shop: a real HTTP server on loopback, with orders, notes and refunds.

It keeps to what WooCommerce does: Basic authentication, `set_paid` only for an order that needs payment, a
status that follows from it, and webhooks that are signed over their bytes. A test may tell it to fail.
"""

import base64
import hmac
import json
import re
import threading
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

KEY, SECRET, WEBHOOK_SECRET = "ck_test", "cs_test", "of the webhook"

STATUSES_TO_PAY = ("pending", "failed")


@dataclass
class Fault:
    """What the next `times` requests that match `on` are answered with, after acting on them if `acts`."""

    on: str
    status: int = 500
    body: bytes = b'{"code":"internal_server_error"}'
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    acts: bool = False
    cuts: bool = False
    times: int = 1


class ShopDouble:
    """Use it as a context."""

    def __init__(self) -> None:
        self.orders: dict[int, Json] = {}
        self.notes: dict[int, list[str]] = {}
        self.refunds: dict[int, list[Json]] = {}
        self.requests: list[str] = []
        self.written: list[tuple[str, Json]] = []
        self.faults: list[Fault] = []
        self.now = datetime.now(UTC) - timedelta(minutes=1)
        self._lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ShopDouble":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------------ what a test tells it, and asks

    @property
    def environment(self) -> dict[str, str]:
        """What configures it as the source `shop`."""
        return {
            "WOOCOMMERCE_URL_SHOP": self.url,
            "WOOCOMMERCE_KEY_SHOP": KEY,
            "WOOCOMMERCE_SECRET_SHOP": SECRET,
            "WOOCOMMERCE_WEBHOOK_SECRET_SHOP": WEBHOOK_SECRET,
        }

    def order(self, total: str = "12.50", currency: str = "EUR", **fields: Any) -> Json:
        """A new order, paid through hooklog unless `fields` say otherwise."""
        number = 17 + len(self.orders)
        self.orders[number] = {
            "id": number,
            "number": str(1000 + number),
            "order_key": f"wc_order_{number}abcdefghijk",
            "status": "pending",
            "payment_method": "hooklog",
            "total": total,
            "currency": currency,
            "date_created_gmt": wordpress(self.now),
            "date_modified_gmt": wordpress(self.now),
            "date_paid_gmt": None,
            "transaction_id": "",
            "billing": {"email": "ada@example.com", "first_name": "Ada"},
            **fields,
        }
        self.notes[number], self.refunds[number] = [], []
        return self.orders[number]

    def change(self, order: Json, **fields: Any) -> Json:
        """Change an order, a second later."""
        self.now += timedelta(seconds=1)
        order.update(fields, date_modified_gmt=wordpress(self.now))
        return order

    def fail(self, on: str = ".", **how: Any) -> None:
        """Let the next matching requests go wrong; see Fault."""
        self.faults.append(Fault(on, **how))

    def wrote(self, pattern: str = ".") -> list[tuple[str, Json]]:
        """The writes that were acted on and match: each its path and body."""
        return [each for each in self.written if re.search(pattern, each[0])]

    # ------------------------------------------------------------------ answering

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> Fault | None:
        """What is answered, in the shape of a fault; None where the connection is cut."""
        path = urlsplit(target).path
        call = f"{method} {path}"
        with self._lock:
            self.requests.append(call)
            fault = next((one for one in self.faults if one.times and re.search(one.on, call)), None)
            if fault:
                fault.times -= 1
                if fault.acts:
                    self._act(method, path, parse_qs(urlsplit(target).query), body)
                return None if fault.cuts else fault
            expected = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
            if authorization != expected:
                return told({"code": "woocommerce_rest_cannot_view"}, 401)
            return self._act(method, path, parse_qs(urlsplit(target).query), body)

    def _act(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Fault:
        parts = path.removeprefix("/wp-json/wc/v3/").split("/")
        if parts == ["orders"]:
            return told(self._listed({name: values[0] for name, values in query.items()}))
        order = self.orders.get(int(parts[1]))
        if order is None:
            return told({"code": "woocommerce_rest_shop_order_invalid_id"}, 404)
        written = json.loads(body) if method == "POST" else {}
        if method == "POST":
            self.written.append((path, written))
        match method, parts[2:]:
            case "POST", []:
                self._update(order, written)
                return told(order)
            case "POST", ["notes"]:
                self.notes[order["id"]].append(written["note"])
                return told({"id": 1, "note": written["note"]}, 201)
            case "POST", ["refunds"]:
                self.refunds[order["id"]].append(written)
                refunded = sum(Decimal(one["amount"]) for one in self.refunds[order["id"]])
                self.change(order, **({"status": "refunded"} if refunded == Decimal(order["total"]) else {}))
                return told({"id": 2, **written}, 201)
            case "GET", ["notes"]:
                return told([{"id": 1, "note": note} for note in self.notes[order["id"]]])
            case "GET", ["refunds"]:
                return told(self.refunds[order["id"]])
        return told(order)

    def _update(self, order: Json, written: Json) -> None:
        changes = {name: value for name, value in written.items() if name != "set_paid"}
        # WooCommerce passes over set_paid, and the transaction with it, unless the order needs payment.
        if written.get("set_paid") and order["status"] in STATUSES_TO_PAY:
            changes |= {"status": "processing", "date_paid_gmt": wordpress(self.now)}
        self.change(order, **changes)

    def _listed(self, query: dict[str, str]) -> list[Json]:
        found = [one for one in self.orders.values() if one["date_modified_gmt"] > query["modified_after"]]
        found.sort(key=lambda one: one["date_modified_gmt"])
        page, size = int(query.get("page", 1)), int(query["per_page"])
        asked = query["_fields"].split(",")
        return [{name: one[name] for name in asked} for one in found[(page - 1) * size : page * size]]


def told(content: Any, status: int = 200) -> Fault:
    return Fault("", status, json.dumps(deepcopy(content)).encode())


def webhook(order: Json, topic: str = "order.updated", secret: str = WEBHOOK_SECRET) -> tuple[bytes, Json]:
    """What the shop posts about an order: the body and its headers."""
    body = json.dumps(order).encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()
    return body, {
        "Content-Type": "application/json",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": signature,
    }


def wordpress(instant: datetime) -> str:
    """An instant as WooCommerce's …_gmt fields have it."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}"


class _Handler(BaseHTTPRequestHandler):
    double: ShopDouble
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.double.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = _serve  # noqa: N815 - http.server's names
