"""What the dashboard keeps in HOOKLOG_HOME: its key, and marks that stay when all processes end."""

import os
import secrets
import time
from hashlib import blake2b
from pathlib import Path

from ingest.refusal import Refusal

KEY_FILE = "dashboard-key"
SPENT = "dashboard-spent"
LEAST_KEY = 32


class UnusableHome(Refusal):
    """The key cannot be kept: make HOOKLOG_HOME writable, or set it to a directory that is."""


def kept_key(home: Path) -> bytes:
    """The key of this home (mode 0600), made when first asked for; two that ask at once get the same.

    Raises UnusableHome.
    """
    path = home / KEY_FILE
    try:
        if not path.exists():
            home.mkdir(mode=0o711, parents=True, exist_ok=True)
            draft = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)  # whole or not at all, and never over another's
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        key = path.read_bytes().strip()
    except OSError as error:
        raise UnusableHome(f"{path.absolute()} cannot be kept ({error.strerror}): set HOOKLOG_HOME") from None
    if len(key) < LEAST_KEY:  # whoever knows how it begins could sign with it
        raise UnusableHome(f"{path.absolute()} is no whole key: remove it, and another is made")
    return key


class Marks:
    """Names that were marked, each for some seconds, as files: whoever shares the home sees the same."""

    def __init__(self, home: Path) -> None:
        self._directory = home / SPENT

    def mark(self, name: str, seconds: float) -> bool:
        """Mark a name; False where it was marked already. Of two at once, one marks. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._forget()
        try:
            descriptor = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        os.close(descriptor)
        until = time.time() + seconds
        os.utime(self._path(name), (until, until))
        return True

    def marked(self, name: str) -> bool:
        """Whether a name is marked."""
        return self._path(name).exists()

    def _forget(self) -> None:
        """Drop what is over, by a margin: a new file is dated now for an instant, not at its end."""
        for path in self._directory.iterdir():
            try:
                if path.stat().st_mtime < time.time() - 60:
                    path.unlink()
            except FileNotFoundError:
                continue  # another process dropped it

    def _path(self, name: str) -> Path:
        return self._directory / blake2b(name.encode(), digest_size=16).hexdigest()
