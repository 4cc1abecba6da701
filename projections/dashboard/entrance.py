"""Logging in, by password or by a link of the terminal, and logging out."""

import asyncio
import secrets

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ingest.logging import note
from projections.dashboard.form import fields
from projections.dashboard.gate import local
from projections.dashboard.links import BadLink, Links
from projections.dashboard.pages import Pages
from projections.dashboard.passwords import PasswordHash
from projections.dashboard.policy import Policy
from projections.dashboard.sessions import BY_LINK, SESSION_SECONDS, Sessions
from projections.dashboard.throttle import Throttle
from projections.dashboard.viewer import VIEWER

AT_ONCE = 2
"""Passwords that are judged at a time: each takes 32 MB while it is."""


class Entrance:
    """Its routes."""

    def __init__(
        self, policy: Policy, sessions: Sessions, throttle: Throttle, links: Links | None, pages: Pages
    ) -> None:
        self._policy = policy
        self._sessions = sessions
        self._throttle = throttle
        self._links = links
        self._pages = pages
        self._turns = asyncio.Semaphore(AT_ONCE)
        alike = next(iter(policy.users.values()), PasswordHash.of(""))
        self._nobody = alike._replace(salt=secrets.token_bytes(16))

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.ask, methods=["GET"]),
            Route("/login", self.judge, methods=["POST"]),
            Route("/enter", self.enter, methods=["GET"]),
            Route("/logout", self.leave, methods=["POST"]),
        ]

    async def ask(self, request: Request) -> Response:
        """The form; whoever is logged in goes on."""
        if request.scope[VIEWER]:
            return self._onward(request, request.query_params.get("next", "/"))
        return self._form(request, onward=request.query_params.get("next", "/"))

    async def judge(self, request: Request) -> Response:
        """Name and password. One that is wrong takes the same time whether or not there is such a user."""
        form = await fields(request)
        user, password, onward = (form.get(name, "") for name in ("user", "password", "next"))
        address = self._policy.address_of(request)
        if seconds := await self._throttle.wait(user, address):
            note(request, outcome="refused", reason="too many tries")
            told = f"Too many tries. Try again in {(seconds + 59) // 60} minutes."
            return self._form(request, 429, told, onward, {"Retry-After": str(seconds)})
        kept = self._policy.users.get(user, self._nobody)
        async with self._turns:
            right = await asyncio.to_thread(kept.matches, password)
        if not right or user not in self._policy.users:
            note(request, outcome="refused", reason="wrong name or password")
            return self._form(request, 401, "That name and password do not belong together.", onward)
        await self._throttle.succeeded(user, address)
        note(request, outcome="logged in")
        return self._admit(self._onward(request, onward), user)

    async def enter(self, request: Request) -> Response:
        """A link of the terminal: spent by its first use. Whoever is logged in needs none."""
        if request.scope[VIEWER]:
            return self._onward(request, "/")
        if self._links is None or request.method == "HEAD":
            return self._form(request, 401)
        try:
            await asyncio.to_thread(self._links.spend, request.query_params.get("token", ""))
        except BadLink:
            note(request, outcome="refused", reason="spent or old link")
            return self._form(request, 401, "This link was used already, or is too old.")
        note(request, outcome="logged in")
        return self._admit(self._onward(request, "/"), BY_LINK)

    async def leave(self, request: Request) -> Response:
        """Log out, here and wherever the cookie was copied to."""
        await self._sessions.end(request.scope[VIEWER])
        answer = self._onward(request, "/login")
        answer.delete_cookie(self._policy.cookie, secure=self._policy.secure, httponly=True, samesite="lax")
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    def _admit(self, answer: Response, user: str) -> Response:
        answer.set_cookie(
            self._policy.cookie,
            self._sessions.open(user),
            max_age=SESSION_SECONDS,
            secure=self._policy.secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    def _onward(self, request: Request, path: str) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")
        return RedirectResponse(f"{root}{local(path)}", 303)

    def _form(
        self,
        request: Request,
        status: int = 200,
        problem: str = "",
        onward: str = "/",
        headers: dict[str, str] | None = None,
    ) -> Response:
        return self._pages.answer(
            request,
            "login.html",
            status=status,
            headers=headers,
            problem=problem,
            onward=local(onward),
            by_link=not self._policy.users,
        )
