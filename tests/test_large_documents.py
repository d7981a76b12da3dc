"""A large JSON document is read in parts, and says what it says as a whole."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_allure.inputs import large_documents, trace_files
from otel_allure.inputs.trace_files import read_parts
from otel_allure.model.spans import Record


def span(number: int, **more: Any) -> dict[str, Any]:
    return {
        "traceId": f"{number % 7 + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "name": 'with "quotes", [brackets] {and} \\',
        "startTimeUnixNano": str(10**18 + number),
        "endTimeUnixNano": str(10**18 + number + 5),
        "attributes": [{"key": "scope", "value": {"stringValue": "spans"}}],
        **more,
    }


def resource(name: str) -> dict[str, Any]:
    return {"attributes": [{"key": "service.name", "value": {"stringValue": name}}]}


def otlp(*sizes: int, each: int = 3, **names: str) -> dict[str, Any]:
    """Return a document with a resource for each size, which has scopes of so many spans."""
    numbers = count()
    return {
        names.get("resources", "resourceSpans"): [
            {
                "resource": resource(f"service {n}"),
                names.get("scopes", "scopeSpans"): [
                    {
                        "scope": {"name": f"scope {m}"},
                        "spans": [span(next(numbers)) for _ in range(size)],
                    }
                    for m in range(each)
                ],
                "schemaUrl": "https://example.org/{[",
            }
            for n, size in enumerate(sizes)
        ]
    }


def last_first(document: Any) -> Any:
    """Return a document with its members in the reverse order."""
    if isinstance(document, dict):
        return {name: last_first(document[name]) for name in reversed(document)}
    return list(map(last_first, document)) if isinstance(document, list) else document


LOG = {
    "timeUnixNano": "1",
    "traceId": f"{1:032x}",
    "spanId": f"{1:016x}",
    "body": {"stringValue": "x"},
}
JAEGER = {
    "data": [
        {
            "traceID": f"{n:x}",
            "spans": [
                {
                    "traceID": f"{n:x}",
                    "spanID": f"{n * 100 + m:x}",
                    "operationName": "op",
                    "references": [],
                    "startTime": 10**15 + m,
                    "duration": 5,
                    "processID": "p1",
                }
                for m in range(5)
            ],
            "processes": {"p1": {"serviceName": f"service {n}", "tags": []}},
        }
        for n in range(1, 9)
    ],
    "total": 0,
    "errors": None,
}
DOCUMENTS = {
    "resources": otlp(4, 0, 9, 30),
    "one scope": otlp(90, each=1),
    "old names": otlp(9, 9, resources="batches", scopes="instrumentationLibrarySpans"),
    "snake": otlp(9, 9, resources="resource_spans", scopes="scope_spans"),
    "members reversed": last_first(otlp(9, 9)),
    "wrapped": {"result": {"data": otlp(9, 9), "more": [1, {"spans": [2]}]}},
    "a list": [otlp(9), otlp(3, 3)],
    "with logs": {**otlp(20), "resourceLogs": [{"scopeLogs": [{"logRecords": [LOG] * 40}]}]},
    "Jaeger": JAEGER,
    "Zipkin": [
        {"traceId": f"{n:032x}", "id": f"{n:016x}", "name": "get", "timestamp": n, "duration": 1}
        for n in range(1, 40)
    ],
}


class Slow(io.RawIOBase):
    """A file that gives few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step, self._at = data, step, 0

    def read(self, size: int = -1) -> bytes:
        self._at += self._step
        return self._data[self._at - self._step : self._at]


def records(text: str, step: int) -> tuple[list[Record], list[tuple[str, str]], int]:
    """Return what is in a text, what is told of it, and in how many parts it was read."""
    told: list[tuple[str, str]] = []
    parts = list(
        read_parts(Slow(text.encode(), step), lambda at, what: told.append((at, str(what))))  # type: ignore[arg-type]
    )
    return [record for part in parts for record in part.content.records], told, len(parts)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"PIECE": 700, "_LARGE": 1_000, "_LONGEST_ENTRY": 9_000, "_LONGEST_BEGINNING": 600}
    for name, size in sizes.items():
        monkeypatch.setattr(large_documents, name, size)
    monkeypatch.setattr(trace_files, "_HEAD", 64)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_says_what_it_says_as_a_whole(
    name: str, indent: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(DOCUMENTS[name], indent=indent) + "\n" + json.dumps(otlp(1))
    in_parts = [records(text, step) for step in (1, 97, 4_096, len(text))]
    monkeypatch.setattr(large_documents, "_LARGE", 1 << 30)
    whole, told, _ = records(text, len(text))
    assert whole
    for found, told_then, _ in in_parts:
        assert found == whole
        assert told_then == told
    if name not in ("Zipkin", "members reversed"):
        assert min(parts for _, _, parts in in_parts[:2]) > 3


@pytest.mark.usefixtures("small")
@settings(max_examples=40)
@given(
    st.recursive(
        st.text(max_size=9),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["spans", "resource", "scope", "data", "resourceSpans", "x"]), inner
            )
        ),
    ),
    st.integers(1, 99),
)
def test_any_document_is_whole_in_its_pieces(value: Any, step: int) -> None:
    """Of what is no traces, too, every entry of every list is in one of the pieces."""
    text = json.dumps(
        {"resourceSpans": [otlp(9)["resourceSpans"][0], {"y": value}, {"y": value}] * 3}
    )
    cut = [text[at : at + step] for at in range(0, len(text), step)]
    pieces = ["".join(piece.texts) for piece in large_documents.in_pieces(cut)]
    entries = [entry for piece in pieces for entry in json.loads(piece)["resourceSpans"]]
    assert [entry["y"] for entry in entries if "y" in entry] == [value] * 6


@pytest.mark.usefixtures("small")
def test_what_is_wrong_in_it_is_told_with_its_line() -> None:
    lines = json.dumps(otlp(30), indent=1).splitlines()
    broken = next(n for n, line in enumerate(lines) if n > 500 and '"name"' in line)
    lines[broken] = lines[broken].replace(":", "=")
    found, told, _ = records("\n".join(lines), 100)
    assert 40 < len(found) < 90
    assert told[0][0] == f"line {broken + 1}"


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_of_one_that_is_cut_all_whole_spans_are_there(share: float) -> None:
    text = json.dumps(otlp(40, 40))
    cut = text[: int(len(text) * share)]
    found, told, _ = records(cut, 100)
    whole = cut.count('"attributes": [{"key": "scope", "value": {"stringValue": "spans"}}]}')
    assert len(found) == whole
    assert "not complete" in told[-1][1]


def test_it_is_never_in_memory_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in {"PIECE": 1 << 15, "_LARGE": 1 << 16, "_LONGEST_BEGINNING": 1 << 12}.items():
        monkeypatch.setattr(large_documents, name, size)
    beginning, end = json.dumps(otlp(1, each=1)).split(json.dumps(span(0)))
    entry = json.dumps(span(0))

    def chunks() -> Iterator[str]:
        yield beginning
        for _ in range(5_000):
            yield entry + ","
        yield entry + end

    tracemalloc.start()
    try:
        sizes = [sum(map(len, piece.texts)) for piece in large_documents.in_pieces(chunks())]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(sizes) > 1_200_000
    assert peak < 500_000


@pytest.mark.usefixtures("small")
def test_it_is_looked_at_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has nothing to cut, as it is deep or has a long text, takes no time for each part."""
    taken: list[int] = []

    def counted(texts: Iterator[str], least: int) -> tuple[str, Iterator[str]]:
        taken.append(least)
        return original(texts, least)

    original = large_documents._taken
    monkeypatch.setattr(large_documents, "_taken", counted)
    monkeypatch.setattr(large_documents, "_LONGEST_ENTRY", 1 << 20)
    deep = '{"resourceSpans":[' + "[" * 300_000
    long = json.dumps(otlp(1, each=1)).replace("with ", "with " + "x" * 300_000)
    for text, most in ((deep, 3), (long, 20)):
        taken.clear()
        cut = (text[at : at + 100] for at in range(0, len(text), 100))
        assert "".join("".join(piece.texts) for piece in large_documents.in_pieces(cut)) == text
        assert len(taken) <= most
