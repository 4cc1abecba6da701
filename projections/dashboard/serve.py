"""The dashboard's process: one port, until SIGTERM."""

from ingest import web
from ingest.settings import Settings
from projections.dashboard.app import create_dashboard


def main(settings: Settings) -> None:
    """Serve on HOST and DASHBOARD_PORT. Raises CannotListen."""
    app = create_dashboard(settings)
    web.serve(app, settings, settings.dashboard_port, "DASHBOARD_PORT", app.state.dashboard.changes.stop)
