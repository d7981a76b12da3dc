"""`otel-allure convert`."""

from __future__ import annotations

import argparse
import contextlib
import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from otel_allure import __version__
from otel_allure.formats.otlp_protobuf import MissingProtobufError
from otel_allure.inputs.compressed import MissingZstdError
from otel_allure.inputs.trace_files import UnknownFormatError, read_parts
from otel_allure.inputs.trace_store import TraceStore
from otel_allure.model import settings
from otel_allure.model.conventions import ATTACHMENT_SOURCES, RESULT
from otel_allure.model.texts import counted
from otel_allure.output.merging import (
    merge_results,
    missing_attachments,
    put_into_tests,
    results_in,
)
from otel_allure.output.report import Report
from otel_allure.recording.recorder import Recorder

_MOST_TOLD = 20
"""Problems of one file that are told; the others are counted."""
_SETTLED_EACH = 200
"""Traces after which what waits is written, so that it does not pile up."""
LOGS_OUTSIDE = "Logs outside of traces"


def convert_files(options: argparse.Namespace) -> int:
    """Make results of files of traces; return the exit code."""
    found, wrong = settings.read(settings.from_environment(os.environ))
    if wrong:
        print(f"otel-allure convert: {'; '.join(wrong)}", file=sys.stderr)
        return 2
    told = _Told()
    sources = list(_sources(options.files, options.output, told))
    in_folders = [source.path for source in sources if source.path and not source.is_named]
    results = results_in(in_folders)
    sources = [source for source in sources if source.path not in set(results)]
    with TraceStore() as store, _progress() as progress:
        for source in progress(sources, "Reading"):
            _read(source, store, told)
        if not store.counts.total() and not results:
            told.say_that_nothing_was_found()
            return 2
        try:
            options.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            print(f"otel-allure convert: {options.output}: {error.strerror}", file=sys.stderr)
            return 2
        report = Report(options.output, settings=found, whole_traces=True)
        if not _merge(results, report, told):
            return 2
        names_files = bool(results)
        if store.counts.total():
            names_files |= _write(report, store, progress)
        if results:
            put_into_tests(report.directory)
        if names_files:
            _tell_missing(report, told)
    _say(report, store, told)
    return 1 if told.incomplete or report.diagnostics.counts else 0


# -- in


class _Source(NamedTuple):
    """Where traces are read from.

    Attributes:
        path: None for standard input.
        is_named: whether it was named, not found in a folder.
    """

    path: Path | None
    is_named: bool

    @property
    def name(self) -> str:
        """What it is called, for people."""
        return "standard input" if self.path is None else str(self.path)

    def open(self) -> BinaryIO:
        """Open it; standard input stays open for others."""
        if self.path is None:
            return open(sys.stdin.fileno(), "rb", closefd=False)
        return self.path.open("rb")


class _Told:
    """What was told about the files.

    Attributes:
        incomplete: whether something in them is missing from the results.
        metrics: how many there are.
    """

    def __init__(self) -> None:
        self.incomplete = False
        self.metrics = 0
        self._others: list[tuple[str, str]] = []

    def problem(self, source: str, place: str, detail: object) -> None:
        """Tell what is wrong with a part of a file."""
        self.incomplete = True
        where = f"{source}, {place}" if place else source
        print(f"otel-allure convert: {where}: {detail}", file=sys.stderr)

    def unknown(self, source: _Source, what: object) -> None:
        """Note a file in which nothing was recognised; in a folder, there may be some."""
        self._others.append((source.name, str(what)))
        if source.is_named:
            self.problem(source.name, "", f"no traces are in it, it looks like this: {what}")

    def left_out(self) -> list[str]:
        """Return the names of files in folders that are something else."""
        return [name for name, _ in self._others]

    def say_that_nothing_was_found(self) -> None:
        """Say what the files are instead."""
        if not self.incomplete:
            for name, what in self._others[:_MOST_TOLD]:
                print(f"otel-allure convert: {name}: it looks like this: {what}", file=sys.stderr)
        if self.metrics:
            told = counted(self.metrics, "metric")
            print(f"otel-allure convert: what is there: {told}", file=sys.stderr)
        print("otel-allure convert: there are no traces to convert", file=sys.stderr)


def _sources(names: Iterable[str], output: Path, told: _Told) -> Iterator[_Source]:
    for name in names:
        path = Path(name)
        if name == "-":
            yield _Source(None, True)
        elif path.is_dir():
            yield from (_Source(each, False) for each in _files_in(path, output))
        elif path.exists():
            yield _Source(path, True)
        elif matches := sorted(glob.glob(name, recursive=True)):  # noqa: PTH207 - of users, absolute too
            yield from _sources(matches, output, told)
        else:
            told.problem(name, "", "there is no such file")


def _files_in(folder: Path, output: Path) -> Iterator[Path]:
    """Yield the files in a folder and those below, but for hidden ones and for results of ours."""
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and path.is_file() and output.absolute() not in path.absolute().parents:
            yield path


def _read(source: _Source, store: TraceStore, told: _Told) -> None:
    count = 0

    def on_problem(place: str, detail: object) -> None:
        nonlocal count
        count += 1
        if count <= _MOST_TOLD:
            told.problem(source.name, place, detail)

    try:
        with source.open() as file:
            for part in read_parts(file, on_problem):
                told.metrics += part.content.metrics
                store.add(part.content.records)
    except UnknownFormatError as error:
        told.unknown(source, error)
    except (OSError, MissingProtobufError, MissingZstdError) as error:
        told.problem(source.name, "", error)
    if count > _MOST_TOLD:
        told.problem(source.name, "", f"and {count - _MOST_TOLD} more of this kind")


# -- out


def _merge(results: list[Path], report: Report, told: _Told) -> bool:
    """Copy results of others into the directory, and return whether that was possible."""
    try:
        merged = merge_results(results, report.directory, told.problem) if results else 0
    except OSError as error:
        told.problem(str(report.directory.path), "", error)
        return False
    if merged:
        print(f"{counted(merged, 'result')} merged", file=sys.stderr)
    return True


def _write(report: Report, store: TraceStore, progress: Any) -> bool:
    """Write results of all traces; return whether any of them names attachments."""
    names_files = False
    for number, trace in enumerate(progress(store.traces(report.diagnostics.add), "Writing"), 1):
        names_files |= any(ATTACHMENT_SOURCES in record.attributes for record in trace.records)
        report.add(trace.records)
        if number % _SETTLED_EACH == 0:
            report.settle()
    report.closed = True
    report.settle()
    Recorder(report).write_logs_outside(LOGS_OUTSIDE)
    report.write_run_files({"otel-allure": __version__})
    return names_files


def _tell_missing(report: Report, told: _Told) -> None:
    """Tell which results name attachments that are in none of the directories."""
    missing = list(missing_attachments(report.directory.path))
    for path, names in missing[:_MOST_TOLD]:
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        attachments = counted(len(names), "attachment")
        told.problem(str(path), "", f"{attachments} missing: {shown}")
    if len(missing) > _MOST_TOLD:
        told.problem("results", "", f"and {len(missing) - _MOST_TOLD} more of this kind")


def _say(report: Report, store: TraceStore, told: _Told) -> None:
    for line in report.diagnostics.lines():
        print(f"otel-allure convert: {line}", file=sys.stderr)
    if others := told.left_out():
        shown = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
        print(f"otel-allure convert: no traces in {shown}", file=sys.stderr)
    counts = store.counts
    read = [counted(counts["spans"], "span"), counted(counts["traces"], "trace")]
    read += [counted(counts["logs"], "log record")] if counts["logs"] else []
    read += [f"{counted(told.metrics, 'metric')} (not shown)"] if told.metrics else []
    if report.masked:
        verb = "is" if report.masked == 1 else "are"
        print(f"{counted(report.masked, 'value')} {verb} masked in the report", file=sys.stderr)
    results = sum(1 for _ in report.directory.path.glob(f"*{RESULT}"))
    print(f"{', '.join(read)}: {counted(results, 'result')} in {report.directory.path}")


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """Yield what shows how far a loop is, on a terminal and where rich is installed."""
    try:
        if not sys.stderr.isatty():
            raise ImportError
        from rich.console import Console
        from rich.progress import Progress
    except ImportError:
        yield lambda things, what: things
        return
    with Progress(console=Console(stderr=True), transient=True) as shown:
        yield lambda things, what: shown.track(things, description=what)
