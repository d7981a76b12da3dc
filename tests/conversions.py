"""The table of docs/trace-files.md, made by converting each file that it names.

python -m tests.conversions --write
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from otel_allure.cli import main as cli
from otel_allure.model.spans import Span
from otel_allure.testing.results import Results, steps, tree

from .recorded import read_jsonl
from .trace_formats import FORMATS, TEMPO, dumped, lines, message, one_by_one, to_otlp

PAGE = Path(__file__).parent.parent / "docs" / "trace-files.md"
BEGIN, END = "<!-- made by tests/conversions.py -->\n", "<!-- until here -->\n"
DATA = Path(__file__).parent / "data"
CHECKOUT = [s for spans in read_jsonl(DATA / "otlp" / "checkout-js.jsonl") for s in spans]
EACH_SPAN_A_STEP = {
    f"OTEL_EXPORTER_ALLURE_{name}": value
    for name, value in {
        "FOLD": "0",
        "MAX_STEPS": "0",
        "FINDINGS": "",
        "JOIN_CALLS": "off",
        "ONLY_REQUESTS": "off",
        "WATERFALL": "off",
        "ATTACH_HTTP": "off",
        "ATTACH_SQL": "off",
        "ENVIRONMENT": "off",
    }.items()
}

REAL = {
    "traces/collector-file-exporter.jsonl": "the Collector's file exporter, all signals",
    "traces/jaeger-hotrod-error_timeout_masked.json": "OTLP/JSON of Jaeger",
    "traces/jaeger-hotrod-n_plus_one_near_miss.json": "the same",
    "traces/jaeger-hotrod-n_plus_one_positive.json": "the same",
    "traces/jaeger-v3-api-result.json": "Jaeger's API, version 3",
    "traces/jaeger-ui-rideshare-go.json": "Jaeger's own JSON",
    "traces/jaeger-ui-otlp-multi-lines.txt": "OTLP/JSON, a document a line",
    "traces/zipkin-yelp.json": "Zipkin, version 2; client and server share ids",
    "traces/zipkin-skew.json": "the same; clocks that differ",
    "traces/rust-sdk-traces.json": "Rust's SDK, through the Collector",
    "traces/java-logging-otlp-wrapper.json": "Java's logging exporter",
    "traces/otlp-proto-example-trace.json": "the protocol's own example",
    "otlp/checkout-js.jsonl": "JavaScript's exporter, JSON",
    "otlp/checkout-js.pb": "JavaScript's exporter, protobuf",
}
"""Files that others wrote: what each is."""


def rotated(folder: Path) -> None:
    """Write the spans as a Collector for each of two services leaves them, some of them twice."""
    parts = [CHECKOUT[:7], CHECKOUT[5:12], CHECKOUT[12:]]
    (folder / "deep").mkdir()
    (folder / "spans.jsonl").write_bytes(lines(one_by_one(parts[2])))
    (folder / "spans-2026.jsonl").write_bytes(lines(one_by_one(parts[0])))
    (folder / "deep" / "a.pb.gz").write_bytes(gzip.compress(message(parts[1])))


def a_file_a_span(folder: Path) -> None:
    for number, span in enumerate(CHECKOUT):
        (folder / f"{number}.json").write_bytes(dumped(to_otlp([span])))


def merged(folder: Path) -> None:
    """Write all of it twice, in two formats."""
    (folder / "a.json").write_bytes(dumped(to_otlp(CHECKOUT)))
    (folder / "b.json").write_bytes(FORMATS[TEMPO](CHECKOUT))


def _one_file(make: Callable[[list[Span]], bytes]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "spans").write_bytes(make(CHECKOUT))

    return write


MADE: Mapping[str, Callable[[Path], None]] = {
    **{name: _one_file(make) for name, make in FORMATS.items()},
    "split over three files, some spans in two of them": rotated,
    "a file a span": a_file_a_span,
    "merged: the same in two formats": merged,
}
"""Forms of one trace; each writes it to a folder."""


class Converted(NamedTuple):
    """What became of files."""

    code: int
    results: Results
    told: str

    @property
    def spans(self) -> int:
        """How many were read."""
        return int(self.told.splitlines()[-1].split()[0].replace(",", ""))

    @property
    def stand_ins(self) -> int:
        """Results for parents that are in no file."""
        return sum("which has not come" in result["name"] for result in self.results.results)

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return sum(1 for result in self.results.results for _ in steps(result))

    @property
    def shown(self) -> int:
        """How many spans are a result or a step."""
        return len(self.results.results) - self.stand_ins + self.steps

    @property
    def shape(self) -> object:
        """Names, outcomes and trees, and what identifies each result."""
        its = self.results.results
        return sorted((r["uuid"], r["name"], r["status"], repr(tree(r))) for r in its)

    def notes(self) -> list[str]:
        """Return what is to be said beside the numbers."""
        counts, *_ = self.told.splitlines()[-1].partition(": ")
        found = counts.split(", ")[2:]
        if self.stand_ins:
            found.append(f"{self.stand_ins} of the results for parents that are missing")
        moved = [
            parameter["value"]
            for result in self.results.results
            for step in steps(result)
            for parameter in step.get("parameters", ())
            if parameter["name"] == "clock"
        ]
        found += [f"clock: {value}" for value in moved]
        if twice := self.spans - self.shown:
            found.append(f"{twice} of the spans are there twice")
        problems = [line for line in self.told.splitlines() if line.startswith("otel-allure ")]
        return found + [line.rpartition(": ")[2] for line in problems]


def convert(*files: Path) -> Converted:
    """Convert files as the command does, with a step for each span."""
    output = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as directory,
        mock.patch.dict(os.environ, EACH_SPAN_A_STEP),
        contextlib.redirect_stderr(output),
        contextlib.redirect_stdout(output),
    ):
        code = cli.main(["convert", *map(str, files), "-o", f"{directory}/results"])
        return Converted(code, Results(Path(directory, "results")), output.getvalue())


def convert_made(name: str) -> Converted:
    """Convert one of `MADE`."""
    with tempfile.TemporaryDirectory() as directory:
        MADE[name](Path(directory))
        return convert(Path(directory))


def _row(name: str, what: str, converted: Converted) -> str:
    numbers = (converted.spans, len(converted.results.results), converted.steps)
    cells = (name, what, *map(str, numbers), "; ".join(converted.notes()))
    return f"| {' | '.join(cells)} |".replace("  ", " ")


def real_row(name: str, converted: Converted) -> str:
    """Return the row of one of `REAL`."""
    return _row(f"`{name.partition('/')[2]}`", REAL[name], converted)


def made_row(name: str, converted: Converted) -> str:
    """Return the row of one of `MADE`."""
    return _row("made", name, converted)


def table() -> str:
    """Return the table."""
    head = ["| file | what it is | spans | results | steps | notes |", "|---|---|---|---|---|---|"]
    real = (real_row(name, convert(DATA / name)) for name in REAL)
    made = (made_row(name, convert_made(name)) for name in MADE)
    return "\n".join([*head, *real, *made, ""])


def page(rows: str) -> str:
    """Return the page with a table."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return before + BEGIN + rows + END + rest.partition(END)[2]


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(table()), "utf-8")
    else:
        print(table())
