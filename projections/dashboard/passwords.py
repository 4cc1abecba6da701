"""Passwords: kept as scrypt hashes that name their own parameters, so that these can grow.

A hash is `scrypt.LOG2N.R.P.SALT.KEY`, the last two in URL-safe base64: no character of it means anything to
a shell, a comma-separated list or a .env file. The parameters are OWASP's for scrypt.
"""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple, Self

LOG2N, R, P = 15, 8, 3
SALT_BYTES, KEY_BYTES = 16, 32
MOST_BYTES = 1024
"""No password is longer: whoever sends more wants the work done, not to log in."""

MOST_MEMORY = 1 << 28
_FORM = re.compile(r"scrypt\.(\d{1,2})\.(\d{1,2})\.(\d{1,2})\.([\w-]{16,})\.([\w-]{22,})", re.ASCII)


class NotAHash(ValueError):
    """It is none of `./run dashboard hash`: make one with that."""


class PasswordHash(NamedTuple):
    """What is kept of a password."""

    log2n: int
    r: int
    p: int
    salt: bytes
    key: bytes

    @classmethod
    def of(cls, password: str) -> Self:
        """A new hash, with a salt of its own."""
        blank = cls(LOG2N, R, P, secrets.token_bytes(SALT_BYTES), b"\0" * KEY_BYTES)
        return blank._replace(key=blank._derived(password))

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises NotAHash; also for parameters that would cost more memory than a log-in may."""
        matched = _FORM.fullmatch(text)
        if not matched:
            raise NotAHash("a hash is scrypt.LOG2N.R.P.SALT.KEY")
        log2n, r, p = (int(each) for each in matched.groups()[:3])
        if not 14 <= log2n <= 20 or not r or not p or p > 16 or 128 * r << log2n > MOST_MEMORY - (1 << 20):
            raise NotAHash("its parameters are out of bounds")
        try:
            return cls(log2n, r, p, _decoded(matched[4]), _decoded(matched[5]))
        except ValueError:
            raise NotAHash("its salt or key is not base64") from None

    def matches(self, password: str) -> bool:
        """Whether it is of this password; takes the same time either way."""
        fits = len(password.encode()) <= MOST_BYTES
        return hmac.compare_digest(self._derived(password if fits else ""), self.key) and fits

    def _derived(self, password: str) -> bytes:
        return hashlib.scrypt(
            password.encode(),
            salt=self.salt,
            n=1 << self.log2n,
            r=self.r,
            p=self.p,
            maxmem=MOST_MEMORY,
            dklen=len(self.key),
        )

    def __str__(self) -> str:
        return f"scrypt.{self.log2n}.{self.r}.{self.p}.{_encoded(self.salt)}.{_encoded(self.key)}"


def _encoded(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
