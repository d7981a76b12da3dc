"""Bytes of any kind: each body has an answer, each file ends, and no exception is anybody's."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from otel_allure.inputs import json_documents
from otel_allure.inputs.otlp_http import (
    JSON,
    PROTOBUF,
    SIGNALS,
    RefusedError,
    failure,
    inflated,
    records_of,
    success,
)
from otel_allure.inputs.trace_files import UnknownFormatError, read_parts
from otel_allure.model.spans import Event, Link, Log, Span
from otel_allure.testing.spans import build_span
from otel_allure.translation.to_results import to_results

from .trace_formats import FORMATS

ROOT = Path(__file__).parent.parent
MOST = 1 << 16
SPANS = [
    build_span("GET /", 1, kind="server", attributes={"a": 1, "b": ["x", 2.5], "c": {"d": True}}),
    build_span(
        "SELECT", 2, 1, kind="client", status="error",
        events=[Event("exception", 5, {"exception.message": "oh"})], links=[Link(7, 8)],
    ),
]  # fmt: skip
FILES = {name: make(SPANS) for name, make in FORMATS.items()}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
}

odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
cuts = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(0, 40), st.binary(max_size=12)), max_size=5
)


def changed(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return bytes of which some pieces have become others."""
    result = bytearray(data)
    for at, length, piece in edits:
        at %= len(result) + 1
        result[at : at + length] = piece
    return bytes(result)


def replaced(document: object, at: int, value: object) -> object:
    """Return a JSON document whose `at`th value is another one."""
    left = at

    def walk(each: object) -> object:
        nonlocal left
        left -= 1
        if left == -1:
            return value
        if isinstance(each, dict):
            return {key: walk(inner) for key, inner in each.items()}
        return [walk(inner) for inner in each] if isinstance(each, list) else each

    return walk(document)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Files that were good, or are none."""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return draw(st.binary(max_size=200))
    data = FILES[draw(st.sampled_from(sorted(FILES)))]
    if kind == 1 and data[:1] in b"{[" and b"\n" not in data:
        try:
            document = json.loads(data)
        except ValueError:  # several of them
            return changed(data, draw(cuts))
        data = json.dumps(replaced(document, draw(st.integers(0, 150)), draw(odd))).encode()
    return changed(data, draw(cuts)) if kind == 2 else data


def assert_refused(kind: str, refused: RefusedError) -> None:
    assert refused.status in (400, 413, 415)
    answer = failure(kind, refused.status, str(refused))
    told = json.loads(answer.body) if kind == JSON else Status.FromString(answer.body)
    assert told["message"] if kind == JSON else told.message


@settings(max_examples=250, deadline=None)
@given(
    files(), st.sampled_from(sorted(SIGNALS)), st.sampled_from((JSON, PROTOBUF)),
    st.sampled_from(sorted(PACKED)), cuts | st.just([]),
)  # fmt: skip
def test_each_body_has_an_answer_of_the_protocol(data, path, kind, encoding, edits):
    """Records, or a status; and the answer is such a message."""
    body = changed(PACKED[encoding](data), edits)
    try:
        whole = inflated([body[:50], body[50:]], encoding, MOST)
        assert len(whole) <= MOST
        records, rejected, warnings = records_of(path, kind, whole)
    except RefusedError as refused:
        assert_refused(kind, refused)
        return
    assert all(isinstance(record, (Span, Log)) for record in records)
    answer = success(path, kind, rejected, warnings)
    assert answer.status == 200
    if kind == PROTOBUF:
        partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
        assert partial.rejected_spans == len(rejected)
    else:
        assert isinstance(json.loads(answer.body), dict)


@settings(max_examples=250, deadline=None)
@given(files())
def test_each_file_is_read_or_told(data):
    """What it has becomes results, whatever that is; else it is said what it looks like."""
    told: list[object] = []
    records: list[object] = []
    try:
        for part in read_parts(io.BytesIO(data), lambda place, detail: told.append(detail)):
            records += part.content.records
    except UnknownFormatError as unknown:
        told.append(unknown)
    assert all(map(str, told))
    spans = [record for record in records if isinstance(record, Span)]
    assert bool(to_results(spans).results) == bool(spans)


BOMBS = {
    "a line": lambda: io.BytesIO(b'{"a": "' + b"a" * 300_000),
    "spaces": lambda: io.BytesIO(b"{" + b" " * 300_000),
    "a document of many lines": lambda: io.BytesIO(b'{"a": [' + b"1,\n" * 100_000),
    "gzip": lambda: io.BytesIO(gzip.compress(b"{" + b" " * 300_000)),
    "zstd": lambda: io.BytesIO(zstandard.compress(b"[" + b"{}, " * 100_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_too_large_is_not_kept(monkeypatch, name):
    """One document, or a line without an end; what comes after it is read."""
    monkeypatch.setattr(json_documents, "LARGEST", 100_000)
    told: list[tuple[str, object]] = []
    with pytest.raises(UnknownFormatError):
        list(read_parts(BOMBS[name](), lambda *each: told.append(each)))
    assert ("line 1", "the document is too large") in told


class Endless(io.RawIOBase):
    """A line that goes on for 64 MiB."""

    left = 64 << 20

    def read(self, size: int = -1) -> bytes:
        self.left -= size
        return b"a" * size if self.left >= 0 else b""


def test_a_line_without_an_end_takes_no_memory(monkeypatch):
    monkeypatch.setattr(json_documents, "LARGEST", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(UnknownFormatError):
            list(read_parts(Endless(), print))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_comes_after_a_line_that_is_too_large_is_read(monkeypatch):
    monkeypatch.setattr(json_documents, "LARGEST", 100_000)
    told: list[tuple[str, object]] = []
    file = io.BytesIO(b'{"a": "' + b"a" * 900_000 + b'"}\n' + FILES["one document"])
    parts = list(read_parts(file, lambda *each: told.append(each)))
    assert [len(list(part.content.records)) for part in parts] == [2]
    assert told == [("line 1", "the document is too large")]


def test_bytes_that_are_led_by_what_they_reach(tmp_path):
    """A second of `tools/fuzz_otlp.py`, where atheris is."""
    pytest.importorskip("atheris", reason="pip install -e . --group fuzz")
    command = [sys.executable, str(ROOT / "tools" / "fuzz_otlp.py"), "--seconds", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Done " in done.stderr
    assert not list(tmp_path.iterdir())
