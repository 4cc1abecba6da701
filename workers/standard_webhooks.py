"""Signing as Standard Webhooks describes it: https://github.com/standard-webhooks/standard-webhooks. Pure."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256

PREFIX = "whsec_"


def headers(key: str, at: int, body: bytes, secrets: Iterable[str]) -> Mapping[str, str]:
    """The three headers of a message that is sent at `at` (s since 1970), a signature for each secret.

    `key` is the message's, the same at every attempt.
    """
    signed = f"{key}.{at}.".encode() + body
    digests = (hmac.digest(_secret(secret), signed, sha256) for secret in secrets)
    return {
        "webhook-id": key,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{b64encode(digest).decode()}" for digest in digests),
    }


def _secret(secret: str) -> bytes:
    """What follows `whsec_` is base64; any other secret is taken as it stands."""
    return b64decode(secret.removeprefix(PREFIX)) if secret.startswith(PREFIX) else secret.encode()
