"""The command `otel-allure`: run a program so that its traces become results, look at results."""

# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from otel_allure import __version__
from otel_allure.cli.result_files import NoResultsError
from otel_allure.model.conventions import DEFAULT_RESULTS_DIR, RESULTS_DIR
from otel_allure.output.tally import STATUSES

_BROKEN_PIPE = 128 + 13
_INTERRUPTED = 128 + 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    parser = _parser()
    if "COMP_LINE" in os.environ:  # the shell asks what could come next
        with contextlib.suppress(ImportError):
            importlib.import_module("argcomplete").autocomplete(parser)
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 0
    try:
        code: int = options.command(options)
        if sys.stdout is not None:  # somebody has closed it
            sys.stdout.flush()
    except NoResultsError as error:
        print(f"otel-allure {options.name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # whoever reads has seen enough
        _drop_the_rest()
        return _BROKEN_PIPE
    except OSError as error:  # a full disk, for example
        print(f"otel-allure {options.name}: {error}", file=sys.stderr)
        _drop_the_rest()
        return 1
    return code


def _drop_the_rest() -> None:
    """See to it that Python does not write what is left when it ends."""
    if sys.stdout is not None:
        with contextlib.suppress(OSError, ValueError):  # it is no file, in tests for example
            number = sys.stdout.fileno()
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="otel-allure", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(metavar="COMMAND", dest="name")
    _add_run(commands)
    _add_tree(commands)
    _add_report(commands)
    _add_convert(commands)
    _add_receive(commands)
    _add_receive_grpc(commands)
    return parser


def _add_run(commands: Any) -> None:
    run: argparse.ArgumentParser = commands.add_parser(
        "run",
        help="run a program with all installed instrumentations; each trace becomes a result",
        description="Run a program under opentelemetry-instrument, with its traces exported to"
        " Allure results, beside the exporters that OTEL_TRACES_EXPORTER names. Metrics and logs"
        " are not exported unless OTEL_METRICS_EXPORTER or OTEL_LOGS_EXPORTER say so, since their"
        " default exporters need packages that may not be there.",
        epilog="Exit code: that of the program; 2: nothing was run; 127: there is no such program.",
    )
    _add_results_dir(run, "--results-dir")
    run.add_argument("program", nargs=argparse.REMAINDER, help="the program and its arguments")
    run.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    from otel_allure.cli.run import run_program

    return run_program(options)


def _add_tree(commands: Any) -> None:
    tree: argparse.ArgumentParser = commands.add_parser(
        "tree",
        help="print results as trees of steps",
        description="Print results as trees of steps, failed ones first. Colours and the width are"
        " those of the terminal; NO_COLOR and FORCE_COLOR are heeded.",
        epilog="Exit code: 0; 1: no result is like that, or a file could not be read; 2: the"
        " directory has no results.",
    )
    _add_directory(tree)
    tree.add_argument("--test", metavar="NAME", help="only tests with this in their name")
    tree.add_argument(
        "--failed",
        dest="status",
        action="store_const",
        const=("failed", "broken"),
        help="only what has failed or is broken",
    )
    tree.add_argument(
        "--status",
        metavar="STATUS",
        type=_statuses,
        help=f"only tests with one of these, separated by commas: {', '.join(STATUSES)}",
    ).completer = lambda **_: STATUSES  # type: ignore[attr-defined]  # for shells
    tree.add_argument(
        "--fixtures",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="also set-up and tear-down (default: yes)",
    )
    tree.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="(default: auto)"
    )
    tree.add_argument(
        "--width", metavar="COLUMNS", type=int, help="cut lines at so many columns; 0: never"
    )
    tree.set_defaults(command=_tree)


def _tree(options: argparse.Namespace) -> int:
    from otel_allure.cli.tree import print_tree

    return print_tree(options)


def _add_report(commands: Any) -> None:
    report: argparse.ArgumentParser = commands.add_parser(
        "report",
        help="make a report of results, one HTML file",
        description="Make a report of results, one HTML file, with the Allure that is here:"
        " `allure` (3 or 2), else Allure 3 by npx.",
        epilog="Exit code: 0; 1: the report could not be made; 2: the directory has no results, or"
        " there is no Allure.",
    )
    _add_directory(report)
    report.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=Path("allure-report"),
        help="where its index.html goes (default: allure-report)",
    )
    report.add_argument("--open", action="store_true", help="open it in a browser")
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> int:
    from otel_allure.cli.report import render_report

    return render_report(options)


def _add_convert(commands: Any) -> None:
    convert: argparse.ArgumentParser = commands.add_parser(
        "convert",
        help="make results of files of traces: OTLP, Jaeger, Zipkin",
        description="Make results of files of traces, whatever has written them: OTLP as JSON or"
        " protobuf (the Collector's file exporter, exporters of SDKs, Tempo), Jaeger's JSON,"
        " Zipkin's. They are recognised by their content, also if compressed. Settings are those"
        " of the environment, OTEL_EXPORTER_ALLURE_MAX_STEPS for example.",
        epilog="Exit code: 0; 1: a part of the files could not be read, or attachments are"
        " missing, the rest is converted; 2: there is nothing to convert.",
    )
    convert.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a file, a folder, a pattern as of shells, or - for standard input",
    )
    _add_results_dir(convert, "-o", "--output")
    convert.set_defaults(command=_convert)


def _convert(options: argparse.Namespace) -> int:
    from otel_allure.cli.convert import convert_files

    return convert_files(options)


def _add_receive(commands: Any) -> None:
    receive: argparse.ArgumentParser = commands.add_parser(
        "receive",
        help="receive spans by OTLP/HTTP and make results of them",
        description="Receive spans and log records by OTLP/HTTP, as JSON or protobuf, and make"
        " results of their traces: until it is interrupted, or until PROGRAM has ended, which is"
        " told by its environment where to send them. Settings are those of the environment,"
        " OTEL_EXPORTER_ALLURE_RECEIVER_TOKEN for example.",
        epilog="Exit code: 0, or that of the program; 2: nothing can be received; 127: there is no"
        " such program.",
    )
    receive.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="where to listen (default: a free port of this machine)",
    )
    _add_results_dir(receive, "-o", "--output")
    receive.add_argument("program", nargs=argparse.REMAINDER, help="a program and its arguments")
    receive.set_defaults(command=_receive)


def _receive(options: argparse.Namespace) -> int:
    from otel_allure.cli.receive import receive

    return receive(options)


def _add_receive_grpc(commands: Any) -> None:
    grpc: argparse.ArgumentParser = commands.add_parser(
        "receive-grpc",
        help="receive spans by OTLP/gRPC and pass them on to a receiver",
        description="Receive by OTLP/gRPC, for programs that know nothing else, and pass it on to"
        " a receiver, that of pytest --allure-otel-receiver or otel-allure receive, until it is"
        " interrupted. It is a process of its own, since gRPC and forks do not mix. Settings are"
        " those of the environment.",
        epilog="Exit code: 0; 2: nothing can be received.",
    )
    grpc.add_argument(
        "endpoint",
        nargs="?",
        metavar="ENDPOINT",
        help="of the receiver (default: $OTEL_EXPORTER_OTLP_ENDPOINT)",
    )
    grpc.add_argument(
        "--address",
        metavar="HOST:PORT",
        default="127.0.0.1:0",
        help="where to listen (default: a free port of this machine)",
    )
    grpc.set_defaults(command=_receive_grpc)


def _receive_grpc(options: argparse.Namespace) -> int:
    from otel_allure.cli.receive_grpc import receive_grpc

    return receive_grpc(options)


def _add_results_dir(command: argparse.ArgumentParser, *names: str) -> None:
    command.add_argument(
        *names,
        metavar="DIR",
        type=Path,
        default=Path(os.environ.get(RESULTS_DIR) or DEFAULT_RESULTS_DIR),
        help=f"where results go (default: ${RESULTS_DIR}, else {DEFAULT_RESULTS_DIR})",
    )


def _add_directory(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "directory",
        nargs="?",
        default=DEFAULT_RESULTS_DIR,
        type=Path,
        help=f"of results (default: {DEFAULT_RESULTS_DIR})",
    )


def _statuses(text: str) -> tuple[str, ...]:
    statuses = tuple(text.split(","))
    for status in statuses:
        if status not in STATUSES:
            raise argparse.ArgumentTypeError(f"{status!r} is none of {', '.join(STATUSES)}")
    return statuses


if __name__ == "__main__":
    sys.exit(main())
