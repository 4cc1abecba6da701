"""A dashboard under test, and a browser's part of it: the cookie, and where a form came from."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from projections.dashboard.links import Links
from tests.web_process import Answer, WebProcess

SERVE = """
import sys
from workers.command import main
sys.argv[1:] = ["dashboard"]
main()
"""
UNHURRIED = f"""
from projections.dashboard import reader, shared
reader.CONNECT_SECONDS = shared.ANSWER_SECONDS = 60
reader.ANSWER_MILLISECONDS = 3_600_000
{SERVE}"""
"""With bounds that a busy machine does not reach."""


class DashboardProcess(WebProcess):
    """Listens on a port of the system's choice. `enter` logs in, and what is asked then bears the cookie."""

    def __init__(
        self, database_url: str, home: Path | None = None, program: str = UNHURRIED, **environment: str
    ) -> None:
        self._home = None if home else tempfile.TemporaryDirectory(prefix="hooklog-")
        self.home = home or Path(self._home.name if self._home else "")
        self.cookie = ""
        super().__init__(
            {
                "DATABASE_URL": database_url,
                "DASHBOARD_PORT": "0",
                "HOOKLOG_HOME": str(self.home),
                **environment,
            },
            program,
        )

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        own = {"Cookie": self.cookie} if self.cookie else {}
        return super().request(method, path, {**own, **headers}, body)

    def submit(self, path: str, form: Mapping[str, str], **headers: str) -> Answer:
        """A form of the page that is open: POST, with the headers that browsers add."""
        given = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, {**given, **named}, urlencode(form).encode())

    def enter(self) -> "DashboardProcess":
        """Log in by a new link."""
        self.keep(self.get(f"/enter?token={Links(self.home).token()}"))
        return self

    def log_in(self, user: str, password: str) -> Answer:
        answer = self.submit("/login", {"user": user, "password": password})
        if answer.status == 303:
            self.keep(answer)
        return answer

    def keep(self, answer: Answer) -> None:
        """Keep the cookie that an answer sets, as browsers do."""
        assert answer.status == 303, answer
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def close(self) -> None:
        super().close()
        if self._home:
            self._home.cleanup()
