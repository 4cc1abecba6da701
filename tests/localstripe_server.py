"""The foreign server `localstripe`, run by the Python that has it: on loopback alone, and writing nothing.

Left to itself it would listen on every interface and keep its objects in a file of a fixed name.
"""

import socket

from aiohttp import web
from localstripe import resources, server

resources.Store.dump_to_disk = lambda _store: None

with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)  # noqa: T201 - this is how it tells its port
    web.run_app(server.app, sock=listening, print=None, shutdown_timeout=1)
