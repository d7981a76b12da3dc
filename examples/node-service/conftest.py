from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import otel_allure

HERE = Path(__file__).parent
COMMAND = ["node", "--require", "@opentelemetry/auto-instrumentations-node/register", "prices.js"]


@pytest.fixture(scope="session")
def prices() -> Iterator[str]:
    """The service, told by its environment where to send its spans."""
    environment = {
        **otel_allure.environment(),
        "OTEL_SERVICE_NAME": "prices",
        "OTEL_METRICS_EXPORTER": "none",
    }
    with subprocess.Popen(
        COMMAND, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        yield f"http://127.0.0.1:{int(program.stdout.readline())}"
        program.terminate()
