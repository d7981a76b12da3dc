"""`otel-allure run`."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

from otel_allure.cli.result_files import read_results
from otel_allure.model.conventions import RESULTS_DIR
from otel_allure.output.allure_json import masked_in

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
    directory = Path(options.results_dir).absolute()
    before = read_results(directory, "*")
    instrument = f"{_WAITING}{_INSTRUMENT}" if _EXEC_RETURNS else _INSTRUMENT
    code = _call([sys.executable, "-c", instrument, *program], _environment(directory))
    files = read_results(directory, "*")
    written = [path for path, changed in files.items() if before.get(path) != changed]
    results = sum(path.name.endswith("-result.json") for path in written)
    masked = sum(masked_in(path.read_bytes()) for path in written)
    if masked:
        values = "value is" if masked == 1 else "values are"
        print(f"otel-allure: {masked} {values} masked in the report", file=sys.stderr)
    print(f"otel-allure: {results} results written to {directory}", file=sys.stderr)
    return code


def _environment(directory: Path) -> dict[str, str]:
    exporters = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",")]
    others = [name for name in exporters if name not in ("", "allure", "none")]
    bin_directory = str(Path(sys.executable).parent)
    return {
        **_DEFAULTS,
        **os.environ,
        "OTEL_TRACES_EXPORTER": ",".join(["allure", *others]),
        RESULTS_DIR: str(directory),
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
