"""One-time links: what the terminal prints where nobody else can reach the dashboard, instead of a password.

A token is signed with the home's own key, so whoever can read that key can print one; it is spent by a mark
in the same home, so it stays spent whichever process is asked next, and after a restart.
"""

import secrets
from hashlib import sha256
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner

from projections.dashboard.keeping import Marks, kept_key

LINK_SECONDS = 15 * 60
_SALT = "hooklog.dashboard.link"


class BadLink(ValueError):
    """The link is spent, too old or none of ours: `./run dashboard link` prints a new one."""


class Links:
    """The links of one home. Raises UnusableHome."""

    def __init__(self, home: Path) -> None:
        self._signer = TimestampSigner(
            kept_key(home), salt=_SALT, digest_method=sha256, key_derivation="hmac"
        )
        self._spent = Marks(home)

    def token(self) -> str:
        """A new one, good for LINK_SECONDS."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def spend(self, token: str) -> None:
        """Use it up. Raises BadLink."""
        try:
            name = self._signer.unsign(token, max_age=LINK_SECONDS).decode()
        except (BadSignature, UnicodeError):
            raise BadLink from None
        if not self._spent.mark(f"link:{name}", 2 * LINK_SECONDS):
            raise BadLink
