"""A double of Stripe: a real HTTP server on loopback, with state, for the real library to talk to.

It honours idempotency keys as Stripe does: the first status and body again, failures included, an error for
other parameters, 409 while the first request is under way. A test may tell it to fail: by an answer, by
hanging, or by cutting the connection, before acting or after it.
"""

import copy
import hashlib
import hmac
import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from uuid import uuid4

from tests.stripe_account import Account, Refused, Shape, matching
from tests.stripe_answers import Answer, Fault, Request, Stored, failure, listing
from tests.stripe_form import decoded
from tests.stripe_names import page, shown
from tests.web_process import PATIENCE

API_VERSION = "2026-10-28.endive"
KEY = "sk_test_double"
SERVES = {"balance_transactions": "balance_transaction", "customers": "customer", "charges": "charge",
          "payment_intents": "payment_intent", "refunds": "refund",
          "subscriptions": "subscription"}  # fmt: skip


class StripeDouble:
    """Use it as a context. `api_base` is for STRIPE_API_BASE, `keys` are the secret keys that it takes.

    Its answers are dated by `now` and so many seconds `ahead`; what happens, by the account's own clock.
    """

    def __init__(self) -> None:
        self.account = Account(self._tell)
        self.connected: dict[str, Account] = {}
        self.keys = {KEY}
        self.requests: list[Request] = []
        self.events: list[Shape] = []
        self.faults: list[Fault] = []
        self.search_lag = 60
        self.latency = 0.0
        self.ahead = 0
        self.now: Callable[[], float] = time.time
        self._sent = 0
        self._stored: dict[str, Stored] = {}
        self._lock = threading.RLock()
        self.arrived = threading.Condition(self._lock)
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.api_base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "StripeDouble":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self.faults:
            if fault.hold:
                fault.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ------------------------------------------------------------------ what a test tells it, and asks

    def fail(self, on: str = ".", status: int | None = None, code: str | None = None, **how: Any) -> Fault:
        """Let the next matching requests go wrong; see Fault."""
        fault = Fault(on, status, code, **how)
        self.faults.append(fault)
        return fault

    def forget_keys(self) -> None:
        """A day passes: no idempotency key is known any more."""
        self._stored.clear()

    def calls(self, pattern: str = ".") -> list[Request]:
        """The requests whose method and path match."""
        return [each for each in self.requests if re.search(pattern, f"{each.method} {each.path}")]

    def wait_for(self, pattern: str) -> Request:
        """The first request that matches, once it came in."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.calls(pattern), PATIENCE), f"no {pattern} came in"
        return self.calls(pattern)[0]

    def wait_until_asked(self, key: str) -> None:
        """Return when a request under this idempotency key is under way, or was."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: key in self._stored, PATIENCE), f"{key} did not come in"

    def wait_until_answered(self, key: str) -> None:
        """Return when no request under this idempotency key is under way."""
        with self.arrived:
            done = self.arrived.wait_for(lambda: key in self._stored and self._stored[key].answer, PATIENCE)
            assert done, f"{key} is still under way"

    def webhooks(self, secret: str) -> Iterator[tuple[bytes, str]]:
        """The events since the last time, each as its body and its signature."""
        while self._sent < len(self.events):
            body = json.dumps(self.events[self._sent]).encode()
            self._sent += 1
            now = int(time.time())
            signature = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
            yield body, f"t={now},v1={signature}"

    def send_webhooks(self, url: str, secret: str) -> list[int]:
        """Post them; the status of each."""
        statuses = []
        for body, signature in self.webhooks(secret):
            request = urllib.request.Request(url, body, {"Stripe-Signature": signature})
            try:
                with urllib.request.urlopen(request) as response:
                    statuses.append(response.status)
            except HTTPError as refusal:
                statuses.append(refusal.code)
        return statuses

    # ------------------------------------------------------------------ answering

    def connect(self, account_id: str) -> Account:
        """Another account, which the key may ask for by its id; its events name it."""
        account = Account(lambda *told: self._tell(*told, account=account_id))
        self.connected[account_id] = account
        return account

    def answer(
        self, method: str, target: str, form: str, bearer: str, key: str | None, account: str | None = None
    ) -> Answer | None:
        """What is answered; None where the connection is cut."""
        path, query = urlsplit(target).path, urlsplit(target).query
        with self.arrived:
            self.requests.append(Request(method, path, decoded(form or query), key, time.time(), account))
            self.arrived.notify_all()
        if bearer not in self.keys:
            return failure(401, None, "Invalid API Key provided", type="invalid_request_error")
        if account is not None and account not in self.connected:
            message = "The provided key does not have access to the account"
            return failure(403, "account_invalid", message, type="invalid_request_error")
        time.sleep(self.latency)
        if key is None or method != "POST":  # Stripe takes keys for POST alone
            return self._faulty(method, path, form or query, None, account)
        with self.arrived:
            known = self._stored.get(key)
            if known is None:
                self._stored[key] = Stored((path, form))
                self.arrived.notify_all()
        return self._replayed(known, path, form) if known else self._faulty(method, path, form, key)

    def _replayed(self, known: Stored, path: str, form: str) -> Answer:
        if known.asked != (path, form):
            message = "Keys for idempotent requests can only be used with the same parameters"
            return failure(400, None, message, type="idempotency_error")
        if known.answer is None:
            message = "There is currently another in-progress request using this Idempotent Key"
            return failure(409, "idempotency_key_in_use", message, type="idempotency_error")
        return Answer(known.answer.status, known.answer.body, {"Idempotent-Replayed": "true"})

    def _faulty(
        self, method: str, path: str, form: str, key: str | None, account: str | None = None
    ) -> Answer | None:
        fault = self._fault(f"{method} {path}")
        acted = self._act(method, path, form, account) if fault is None or fault.acts else None
        told = acted
        if fault is not None:
            if fault.hold:
                fault.hold.wait()
            if fault.status:
                told = failure(fault.status, fault.code, "told to fail", **fault.error)
                told = Answer(fault.status, fault.text or told.body, fault.headers)
        if key is not None:
            with self.arrived:
                self._keep(key, told if fault is None or fault.status else acted)
                self.arrived.notify_all()
        return None if fault is not None and not fault.status and not fault.hold else told or acted

    def _keep(self, key: str, answer: Answer | None) -> None:
        # Stripe keeps what the endpoint itself answered, its failures too, and nothing of what was sent away.
        if answer is None or answer.passing:
            self._stored.pop(key, None)
        elif key in self._stored:
            self._stored[key].answer = answer

    def _fault(self, call: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times and re.search(fault.on, call):
                    fault.times -= 1
                    return fault
        return None

    def _act(self, method: str, path: str, form: str, account: str | None) -> Answer:
        of = self.account if account is None else self.connected[account]
        with self._lock:
            try:
                found = self._route(of, method, path.removeprefix("/v1/").split("/"), decoded(form))
            except Refused as refusal:
                return Answer(refusal.status, {"error": refusal.error})
            return Answer(200, copy.deepcopy(found))

    def _route(self, account: Account, method: str, path: list[str], given: Shape) -> Shape:
        expand = given.pop("expand", [])
        inner = [each.removeprefix("data.") for each in expand]
        match method, path:
            case "GET", [kind, "search"]:
                return listing(self._search(SERVES[kind], given["query"]))
            case "GET", ["subscription_items"]:
                every = account.get(given["subscription"])["items"]["data"]
                return page([shown(account, each, inner) for each in every], given)
            case "GET", ["invoices", invoice, "lines"]:
                return page(account.get(invoice)["lines"]["data"], given)
            case "GET", [kind]:
                every = list(matching(account.of(SERVES[kind]), given))
                return page([shown(account, each, inner) for each in every], given)
            case "GET", [_, object_id]:
                return shown(account, account.get(object_id), expand)
            case "POST", ["customers"]:
                return account.create_customer(given)
            case "POST", ["customers", customer]:
                return account.update_customer(account.get(customer), given)
            case "DELETE", ["customers", customer]:
                account.objects[customer] = {"id": customer, "object": "customer", "deleted": True}
                return account.objects[customer]
            case "POST", ["payment_intents"]:
                return account.create_payment_intent(given)
            case "POST", ["payment_intents", intent, "capture"]:
                return account.capture(account.get(intent), given)
            case "POST", ["payment_intents", intent, "cancel"]:
                return account.cancel_payment_intent(account.get(intent), given)
            case "POST", ["payment_intents", intent]:
                changes = {"amount": int(given["amount"])} if "amount" in given else given
                return account.change(account.get(intent), "payment_intent.updated", **changes)
            case "POST", ["refunds"]:
                return account.refund(given)
            case "POST", ["subscriptions"]:
                return shown(account, account.create_subscription(given), expand)
            case "POST", ["subscriptions", subscription, "resume"]:
                return account.become(account.get(subscription), "active")
            case "POST", ["subscriptions", subscription]:
                return shown(account, account.update_subscription(account.get(subscription), given), expand)
            case "DELETE", ["subscriptions", subscription]:
                return account.cancel_subscription(account.get(subscription), given)
        raise Refused(404, "url_invalid", f"Unrecognized request URL ({method}: /v1/{'/'.join(path)})")

    def _search(self, kind: str, query: str) -> list[Shape]:
        wanted = dict(re.findall(r"metadata\['(\w+)'\]:'((?:[^'\\]|\\.)*)'", query))
        wanted = {name: re.sub(r"\\(.)", r"\1", value) for name, value in wanted.items()}
        indexed = self.account.clock() - self.search_lag
        return [
            each
            for each in self.account.of(kind)
            if not each.get("deleted")
            and each["created"] <= indexed
            and wanted.items() <= each["metadata"].items()
        ]

    def _tell(self, kind: str, subject: Shape, previous: Shape | None, account: str | None = None) -> None:
        of = self.connected[account] if account else self.account
        data: Shape = {"object": copy.deepcopy(shown(of, subject))}
        if previous is not None:
            data["previous_attributes"] = previous
        told = {"id": f"evt_{uuid4().hex[:20]}", "object": "event", "api_version": API_VERSION, "type": kind}
        told |= {"created": self.account.clock(), "data": data, "livemode": False, "request": None}
        told |= {"account": account} if account else {}
        self.events.append(told)


class _Handler(BaseHTTPRequestHandler):
    double: StripeDouble
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        answer = self.double.answer(
            self.command, self.path, form, bearer, self.headers.get("Idempotency-Key"),
            self.headers.get("Stripe-Account"),
        )  # fmt: skip
        if answer is None:
            self.close_connection = True
            return
        body = (answer.body if isinstance(answer.body, str) else json.dumps(answer.body)).encode()
        self.send_response_only(answer.status)
        date = formatdate(self.double.now() + self.double.ahead, usegmt=True)
        for name, value in {"Date": date, "Request-Id": "req_double"}.items():
            self.send_header(name, value)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names
