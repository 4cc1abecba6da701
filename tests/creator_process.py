"""A creator as a process of its own, as the Procfile starts it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from ingest.settings import Settings
from tests.web_process import BOUND, PATIENCE


class CreatorProcess:
    """Use it as a context: it works on the jobs of these settings until the block ends.

    `prelude` is Python that runs in it before anything else, to shorten a clock or to break something.
    """

    def __init__(self, settings: Settings, log: Path, *options: str, prelude: str = "") -> None:
        assert settings.redis_url
        assert settings.stripe_secret_key
        assert settings.stripe_api_base
        self.environment = os.environ | {
            "REDIS_URL": settings.redis_url,
            "LOG_PREFIX": settings.log_prefix,
            "STRIPE_SECRET_KEY": settings.stripe_secret_key.get_secret_value(),
            "STRIPE_API_BASE": settings.stripe_api_base,
            "STRIPE_RATE_LIMIT": str(settings.stripe_rate_limit),
        }
        self._log = log
        self._program = ["-c", f"{prelude}\nfrom workers.command import main\nmain()", "creator", *options]

    def __enter__(self) -> "CreatorProcess":
        self.start()
        return self

    def start(self) -> None:
        with self._log.open("ab") as output:
            self.process = subprocess.Popen(
                [*BOUND, sys.executable, *self._program],
                env=self.environment,
                stdout=output,
                stderr=output,
            )

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def child(self) -> psutil.Process:
        """The process that performs a job right now."""
        [child] = psutil.Process(self.process.pid).children()
        return child

    def kill(self) -> None:
        """As by SIGKILL of both, the worker and the process that performs its job."""
        parent = psutil.Process(self.process.pid)
        parent.suspend()
        for child in parent.children():
            child.kill()
        parent.kill()
        self.process.wait()
