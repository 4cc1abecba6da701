"""The dashboard's process: one port, until SIGTERM."""

from ingest.serving import serve
from ingest.settings import Settings
from projections.dashboard.app import create_dashboard


def main(settings: Settings) -> None:
    """Serve on HOST and DASHBOARD_PORT. Raises CannotListen."""
    app = create_dashboard(settings)
    serve(app, settings, settings.dashboard_port, "DASHBOARD_PORT", app.state.dashboard.changes.stop)
