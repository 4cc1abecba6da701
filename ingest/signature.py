"""Stripe's signature: that the bytes are Stripe's, meant for this endpoint, and of now."""

from collections.abc import Sequence

from stripe import SignatureVerificationError, WebhookSignature

TIMESTAMP_DIGITS = 12


class BadSignature(ValueError):
    """The delivery does not prove that Stripe sent it: compare the endpoint's secret with the source's."""


def verify(raw: bytes, header: str | None, secrets: Sequence[str], *, tolerance: float, now: float) -> None:
    """Return if one of `secrets` signed `raw` within `tolerance` seconds of `now`, before or after.

    `header` is Stripe-Signature: `t=…,v1=…[,v1=…]`, one `v1` a secret while Stripe rolls them. Raises
    BadSignature, whatever the header and the body are.
    """
    if not header:
        raise BadSignature("the Stripe-Signature header is missing")
    signed_at = _signed_at(header)
    try:
        body = raw.decode()
    except UnicodeDecodeError:
        raise BadSignature("the body is not UTF-8") from None
    if not any(_signs(header, body, secret) for secret in secrets):
        raise BadSignature("no signature matches: is the secret of this source the endpoint's?")
    if abs(now - signed_at) > tolerance:
        raise BadSignature(f"signed {now - signed_at:.0f} s ago, tolerated are {tolerance:.0f}: a replay?")


def _signs(header: str, body: str, secret: str) -> bool:
    try:
        WebhookSignature.verify_header(body, header, secret)
    except SignatureVerificationError:  # it carries the body: nobody may see it
        return False
    return True


def _signed_at(header: str) -> int:
    # The library takes `t` as int() does ("+1_000", "01") and drops what follows a second "=", so a header
    # that is not Stripe's to the letter could pass. Here only the canonical form does.
    if not header.isascii():
        raise BadSignature("the Stripe-Signature header is not ASCII")
    times = []
    for item in header.split(","):
        scheme, *value = item.split("=")
        if len(value) != 1 or not value[0]:
            raise BadSignature("the Stripe-Signature header is not a list of scheme=value")
        if scheme == "t":
            times += value
    if len(times) != 1 or not times[0].isdigit() or times[0][0] == "0" or len(times[0]) > TIMESTAMP_DIGITS:
        raise BadSignature("the Stripe-Signature header has no usable timestamp")
    return int(times[0])
