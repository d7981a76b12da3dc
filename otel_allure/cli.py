"""The command `otel-allure`: run a program so that its traces become results, look at results."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from otel_allure import __version__
from otel_allure.conventions import DEFAULT_RESULTS_DIR, RESULTS_DIR
from otel_allure.results_directory import masked_in
from otel_allure.tree import tree_lines

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(argv)
    code: int = options.command(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="otel-allure", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="run a program with all installed instrumentations; each trace becomes a result",
        description="Run a program under opentelemetry-instrument, with its traces exported to"
        " Allure results, beside the exporters that OTEL_TRACES_EXPORTER names. Metrics and logs"
        " are not exported unless OTEL_METRICS_EXPORTER or OTEL_LOGS_EXPORTER say so, since their"
        " default exporters need packages that may not be there.",
    )
    run.add_argument(
        "--results-dir",
        metavar="DIR",
        default=os.environ.get(RESULTS_DIR) or DEFAULT_RESULTS_DIR,
        help=f"where results go (default: ${RESULTS_DIR}, else allure-results)",
    )
    run.add_argument("program", nargs=argparse.REMAINDER, help="the program and its arguments")
    run.set_defaults(command=_run)

    tree = commands.add_parser("tree", help="print results as trees of steps")
    tree.add_argument("directory", nargs="?", default=DEFAULT_RESULTS_DIR, type=Path)
    tree.add_argument("--test", metavar="NAME", help="only results whose name contains this")
    tree.set_defaults(command=_tree)
    return parser


# -- run


def _run(options: argparse.Namespace) -> int:
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
    before = _results(directory, "*")
    instrument = f"{_WAITING}{_INSTRUMENT}" if _EXEC_RETURNS else _INSTRUMENT
    code = _call([sys.executable, "-c", instrument, *program], _environment(directory))
    files = _results(directory, "*")
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


def _results(directory: Path, pattern: str = "*-result.json") -> dict[Path, int]:
    files = (path for path in directory.glob(pattern) if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files}


# -- tree


def _tree(options: argparse.Namespace) -> int:
    shown: list[tuple[int, str, list[str]]] = []
    wrong = 0
    for path in sorted(_results(options.directory)):
        try:
            result = json.loads(path.read_bytes())
            name = str(result.get("name"))
            if not options.test or options.test in name:
                shown.append((int(result.get("start") or 0), name, list(tree_lines(result))))
        except Exception as error:  # it is being written, or was not written by us
            wrong += 1
            print(f"otel-allure tree: {path} cannot be read: {error}", file=sys.stderr)
    for _, _, lines in sorted(shown):
        print("\n".join(lines))
    if not shown and not wrong:
        print(f"otel-allure tree: no such results in {options.directory}", file=sys.stderr)
    return 0 if shown and not wrong else 1


if __name__ == "__main__":
    sys.exit(main())
