"""Delivers events to a running endpoint as Stripe would: signed, over several connections, until accepted."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException, HTTPResponse
from queue import SimpleQueue
from urllib.parse import urlsplit

from ingest.refusal import Refusal
from workers.simulator import sign

CONNECTIONS = 8
TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 60.0
"""How long one delivery is tried again while the endpoint asks to come back later."""


class NotDelivered(Refusal):
    """The endpoint refuses what was sent, or does not answer: see ./run status and the log of web."""


class Feed:
    """Posts bodies to `{web}/webhooks`, signed with `secret`; `outcomes` counts the answers by outcome."""

    def __init__(self, web: str, secret: str) -> None:
        self._address = urlsplit(web)
        self._secret = secret
        self._idle: SimpleQueue[HTTPConnection] = SimpleQueue()
        self.outcomes: Counter[str] = Counter()

    def deliver(self, bodies: Iterable[bytes]) -> Iterator[str]:
        """Yields the outcome of each delivery, in order. Raises NotDelivered."""
        with ExitStack() as open_connections, ThreadPoolExecutor(CONNECTIONS) as threads:
            for _ in range(CONNECTIONS):
                self._idle.put(open_connections.enter_context(closing(self._connection())))
            for outcome in threads.map(self._deliver, bodies):
                self.outcomes[outcome] += 1
                yield outcome

    def _deliver(self, body: bytes) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, answer, wait = self._post(body)
            if status == 200:
                return str(json.loads(answer)["outcome"])
            if status != 503 or time.monotonic() > deadline:
                raise NotDelivered(f"{self._address.geturl()} answered {status}: {answer.decode()}")
            time.sleep(wait)  # as Retry-After asks

    def _post(self, body: bytes) -> tuple[int, bytes, float]:
        signature = sign(body, self._secret, int(time.time()))
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
        connection = self._idle.get()
        try:
            connection.request("POST", "/webhooks", body, headers)
            response: HTTPResponse = connection.getresponse()
            answer = response.read()
        except (HTTPException, OSError) as error:
            raise NotDelivered(f"{self._address.geturl()} broke off: {error!r}") from error
        finally:
            self._idle.put(connection)
        return response.status, answer, float(response.headers.get("Retry-After", 1))

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self._address.hostname or "", self._address.port, timeout=TIMEOUT_SECONDS)
