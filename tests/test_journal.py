"""A program under `otel-allure run` that is killed: no span of it is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, StaticSampler

from otel_allure import AllureSpanExporter, AllureSpanProcessor
from otel_allure.inputs import journal, span_exporter
from otel_allure.inputs.journal import write_what_was_left
from otel_allure.model import conventions as c
from otel_allure.output.report import Report
from otel_allure.output.sealed import Seal
from otel_allure.testing.results import Results, tree

from . import instrumentations

PROGRAM = """
import os, signal, sys
from opentelemetry import trace
{before}
tracer = trace.get_tracer("app")

with tracer.start_as_current_span("whole", kind=trace.SpanKind.SERVER):
    with tracer.start_as_current_span("in the batch"):
        pass
with tracer.start_as_current_span("in flight", kind=trace.SpanKind.SERVER) as span:
    for name in ("first", "second"):
        with tracer.start_as_current_span(name) as inner:
            inner.set_attribute("password", "S3cr" + "et-4711")
    with tracer.start_as_current_span("open"):
        {end}
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
OWN = """
from opentelemetry.sdk.trace import TracerProvider
from otel_allure import AllureSpanProcessor
provider = TracerProvider()
provider.add_span_processor(AllureSpanProcessor())
"""


def ended(directory: Path, end: str, before: str = "") -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(end=end, before=before)
    (directory / "app.py").write_text(program.replace("trace.get_tracer", "provider.get_tracer")
                                      if before else program)  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "otel_allure", "run", "--results-dir", "out", "python", "app.py"],
        cwd=directory,
        env={
            **os.environ,
            **instrumentations.NONE,
            "OTEL_BSP_SCHEDULE_DELAY": "60000",
            "TMPDIR": str(directory),
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.usefixtures("only_steps")
@pytest.mark.parametrize("before", ["", OWN], ids=["exporter", "processor"])
def test_killed(tmp_path: Path, before: str) -> None:
    """What has ended is there, what was in flight is shown as unfinished."""
    done = ended(tmp_path, KILL, before)
    assert done.returncode == 128 + signal.SIGKILL, done.stderr
    said = done.stderr.splitlines()
    number = 4 if before else 6  # the processor has written the first request
    assert f"otel-allure: {number} spans of a process that died are in the results" in said
    assert f"otel-allure: 2 results written to {tmp_path / 'out'}" in said
    report = Results(tmp_path / "out")
    assert tree(report["whole"]) == ["in the batch"]
    in_flight = report["in flight"]
    assert in_flight["status"] == "unknown"
    assert tree(in_flight) == ["first", "second", "unknown: open"]
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "app.py":
            assert b"S3cret-4711" not in path.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.py", "out"]


# -- in this process


class Program:
    """What a program under `otel-allure run` has."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.journals = path / "journals"
        self.journals.mkdir()
        self.seal = Seal()
        monkeypatch.setenv(c.JOURNAL, f"{self.seal.key}:{self.journals}")
        monkeypatch.setenv(c.RESULTS_DIR, str(path / "out"))
        self.provider = TracerProvider()
        self.processor = AllureSpanProcessor()
        self.provider.add_span_processor(self.processor)
        self.tracer = self.provider.get_tracer("app")

    def left(self) -> int:
        (self.path / "left").mkdir(exist_ok=True)
        return write_what_was_left(
            self.journals, self.seal, lambda path: Report(self.path / "left" / Path(path).name)
        )

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.journals.iterdir())


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, monkeypatch)


def test_what_is_in_results_is_not_kept(program: Program) -> None:
    with program.tracer.start_as_current_span("request", kind=trace.SpanKind.SERVER):
        with program.tracer.start_as_current_span("inner"):
            pass
        assert program.left() == 2
    assert program.left() == 0
    program.provider.shutdown()
    assert list(program.journals.iterdir()) == []


def test_it_does_not_grow_with_time(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in flight stays in it."""
    monkeypatch.setattr(journal, "_GROWS_BY", 10_000)
    with program.tracer.start_as_current_span("long", kind=trace.SpanKind.SERVER):
        sizes = []
        for _ in range(60):
            with program.tracer.start_as_current_span(
                "short", context=trace.set_span_in_context(trace.INVALID_SPAN),
                kind=trace.SpanKind.SERVER,
            ):  # fmt: skip
                pass
            sizes.append(program.size())
        assert max(sizes) < 25_000
        assert program.left() == 1
        (result,) = Results(program.path / "left" / "out").results
        assert result["name"] == "long"
    program.provider.shutdown()


def test_what_is_not_sampled_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an exporter, which gets none of it; a processor gets it."""

    class Recorded(StaticSampler):
        def __init__(self) -> None:
            super().__init__(Decision.RECORD_ONLY)

    program = Program(tmp_path, monkeypatch)
    provider = TracerProvider(sampler=Recorded())
    monkeypatch.setattr(span_exporter, "get_tracer_provider", lambda: provider)
    exporter = AllureSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("app").start_as_current_span("request"):
        assert program.left() == 0
    provider.add_span_processor(AllureSpanProcessor())
    with provider.get_tracer("app").start_as_current_span("request"):
        assert program.left() == 1
    provider.shutdown()


def test_without_somebody_who_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = AllureSpanExporter(tmp_path / "out")
    assert exporter._journal is None
    monkeypatch.setenv(c.JOURNAL, f"{Seal().key}:{tmp_path / 'gone'}")
    exporter = AllureSpanExporter(tmp_path / "out")
    assert exporter._journal is None
    assert "keeping what would be lost" in "".join(exporter.report.diagnostics.lines())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_a_file_of_its_own(program: Program) -> None:
    with program.tracer.start_as_current_span("parent's", kind=trace.SpanKind.SERVER):
        child = os.fork()
        if child == 0:
            program.tracer.start_span("child's", kind=trace.SpanKind.SERVER)
            os._exit(3)
        os.waitpid(child, 0)
        assert len(list(program.journals.iterdir())) == 2
        assert program.left() == 2
    program.provider.shutdown()
    assert program.left() == 1
