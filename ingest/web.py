"""The web process: what Stripe, shops and platforms call."""

from ingest.api import AccessRoute
from ingest.app import create_app
from ingest.serving import serve
from ingest.settings import Settings


def main(settings: Settings, access: AccessRoute | None = None) -> None:
    """Receive webhooks on HOST and PORT. Raises CannotListen.

    `access` answers GET /users/{user_id}/access.
    """
    serve(create_app(settings, access), settings, settings.port, "PORT")
