"""`otel-allure run`."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from otel_allure.model import conventions as c
from otel_allure.model import settings
from otel_allure.model.texts import counted
from otel_allure.output.allure_json import masked_in
from otel_allure.output.fault_dumps import take
from otel_allure.output.sealed import Seal
from otel_allure.output.unfinished import how_it_ended, say_what_ended

# What makes the one-liner work: see `otel-allure run --help`.
_DEFAULTS = {
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_BSP_SCHEDULE_DELAY": "500",  # ms; 5 s would lose more when the program is killed
}

# What the script `opentelemetry-instrument` does, wherever it is installed.
_INSTRUMENT = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"

# It makes the program of its own process. Windows begins another one, and does not wait for it.
_WAITING = """
import os, subprocess, sys
os.execl = lambda path, _, *arguments: sys.exit(subprocess.call([path, *arguments]))
"""
_NO_SUCH_PROGRAM = 127  # as shells have it
_OF_SIGNAL = 128  # as shells have it
_EXEC_RETURNS = sys.platform == "win32"


def run_program(options: argparse.Namespace) -> int:
    """Run a program with an exporter of ours; return its exit code."""
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    if not program:
        print("otel-allure run: name the program, for example: python app.py", file=sys.stderr)
        return 2
    if importlib.util.find_spec("opentelemetry.distro") is None:
        print(
            "otel-allure run: this needs opentelemetry-distro: pip install 'otel-allure[auto]'",
            file=sys.stderr,
        )
        return 2
    directory = options.results_dir.absolute()
    environment = _environment(directory)
    if (wrong := _not_runnable(program[0], environment)) is not None:
        print(f"otel-allure run: {wrong}", file=sys.stderr)
        return _NO_SUCH_PROGRAM
    instrument = f"{_WAITING}{_INSTRUMENT}" if _EXEC_RETURNS else _INSTRUMENT
    command = [sys.executable, "-c", instrument, *program]
    if os.environ.get(c.WRITTEN):  # the `otel-allure run` above this one says it
        return _call(command, environment)
    with tempfile.TemporaryDirectory(prefix="otel-allure-run-") as temporary:
        written = Path(temporary, "written")
        written.touch()
        seal = Seal()
        faults = Path(temporary, "faults")
        told = {
            c.WRITTEN: str(written),
            c.JOURNAL: f"{seal.key}:{temporary}",
            c.FAULTS: f"{os.getpid()}:{faults}",
        }
        code = _call(command, {**environment, **told})
        dump = take(faults)
        _write_what_was_left(Path(temporary), seal, written)
        found = {Path(os.fsdecode(line)) for line in written.read_bytes().splitlines()}
    paths = [path for path in found if path.is_file()]
    _say_what_was_written(directory, paths)
    _say_how_it_ended(paths, code, dump)
    return code if code >= 0 else _OF_SIGNAL - code


def _write_what_was_left(directory: Path, seal: Seal, written: Path) -> None:
    """Write what was in no result when a process of the program died."""
    if not any(directory.glob("*.journal")):
        return
    from otel_allure.inputs.journal import write_what_was_left
    from otel_allure.output.report import Report

    found, _ = settings.read(settings.from_environment(os.environ))

    def report_of(path: str) -> Report:
        report = Report(path, settings=found)
        report.directory.note_written = str(written)
        return report

    number = write_what_was_left(directory, seal, report_of)
    if number:
        spans = counted(number, "span")
        print(f"otel-allure: {spans} of a process that died are in the results", file=sys.stderr)


def _not_runnable(program: str, environment: dict[str, str]) -> str | None:
    """Return what is wrong with a program, before anything of it is run."""
    if shutil.which(program, path=environment["PATH"]):
        return None
    if program.endswith(".py") and Path(program).is_file():
        return f"{program} is no program by itself: otel-allure run python {program}"
    if os.sep in program and Path(program).is_file():
        return f"{program} is not executable"
    return f"there is no program {program}"


def _say_what_was_written(directory: Path, paths: list[Path]) -> None:
    results = Counter(path.parent for path in paths if path.name.endswith(c.RESULT))
    if not results and os.environ.get(c.PARENT_REPORT):
        return  # all of it is in the results of the test that has started the program
    if masked := sum(masked_in(path.read_bytes()) for path in paths):
        values = "value is" if masked == 1 else "values are"
        print(f"otel-allure: {masked} {values} masked in the report", file=sys.stderr)
    for written_to, number in (results or {directory: 0}).items():
        counted = "1 result" if number == 1 else f"{number} results"
        print(f"otel-allure: {counted} written to {written_to}", file=sys.stderr)


def _say_how_it_ended(paths: list[Path], code: int, dump: str | None) -> None:
    """Say it here where a signal ended the program, and at tests that ran by then."""
    results = [path for path in paths if path.name.endswith(c.RESULT)]
    if dump is not None:
        from otel_allure.redaction.redaction import Redaction, secrets_in

        found, _ = settings.read(settings.from_environment(os.environ))
        dump = Redaction(found, secrets_in(os.environ, found)).text(dump)
    running = say_what_ended(results, code, dump)
    if code < 0 or running:
        were = "was" if running == 1 else "were"
        while_running = f"; {counted(running, 'test')} {were} running" if running else ""
        how = how_it_ended(code)
        print(f"otel-allure: the program ended {how}{while_running}", file=sys.stderr)


def _environment(directory: Path) -> dict[str, str]:
    exporters = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",")]
    others = [name for name in exporters if name not in ("", "allure", "none")]
    bin_directory = str(Path(sys.executable).parent)
    return {
        **_DEFAULTS,
        **os.environ,
        "OTEL_TRACES_EXPORTER": ",".join(["allure", *others]),
        c.RESULTS_DIR: str(directory),
        # `python` and the tools beside it are those of this environment.
        "PATH": os.pathsep.join([bin_directory, os.environ.get("PATH", "")]),
    }


def _call(command: list[str], environment: dict[str, str]) -> int:
    """Run a program to its end; signals go to it, and it decides what they mean."""
    with subprocess.Popen(command, env=environment) as process:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                signal.signal(number, lambda received, _: _pass_on(process, received))
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return process.wait()


def _pass_on(process: subprocess.Popen[bytes], number: int) -> None:
    # A terminal's Ctrl-C has reached the program already, as it is in the same group.
    if number != signal.SIGINT or not sys.stdin.isatty():
        process.send_signal(number)
