"""One report being written: spans in, files out. Holds the traces in flight, from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from typing import Any

import allure_commons

from otel_allure.problems import Problems
from otel_allure.results_directory import ResultsDirectory
from otel_allure.spans import Span
from otel_allure.to_results import is_container, is_session, to_container, to_results
from otel_allure.traces import Trace, Traces


class Report:
    """Where finished spans go.

    Args:
        path: the directory of results.
        only_tests: whether traces without a test are kept back, as pytest's plugin does; they are
            then given by `others`, not written as results.
    """

    def __init__(self, path: str | os.PathLike[str], *, only_tests: bool = False) -> None:
        self.problems = Problems(log=not only_tests)
        self.directory = ResultsDirectory(path, self.problems)
        self.only_tests = only_tests
        self.others: list[Trace] = []
        """Traces without a test, where `only_tests` is set."""
        self._traces = Traces()
        self._users: dict[tuple[int, int], list[str]] = {}
        self._reentrant = threading.RLock()  # a listener of ours may end a span while we write

    def hold(self, trace_id: int) -> None:
        """Note that a test of this trace runs: nothing else in it makes it finished."""
        with self._reentrant:
            self._traces.hold(trace_id)

    def started(self, trace_id: int, span_id: int) -> None:
        """Note that a span has started."""
        with self._reentrant:
            self._traces.started(trace_id, span_id)

    def add(self, spans: Iterable[Span]) -> None:
        """Take ended spans in and write what is finished."""
        with self._reentrant:
            for trace in self._traces.add(spans):
                self._write(trace)

    def settle(self, unfinished: Iterable[Span] = ()) -> None:
        """Write everything that is known, with the spans that have not ended."""
        with self._reentrant:
            for trace in self._traces.add(unfinished):
                self._write(trace)
            for trace in self._traces.settle():
                self._write(trace)

    def forget(self) -> None:
        """Drop what is in flight, as a forked child does: it is its parent's to write."""
        self._reentrant = threading.RLock()
        self._traces = Traces()

    # -- out

    def _write(self, trace: Trace) -> None:
        with self.problems.caught("translating a trace"):
            if trace.has_test:
                self._write_results(trace)
            elif any(map(is_container, trace.spans.values())):
                self._write_container(trace)
            elif not self.only_tests:
                self._write_results(trace)
            elif trace not in self.others and not all(map(is_session, trace.spans.values())):
                self.others.append(trace)

    def _write_container(self, trace: Trace) -> None:
        children = [
            uuid
            for span in trace.spans.values()
            for uuid in self._users.get((span.trace_id, span.span_id), ())
        ]
        container = to_container(trace.spans.values(), children)
        if container is not None and children:  # both report tools drop one without children
            self.publish("report_container", container=container)

    def _write_results(self, trace: Trace) -> None:
        translated = to_results(trace.spans.values())
        for result in translated.results:
            self.publish("report_result", result=result)
        for container in translated.containers:
            self.publish("report_container", container=container)
        for used, uuid in translated.uses:
            users = self._users.setdefault(used, [])
            if uuid not in users:
                users.append(uuid)
        uuids = {result.uuid for result in translated.results}
        for superseded in trace.written - uuids:  # a root, until its parent came
            self.directory.discard(superseded)
        trace.written = uuids

    def publish(self, hook: str, **arguments: Any) -> None:
        """Write through the hooks of allure_commons, so that other listeners get it too."""
        with self.problems.caught(f"an Allure listener's {hook}"):
            if not allure_commons.plugin_manager.is_registered(self.directory):
                getattr(self.directory, hook)(**arguments)
            getattr(allure_commons.plugin_manager.hook, hook)(**arguments)
