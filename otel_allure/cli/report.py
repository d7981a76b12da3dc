"""`otel-allure report`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path

from otel_allure.cli.result_files import check_results
from otel_allure.output.report_tools import HOW_TO_GET, ReportTool, find_tools, quoted


def render_report(options: argparse.Namespace) -> int:
    """Make a report of results, one HTML file, and say where it is; return the exit code."""
    results: Path = options.directory
    check_results(results)
    tools = list(find_tools())
    if not tools:
        command = f"{HOW_TO_GET} open {quoted([str(results)])}"
        print(f"otel-allure report: there is no Allure here: {command}", file=sys.stderr)
        return 2
    page = options.output.absolute() / "index.html"
    if not any(_render(tool, results.absolute(), page) for tool in tools):
        return 1
    print(f"Report: {page.as_uri()}")
    if options.open and not webbrowser.open(page.as_uri()):
        print("otel-allure report: there is no browser to open it with", file=sys.stderr)
    return 0


def _render(tool: ReportTool, results: Path, page: Path) -> bool:
    """Render a report, and return whether it is there; what the tool says is shown if it is not.

    It is rendered elsewhere and moved: Allure 2 removes all that is in the directory.
    """
    fetched = ", which npx fetches the first time" if tool.shown[0] == "npx" else ""
    print(f"Rendering with Allure {tool.version}{fetched} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="otel-allure-report-") as temporary:
        rendered = Path(temporary, "report")
        command = tool.rendering(str(results), str(rendered))
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "ALLURE_NO_ANALYTICS": "true"},
            check=False,
        )
        if done.returncode == 0 and (rendered / page.name).is_file():
            page.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(rendered / page.name, page)
            return True
    print(done.stdout.decode(errors="replace"), file=sys.stderr)
    print(f"otel-allure report: this did not work: {quoted(command)}", file=sys.stderr)
    return False
