"""Pages: Jinja2's templates, with what each of them may use."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from projections.dashboard.assets import Assets
from projections.dashboard.viewer import VIEWER

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders templates. Every value is escaped, and one that is missing is an error."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, request: Request, template: str, **context: Any) -> str:
        """The text of a template. In it `link(path)` is a path as the browser sees it, wherever the
        dashboard is mounted, `asset(name)` that of a style sheet or script, and `viewer` who is logged in, if
        somebody is."""
        root = request.scope.get("root_path", "").rstrip("/")
        return self.environment.get_template(template).render(
            link=lambda path: f"{root}{path}",
            viewer=request.scope.get(VIEWER),
            asset=lambda name: f"{root}{self._assets.address(name)}",
            **context,
        )

    def answer(
        self,
        request: Request,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> HTMLResponse:
        """A template as an answer."""
        return HTMLResponse(self.render(request, template, **context), status, headers)
