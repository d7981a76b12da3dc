"""A worker of pytest-xdist that dies -> what can be known of it is in the report.

It ends without a word, so each worker leaves in a directory of its controller

* which test runs, as the span that the test would have if it ended now: a record, written over;
* the spans of wider fixtures that are set up, and which tests have used them: records, appended.

The records are sealed, see `output.sealed`.

When a worker has died, the controller makes results and containers of them. What workers write
themselves is in the report already, and nothing of it is written twice: uuids follow from the ids
of spans.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from otel_allure.compat.others import EXECNET_IO
from otel_allure.model import conventions as c
from otel_allure.model.clock import now_ns
from otel_allure.model.outcome import Outcome
from otel_allure.model.record_json import read_record, to_line
from otel_allure.model.spans import Span
from otel_allure.output.fault_dumps import take, with_dump
from otel_allure.output.report import Report
from otel_allure.output.sealed import Seal
from otel_allure.output.unfinished import how_it_ended
from otel_allure.pytest_plugin import metadata
from otel_allure.pytest_plugin.fault_dumps import stderr_of
from otel_allure.pytest_plugin.phase_outcomes import outcome_of_report
from otel_allure.translation.identity import item_uuid

INPUT = "otel_allure_journal"
"""By which name a worker is told where to write, and with which key."""
NOT_BEGUN = "The worker died before this test began."
_PATIENCE_S = 1.0
_Key = tuple[int, int]


class Journal:
    """What a worker leaves; closed when it ends as it should, and then nothing is left."""

    def __init__(self, told: tuple[str, str], worker: str) -> None:
        directory, key = told
        self._seal = Seal(key)
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._paths = _running_path(directory, worker), _fixtures_path(directory, worker)
        self._running = os.open(self._paths[0], flags, 0o600)
        self._fixtures = os.open(self._paths[1], flags | os.O_APPEND, 0o600)

    def note_running(self, test: Span) -> None:
        """Note which test runs. What is longer in the file ends after the first record."""
        os.lseek(self._running, 0, os.SEEK_SET)
        os.write(self._running, self._seal.sealed(to_line(test)))

    def note_fixture(self, spans: Iterable[Span]) -> None:
        """Note a wider fixture that has been set up: its container and what is in it."""
        os.write(self._fixtures, b"".join(self._seal.sealed(to_line(span)) for span in spans))

    def note_uses(self, fixtures: Iterable[_Key], test: Any) -> None:
        """Note that a test uses fixtures."""
        for key in fixtures:
            self._note({"used": key, "by": item_uuid(test)})

    def note_end(self, fixture: _Key) -> None:
        """Note that the container of a fixture has been written."""
        self._note({"ended": fixture})

    def _note(self, line: dict[str, Any]) -> None:
        os.write(self._fixtures, self._seal.sealed(json.dumps(line).encode()))

    def close(self) -> None:
        """Remove it: the worker has written everything itself."""
        os.close(self._running)
        os.close(self._fixtures)
        for path in self._paths:
            with contextlib.suppress(OSError):
                path.unlink()


class Crashes:
    """Registered in the controller of pytest-xdist when the first worker is configured."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._seal = Seal()
        self._directory = tempfile.mkdtemp(prefix="otel-allure-workers-")
        self._dumps: dict[str, str] = {}

    def close(self) -> None:
        """Remove what workers have left; print what is news in it."""
        for path in Path(self._directory).glob("*.faults"):
            take(path)
        shutil.rmtree(self._directory, ignore_errors=True)

    def tell(self, node: Any) -> None:
        """Tell a worker where to write."""
        node.workerinput[INPUT] = self._directory, self._seal.key

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Write the fixtures of a worker that has died, and print what faulthandler has written."""
        with self._report.diagnostics.caught("printing what faulthandler has written"):
            path = Path(self._directory, f"{node.gateway.id}.faults")
            if dump := take(path, stderr_of(node.config)):
                self._dumps[node.gateway.id] = dump
        if error:
            with self._report.diagnostics.caught("taking the fixtures of a worker that has died"):
                path = _fixtures_path(self._directory, node.gateway.id)
                if path.exists():
                    self._write_fixtures(path)

    def _write_fixtures(self, path: Path) -> None:
        spans: list[Span] = []
        ended: set[int] = set()
        for record in self._seal.opened(path.read_bytes())[0]:
            if record.startswith(b"{"):
                noted = json.loads(record)
                if "ended" in noted:
                    ended.add(noted["ended"][0])
                else:
                    self._report.note_use(tuple(noted["used"]), noted["by"])
            else:
                spans += self._spans_in(record)
        now = now_ns()
        open_now = [span for span in spans if span.trace_id not in ended]
        self._report.add(span if span.end_ns else span._replace(end_ns=now) for span in open_now)

    def _spans_in(self, line: bytes) -> list[Span]:
        return [r for r in read_record(line, self._report.diagnostics) if isinstance(r, Span)]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Any:
        """Write the result of a test in which a worker has died."""
        try:
            return (yield)
        finally:
            node = getattr(report, "node", None)
            if str(report.when) == "???" and node is not None:
                with self._report.diagnostics.caught("taking a test whose worker has died"):
                    self._write_test(report, node.gateway)

    def _write_test(self, report: pytest.TestReport, gateway: Any) -> None:
        outcome = outcome_of_report(report, None)
        path = _running_path(self._directory, gateway.id)
        span = None
        if path.exists():  # else it is on another machine, for instance
            span = self._running_in(path, report.nodeid)
            if span is None:
                outcome = outcome._replace(message=f"{outcome.message}\n{NOT_BEGUN}")
        if span is None:
            span = _bare_span(report.nodeid)
        if how := _how_it_ended(gateway):
            outcome = outcome._replace(message=f"{outcome.message}\n{how}")
        message, trace = with_dump(
            outcome.message or "", outcome.trace, self._dumps.get(gateway.id)
        )
        outcome = outcome._replace(message=message, trace=trace)
        masked = self._report.presentation.redaction.text
        shown = outcome._replace(message=masked(message), trace=trace and masked(trace))
        if not self._report.directory.amend(item_uuid(span), shown):
            self._report.add([_ended(span, outcome)])

    def _running_in(self, path: Path, nodeid: str) -> Span | None:
        records, _ = self._seal.opened(path.read_bytes())
        found = self._spans_in(records[0]) if records else []
        path.unlink()
        return next((s for s in found if s.attributes.get(c.TEST_CASE_NAME) == nodeid), None)


def _how_it_ended(gateway: Any) -> str | None:
    """Return how the process of a worker ended, None if that cannot be known."""
    process = getattr(EXECNET_IO.of(gateway), "popen", None)
    if process is None or not gateway.spec.popen:  # that of ssh says nothing of the worker
        return None
    with contextlib.suppress(subprocess.TimeoutExpired):  # it has closed its pipe, and lives
        return f"The worker ended {how_it_ended(process.wait(_PATIENCE_S))}."
    return None


def _running_path(directory: str, worker: str) -> Path:
    return Path(directory, f"{worker}.running")


def _fixtures_path(directory: str, worker: str) -> Path:
    return Path(directory, f"{worker}.fixtures")


def _ended(span: Span, outcome: Outcome) -> Span:
    attributes = {**span.attributes, c.STATUS: outcome.status}
    if outcome.message:
        attributes[c.MESSAGE] = outcome.message
    if outcome.trace:
        attributes[c.TRACE] = outcome.trace
    return span._replace(end_ns=now_ns(), status="error", attributes=attributes)


def _bare_span(nodeid: str) -> Span:
    """Return a test's span with what its name alone says."""
    new = random.Random()  # noqa: S311 -- ids, no secrets
    name, attributes = metadata.known_by_name(nodeid)
    attributes = {c.KIND: c.TEST, c.TEST_CASE_NAME: nodeid, **attributes}
    ids = new.getrandbits(128) or 1, new.getrandbits(64) or 1
    return Span(*ids, None, False, name, "internal", now_ns(), None, attributes=attributes)
