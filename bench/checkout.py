"""How long a checkout waits for its client secret over Stripe's own time, beside a bulk of other jobs."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figures import Figure, Observation, percentile
from bench.pipeline import Pipeline
from bench.rig import START_SECONDS, Advance, Broken, Rig, answers, until
from bench.scale import Scale
from ingest.client import Client, Exchange, Reply, send
from ingest.commands import CreatePaymentIntent
from workers.servers.ports import available

STRIPE = Path(__file__).with_name("pretended_stripe.py")
STRIPE_SECONDS = 0.1
CHECKOUTS_A_SECOND = 4
"""With what the bulk may take, just below the calls that an account in test mode is allowed."""

BULK_A_SECOND = 15
KEY = "key-of-the-benchmark"
PAYMENT = CreatePaymentIntent(amount=1250, currency="eur")


@dataclass(frozen=True)
class Checkout:
    """Seconds, one for each checkout and each call of the pretended Stripe, which took turns."""

    waited: list[float]
    stripe: list[float]
    bulk: int

    @property
    def figures(self) -> list[Figure]:
        value = round((median(self.waited) - median(self.stripe)) * 1000, 1)
        return [Figure("checkout over Stripe's own time beside a bulk, p50", value, "ms", at_most=50.0)]

    @property
    def observations(self) -> list[Observation]:
        over = [one - median(self.stripe) for one in self.waited]
        return [
            Observation("pretended Stripe's own time, median", round(median(self.stripe) * 1000, 1), "ms"),
            Observation("checkout over that, p99", round(percentile(over, 0.99) * 1000, 1), "ms"),
            Observation("jobs that waited when the last checkout was done", self.bulk, "jobs"),
        ]


def measure(rig: Rig, scale: Scale, advance: Advance) -> Checkout:
    """An open loop of checkouts, on the creators that `hooklog up` starts."""
    checkouts = int(CHECKOUTS_A_SECOND * scale.checkout_seconds)
    with Pipeline.on(rig, "checkout") as pipeline, stripe(rig) as api, ExitStack() as processes:
        pipeline.environment.update(
            STRIPE_SECRET_KEY="sk_test_bench", STRIPE_API_BASE=api, API_KEYS=f"shop:{KEY}"
        )
        webhooks, _ = processes.enter_context(pipeline.web())
        client = Client(webhooks.removesuffix("/webhooks"), KEY)
        for _ in range(int(2 * BULK_A_SECOND * scale.checkout_seconds)):
            client.submit(PAYMENT)
        processes.enter_context(pipeline.running("creator", "--checkouts"))
        processes.enter_context(pipeline.running("creator"))
        client.submit(PAYMENT, wait=START_SECONDS)  # they are there
        waited, own = [], []
        began = time.monotonic()
        for number in range(checkouts):
            time.sleep(max(0.0, began + number / CHECKOUTS_A_SECOND - time.monotonic()))
            waited.append(seconds_of_a_checkout(client))
            own.append(seconds_of_stripe(api))
            advance(1 / checkouts)
        left = pipeline.redis.zcard(f"{{{pipeline.name}:jobs}}:open")
    if not left:
        raise Broken("no job waited any more: the bulk was too small")
    return Checkout(waited, own, left)


@contextmanager
def stripe(rig: Rig) -> Iterator[str]:
    """The pretended Stripe, serving; yields what STRIPE_API_BASE says."""
    port = available(0, variable="PORT")
    program = [sys.executable, "-P", STRIPE, str(port), str(STRIPE_SECONDS)]
    with rig.process(program, {}, "stripe") as process:
        until(lambda: answers(port), START_SECONDS, "the pretended Stripe answers", process)
        yield f"http://127.0.0.1:{port}"


def seconds_of_a_checkout(client: Client) -> float:
    began = time.monotonic()
    job = client.submit(PAYMENT, wait=START_SECONDS)
    if not job.result or not job.result["client_secret"]:
        raise Broken(f"a checkout got no client secret: the job is {job.state}")
    return time.monotonic() - began


def seconds_of_stripe(api: str) -> float:
    began = time.monotonic()
    reply = send(api, Exchange("POST", "/v1/payment_intents", {}, START_SECONDS, b"amount=1250"))
    if not isinstance(reply, Reply) or reply.status != 200:
        raise Broken("the pretended Stripe does not answer")
    return time.monotonic() - began
