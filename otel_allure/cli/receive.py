"""`otel-allure receive`."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from importlib.util import find_spec

from otel_allure import __version__
from otel_allure.inputs.arrivals import TOO_MANY, Bounds, told_in_result, variables_for
from otel_allure.inputs.otlp_receiver import OtlpReceiver
from otel_allure.model import settings
from otel_allure.model.spans import Log, Record, Span
from otel_allure.model.texts import counted
from otel_allure.output.report import Report
from otel_allure.recording.recorder import Recorder
from otel_allure.translation.linked_traces import LinkedTraces

LOGS_OUTSIDE = "Logs outside of traces"
_NO_SUCH_PROGRAM = 127


def receive(options: argparse.Namespace) -> int:
    """Receive until a program ends, or until it is interrupted; return the exit code."""
    given = {"receiver_address": ("--address", options.address)} if options.address else {}
    found, wrong = settings.read(given, settings.from_environment(os.environ))
    if wrong:
        print(f"otel-allure receive: {'; '.join(wrong)}", file=sys.stderr)
        return 2
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    if program and shutil.which(program[0]) is None:
        print(f"otel-allure receive: there is no program {program[0]}", file=sys.stderr)
        return _NO_SUCH_PROGRAM
    live = _Live(Report(options.output, settings=found))
    try:
        receiver = OtlpReceiver(
            live.take, found, live.report.diagnostics, token=found.receiver_token
        )
    except (OSError, ValueError) as error:
        print(f"otel-allure receive: {found.receiver_address}: {error}", file=sys.stderr)
        return 2
    receiver.start()
    print(f"otel-allure: OTLP/HTTP is received at {receiver.endpoint}", file=sys.stderr, flush=True)
    try:
        code = _call(program, receiver) if program else until_signal()
    finally:
        receiver.stop()
        live.close()
    return code


class _Live:
    """The report of what is received."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self._lock = threading.Lock()
        self._linked = LinkedTraces()
        self._bounds = Bounds(report.settings, report.diagnostics)
        self._counts: Counter[int] = Counter()
        self._spans = 0

    def take(self, records: list[Record]) -> list[str]:
        """Take records in, and write what is finished; return why some are not taken."""
        most = self.report.settings.receiver_max_spans
        with self._lock:
            taken: dict[int, list[Record]] = {}
            refused: list[str] = []
            for record in records:
                bounded = self._bounds.applied(record)
                if isinstance(bounded, Span):
                    self._linked.note(bounded)
                self._counts[record.trace_id] += 1
                count = self._counts[record.trace_id]
                if count <= most:
                    taken.setdefault(record.trace_id, []).append(bounded)
                    continue
                refused.append(TOO_MANY)
                self.report.diagnostics.add("receiving spans, spans left out", TOO_MANY)
                if count == most + 1:
                    note = told_in_result(record.trace_id, record)
                    taken.setdefault(record.trace_id, []).append(note)
            self._spans += len(records) - len(refused)
            for trace_id, its in taken.items():
                self.report.add(self._at_home(trace_id, its))
        return refused

    def _at_home(self, trace_id: int, records: list[Record]) -> list[Record]:
        """Return records as a part of the test's trace that they belong into by links."""
        home = self._linked.home(trace_id)
        if home == trace_id:
            return records
        records = [*self.report.take_back(trace_id), *records]
        spans = self._linked.moved([r for r in records if isinstance(r, Span)], trace_id)
        return [*spans, *(r._replace(trace_id=home) for r in records if isinstance(r, Log))]

    def close(self) -> None:
        """Write what is left, and say what was written."""
        report = self.report
        report.closed = True
        report.settle()
        Recorder(report).write_logs_outside(LOGS_OUTSIDE)
        written = report.directory.results_written
        if self._spans:
            report.write_run_files({"otel-allure": __version__})
        for line in report.diagnostics.lines():
            print(f"otel-allure receive: {line}", file=sys.stderr)
        results = counted(written, "result")
        print(f"{self._spans:,} spans and log records: {results} in {report.directory.path}")


def until_signal() -> int:
    """Wait until somebody says that it is enough, by Ctrl-C or as `docker stop` does."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    while not over.wait(1):  # Windows interrupts no longer wait
        pass
    return 0


def _call(program: list[str], receiver: OtlpReceiver) -> int:
    protocol = "http/protobuf" if find_spec("opentelemetry.proto") else "http/json"
    run = os.urandom(8).hex()
    told = variables_for(receiver.endpoint, protocol, receiver.token, run, os.environ)
    code = subprocess.call(program, env={**os.environ, **told})
    return code if code >= 0 else 128 - code  # as shells say that a signal has ended it
