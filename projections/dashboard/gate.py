"""The gate: which requests are let through, and as whom."""

from urllib.parse import quote

from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest.logging import note
from projections.dashboard.policy import Policy
from projections.dashboard.sessions import Sessions
from projections.dashboard.viewer import VIEWER, Session

OPEN = ("/login", "/enter", "/healthz")
OPEN_BELOW = "/assets/"
PROBE = "/healthz"
"""Load balancers ask it by address; it tells nothing."""

SAFE = {"GET", "HEAD"}


class Gate:
    """Lets nobody through who is not logged in, but to the log-in, and no request that another page made."""

    def __init__(self, app: ASGIApp, policy: Policy, sessions: Sessions) -> None:
        self.app = app
        self._policy = policy
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        scope[VIEWER] = None
        refusal = await self._refusal(request, _path(scope))
        await (refusal or self.app)(scope, receive, send)

    async def _refusal(self, request: Request, path: str) -> Response | None:
        if path == PROBE:
            return None
        if not self._policy.admits_host(request.headers.get("host", "")):
            note(request, outcome="refused", reason="another host's name")
            return PlainTextResponse("This address is not the dashboard's: see DASHBOARD_URL.\n", 421)
        if request.method not in SAFE and not self._policy.is_ours(request):
            note(request, outcome="refused", reason="from another page")
            return PlainTextResponse("Only the dashboard's own pages may send this.\n", 403)
        request.scope[VIEWER] = await self._viewer(request)
        if request.scope[VIEWER] or path in OPEN or path.startswith(OPEN_BELOW):
            return None
        return self._ask_to_log_in(request, path)

    async def _viewer(self, request: Request) -> Session | None:
        cookie = request.cookies.get(self._policy.cookie)
        return await self._sessions.read(cookie) if cookie else None

    def _ask_to_log_in(self, request: Request, path: str) -> Response:
        if request.headers.get("sec-fetch-mode", "navigate") != "navigate":
            return PlainTextResponse("Log in again.\n", 401)  # a page that was open for long asks for a part
        root = request.scope.get("root_path", "").rstrip("/")
        query = f"?{request.url.query}" if request.url.query else ""
        back = quote(path + query, safe="/") if request.method in SAFE and path != "/" else ""
        return RedirectResponse(f"{root}/login{'?next=' + back if back else ''}", 303)


def _path(scope: Scope) -> str:
    """The path below the dashboard's own, wherever it is mounted; what routes are matched by."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path


def local(path: str) -> str:
    """`path` if it leads to a page of ours, else the first one. Browsers take a backslash for a slash, and
    skip what is no character."""
    at = URL(path)
    odd = "\\" in path or any(not " " < each <= "~" for each in path)
    if odd or at.scheme or at.netloc or not path.startswith("/") or path.startswith("//"):
        return "/"
    return path
