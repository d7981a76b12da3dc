"""Programs that are told to end write what waits first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from otel_allure.inputs.termination import flush_when_terminated
from otel_allure.testing.results import Results

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")

PROGRAM = """
import signal, sys
{before}
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry import trace
from otel_allure import AllureSpanExporter

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(AllureSpanExporter("results")))
trace.set_tracer_provider(provider)
with provider.get_tracer("it").start_as_current_span("done"):
    pass
print("ready", flush=True)
signal.pause()
"""
OWN = "signal.signal(signal.SIGTERM, lambda *_: (print('own', flush=True), sys.exit(7)))"


def ended(directory: Path, before: str = "", exporters: str = "allure") -> tuple[int, str]:
    directory.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(before=before)],
        cwd=directory,
        env={**os.environ, "OTEL_TRACES_EXPORTER": exporters, "OTEL_BSP_SCHEDULE_DELAY": "60000"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said


def test_what_a_batch_holds_is_written(tmp_path: Path) -> None:
    code, _ = ended(tmp_path)
    assert code == -signal.SIGTERM  # it ends as it would without us
    assert [result["name"] for result in Results(tmp_path / "results").results] == ["done"]


def test_a_handler_of_the_program_stays(tmp_path: Path) -> None:
    assert ended(tmp_path, OWN) == (7, "own\n")


def test_nobody_is_asked_in_another_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=flush_when_terminated, args=(print,))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
