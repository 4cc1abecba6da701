"""Stripe's API as far as a PaymentIntent is made, as slowly as there: what a checkout is held against.

Usage: pretended_stripe.py PORT SECONDS.
"""

import asyncio
import sys
import time
from itertools import count

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

numbers = count()


async def make(request: Request) -> Response:
    """A PaymentIntent, whatever is asked for."""
    await request.body()
    await asyncio.sleep(float(sys.argv[2]))
    made = f"pi_{next(numbers)}"
    return JSONResponse(
        {
            "id": made,
            "object": "payment_intent",
            "amount": 1250,
            "currency": "eur",
            "customer": None,
            "status": "requires_payment_method",
            "client_secret": f"{made}_secret",
            "created": int(time.time()),
            "livemode": False,
            "metadata": {},
        }
    )


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/v1/payment_intents", make, methods=["POST"])]),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
