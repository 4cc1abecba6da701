"""Sessions: a signed cookie that ends by itself, by log-out, and with the password that opened it."""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from itsdangerous import BadSignature, URLSafeTimedSerializer

from projections.dashboard.ended import Ended
from projections.dashboard.passwords import PasswordHash
from projections.dashboard.viewer import Session

SESSION_SECONDS = 12 * 60 * 60
"""From the log-in on, however busy: a cookie that was stolen ends, too."""

BY_LINK = ""
"""The user of whoever came by a link."""

_SALT = "hooklog.dashboard.session"


class Sessions:
    """Opens and reads cookies. `users` are whose hashes are good now, empty where links let in."""

    def __init__(self, key: bytes, users: Mapping[str, PasswordHash], ended: Ended) -> None:
        self._key = key
        self._users = users
        self._ended = ended
        self._serializer = URLSafeTimedSerializer(
            key, salt=_SALT, signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"}
        )

    def open(self, user: str) -> str:
        """The value of a new session's cookie. Nothing of an old one is taken over."""
        return str(self._serializer.dumps([user, secrets.token_urlsafe(16), self._fingerprint(user)]))

    async def read(self, cookie: str) -> Session | None:
        """Whose it is; None for one that is none of ours, too old, ended, or of a user as he no longer is."""
        try:
            told: Any = self._serializer.loads(cookie, max_age=SESSION_SECONDS)
            user, session_id, fingerprint = told
        except (BadSignature, TypeError, ValueError):  # signed, but by a version that wrote another form
            return None
        known = user == BY_LINK if not self._users else user in self._users
        if not known or not hmac.compare_digest(fingerprint, self._fingerprint(user)):
            return None
        return None if await self._ended.includes(session_id) else Session(user, session_id)

    async def end(self, session: Session) -> None:
        """Log out: the cookie is worth nothing from now on, in whoever's hands."""
        await self._ended.add(session.id, SESSION_SECONDS)

    def _fingerprint(self, user: str) -> str:
        kept = str(self._users[user]) if user in self._users else ""
        return hmac.new(self._key, f"{user}\0{kept}".encode(), sha256).hexdigest()[:32]
