"""Recorded spans of real instrumentations; tests/data/spans/README.md says what there is."""

from __future__ import annotations

import json
from pathlib import Path

from otel_allure.formats.otlp_reader import from_otlp
from otel_allure.model.spans import Span

_DIRECTORY = Path(__file__).parent / "data" / "spans"

RECORDINGS = sorted(path.stem for path in _DIRECTORY.glob("*.jsonl"))


def recording(name: str) -> list[Span]:
    """Return all spans of a recording, `aiohttp-new` for instance."""
    return [span for spans in cases(name).values() for span in spans]


def cases(name: str) -> dict[str, list[Span]]:
    """Return the traces of a recording, by the name of their root: what was done in it."""
    return {spans[0].name: spans for spans in read_jsonl(_DIRECTORY / f"{name}.jsonl")}


def read_jsonl(path: Path) -> list[list[Span]]:
    """Return the spans of each line of a file of OTLP/JSON.

    Raises:
        AssertionError: if something in it makes no sense.
    """

    def on_problem(doing: str, detail: object) -> None:
        raise AssertionError(f"{path.name}: {doing}: {detail}")

    lines = path.read_text("utf-8").splitlines()
    return [list(from_otlp(json.loads(line), on_problem)) for line in lines]
