"""The directory that everything embedded lives in, and the lock that one stack at a time holds on it."""

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.refusal import Refusal

# What a killed stack's guardian needs to stop the servers, and some.
REMNANTS_SECONDS = 30.0


class HomeInUse(Refusal):
    """Another stack holds this home: stop that one, or set HOOKLOG_HOME to another directory."""


class UnusableHome(Refusal):
    """The home's directory can't be made: set HOOKLOG_HOME to one that can."""


class Home:
    """`path` is created where it is missing. Others may pass through it and list nothing: where Postgres
    must run as another uid, its own directory in here has to be within reach."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        try:
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError as error:
            raise UnusableHome(
                f"{self.path} cannot be made a home ({error.strerror}): set HOOKLOG_HOME to another directory"
            ) from None

    def directory(self, name: str) -> Path:
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def secret(self, name: str, prefix: str = "") -> str:
        """The secret kept in the file `name` (mode 0600), generated when first asked for."""
        path = self.path / name
        if not path.exists():
            write_private(path, prefix + secrets.token_hex(24))
        return path.read_text().strip()

    @contextmanager
    def lock(self) -> Iterator[int]:
        """Hold this home; yields the lock's file descriptor, for children to hold it as well.

        So a home is free only once the last process of a stack is gone, and the next one never meets a
        server that is still writing. Raises HomeInUse.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(descriptor)
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def locked(self) -> bool:
        """Whether a stack holds this home."""
        with (self.path / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + REMNANTS_SECONDS
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(descriptor, 20, 0).decode()
                if _alive(holder) or time.monotonic() > deadline:
                    raise HomeInUse(
                        f"{self.path} is held by process {holder or '(starting)'}: stop that one "
                        "(Ctrl-C, or kill it), or set HOOKLOG_HOME to another directory"
                    ) from None
                time.sleep(0.05)


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all, for its owner's eyes only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync(path.parent)


def sync(directory: Path) -> None:
    """Make a renaming in `directory` survive a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _alive(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
