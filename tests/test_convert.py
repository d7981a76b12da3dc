"""`otel-allure convert`: files of traces in, results out."""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
import zlib
from functools import partial
from pathlib import Path

import pytest

from otel_allure.cli import main as cli
from otel_allure.inputs import compressed, trace_files
from otel_allure.inputs.trace_store import TraceStore
from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Link, Log, Span
from otel_allure.output import merging
from otel_allure.output.report import Report
from otel_allure.testing.results import Results, steps, tree
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation.clock_skew import in_their_parents
from otel_allure.translation.linked_traces import LinkedTraces
from otel_allure.translation.shared_ids import with_own_ids
from otel_allure.translation.trace_buffer import Trace as TraceOfBuffer

from . import conversions
from .conversions import CHECKOUT, DATA
from .trace_formats import (
    FORMATS,
    by_trace,
    dumped,
    jaeger_trace,
    lines,
    message,
    one_by_one,
    to_otlp,
    with_lengths,
    zipkin_spans,
)

TRACES = DATA / "traces"


@pytest.fixture(autouse=True)
def plain_steps(only_steps, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_FINDINGS", "")
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_ONLY_REQUESTS", "off")
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_JOIN_CALLS", "off")


@pytest.fixture
def convert(tmp_path, capsys):
    """Convert files; return the exit code, the results, and what was printed."""

    def convert(*names: str | Path, output: str = "results") -> tuple[int, Results, str]:
        code = cli.main(["convert", *map(str, names), "-o", str(tmp_path / output)])
        return code, Results(tmp_path / output), "".join(reversed(capsys.readouterr()))

    return convert


def shape(results: Results) -> object:
    return sorted((r["name"], r["status"], repr(tree(r))) for r in results.results)


# -- one table: spans in, steps out

ROWS = conversions.PAGE.read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", conversions.REAL)
def test_files_of_others(name):
    """Each span is a result or a step; the page says so (`python -m tests.conversions --write`)."""
    converted = conversions.convert(DATA / name)
    assert (converted.code, converted.shown) == (0, converted.spans)
    assert conversions.real_row(name, converted) in ROWS


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    path = tmp_path_factory.mktemp("expected") / "plain.json"
    path.write_bytes(dumped(to_otlp(CHECKOUT)))
    return conversions.convert(path).shape


@pytest.mark.parametrize("name", conversions.MADE)
def test_the_same_trace_in_any_form(expected, name):
    """However it is written, packed, ordered, split and merged."""
    converted = conversions.convert_made(name)
    assert converted.code == int("log" in name), converted.told
    assert converted.shape == expected
    assert conversions.made_row(name, converted) in ROWS


def test_the_table_has_nothing_else():
    rows = [row for row in ROWS if row.startswith("| ") and not row.startswith("| file ")]
    assert len(rows) == len(conversions.REAL) + len(conversions.MADE)


@pytest.mark.parametrize("most", [1000, 10], ids=["in memory", "in files"])
def test_the_order_of_spans_does_not_matter(convert, tmp_path, monkeypatch, most):
    """Also for calls outside of requests, which are one result: converted twice, it is one."""
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_ONLY_REQUESTS", "on")
    monkeypatch.setattr("otel_allure.cli.convert.TraceStore", partial(TraceStore, held=most))
    calls = [
        build_span(f"call {n}", n, kind="client", start_ns=n)._replace(
            trace_id=99 - n // 2, scope="opentelemetry.instrumentation.redis"
        )
        for n in range(1, 40)
    ]
    for seed in range(3):
        chance = random.Random(seed)
        spans = chance.sample(calls, len(calls))
        (tmp_path / f"{seed}").write_bytes(lines(one_by_one(spans)))
        assert convert(tmp_path / f"{seed}")[0] == 0
    names = [path.name for path in (tmp_path / "results").glob("*-result.json")]
    assert len(names) == 1


def test_other_files_in_folders_are_told(convert, tmp_path):
    conversions.MADE["split over three files, some spans in two of them"](tmp_path)
    (tmp_path / ".hidden").write_text("no")
    (tmp_path / "README").write_text("about these files")
    code, found, told = convert(tmp_path)
    assert (code, len(found.results)) == (0, 2)
    assert "no traces in" in told
    assert "README" in told
    code, again, _ = convert(tmp_path / "**" / "*.jsonl", tmp_path / "deep", output="2")
    assert (code, shape(again)) == (0, shape(found))


def test_standard_input(convert, tmp_path, monkeypatch):
    path = tmp_path / "spans"
    path.write_bytes(lines(one_by_one(CHECKOUT)))
    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, found, _ = convert("-")
    assert code == 0
    assert len(found.results) == 2


# -- what is broken

LINES = lines(one_by_one(CHECKOUT)).splitlines(keepends=True)
BROKEN = {
    "a line": (b"".join([*LINES[:3], b'{"resourceSpans": [}\n', *LINES[3:]]), "line 4: ", 19),
    "a line that was cut": (
        b"".join([*LINES[:3], LINES[3][:100] + b"\n", *LINES[4:]]),
        "line 4: ",
        18,
    ),
    "the last line": (b"".join([*LINES[:-1], LINES[-1][:100]]), "line 19: ", 18),
    "a line of something else": (b"".join([*LINES, b'{"answer": 42}\n']), "line 20: ", 19),
    "a level too many": (b"".join([*LINES, b"[" * 200_000 + b"\n"]), "line 20: ", 19),
    "a number too long": (b"".join([*LINES, b'{"a":' + b"9" * 5000 + b"}\n"]), "line 20: ", 19),
    "a span": (lines([*one_by_one(CHECKOUT), to_otlp([build_span("x", 0)])]), "line 20: ", 19),
    "no UTF-8": (b"".join([*LINES, b'{"\xff": "\xfe"}\n']), "line 20: ", 19),
    "gzip that was cut": (gzip.compress(b"".join(LINES))[:-20], "gzip: it ends too early", 18),
    "gzip before something else": (
        gzip.compress(b"".join(LINES[:9])) + b"".join(LINES[9:]),
        "gzip: what follows it is",
        9,
    ),
    "gzip before zstd": (
        gzip.compress(b"".join(LINES[:9])) + FORMATS["zstd of lines"](CHECKOUT),
        "gzip: what follows it is",
        9,
    ),
    "a message": (
        with_lengths([message(CHECKOUT[:9]), b"\n\x04abcd", message(CHECKOUT[9:])]),
        "message 2: ",
        19,
    ),
    "the last message": (
        with_lengths([message([s]) for s in CHECKOUT])[:-5],
        "the last message is not complete",
        18,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_told_and_the_rest_converted(convert, tmp_path, name):
    content, told, spans = BROKEN[name]
    path = tmp_path / "spans"
    path.write_bytes(content)
    code, _, printed = convert(path)
    assert code == 1
    assert f"{path}, {told}" in printed or f"{path}: {told}" in printed
    assert f"\n{spans} spans" in printed


WHOLE = {
    "one document": to_otlp,
    "with indents": to_otlp,
    "Jaeger": lambda spans: {"data": list(map(jaeger_trace, by_trace(spans)))},
    "Zipkin": zipkin_spans,
}


@pytest.mark.parametrize("packed", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", WHOLE)
def test_a_document_that_was_cut_has_its_whole_spans(convert, tmp_path, name, packed):
    """Wherever it was: what is there of the last span is none."""
    content = dumped(WHOLE[name](CHECKOUT), indent=2 if name == "with indents" else None)
    numbers = []
    for share in (0.6, 0.75, 0.9):
        data = packed(content)
        (tmp_path / "spans").write_bytes(data[: int(len(data) * share)])
        code, found, told = convert(tmp_path / "spans", output=f"{share}")
        assert code == 1
        assert "not complete" in told
        assert "looks like" not in told
        assert not any("nfinished" in repr(result) for result in found.results)
        numbers.append(sum(1 + len(list(steps(result))) for result in found.results))
    assert 0 < numbers[0] < numbers[1] < numbers[2] <= len(CHECKOUT) + 1, numbers


def test_a_directory_that_cannot_be_written(convert, tmp_path):
    (tmp_path / "spans").write_bytes(dumped(to_otlp(CHECKOUT)))
    (tmp_path / "file").touch()
    for output in ("file", "file/below"):
        code, _, told = convert(tmp_path / "spans", output=output)
        assert (code, f"{tmp_path / output}: " in told) == (2, True)


OTHERS = {
    "an HTML page": b"<!DOCTYPE html><html></html>",
    "an Allure result": dumped({"uuid": "1", "historyId": "2", "name": "a test"}),
    "a trace for Chrome's viewer": dumped({"traceEvents": []}),
    "JSON without spans, with 'name', 'version'": dumped({"name": "x", "version": 1}, indent=1),
    "a list of Zipkin's JSON, version 1": dumped(
        [{"traceId": "1", "id": "2", "binaryAnnotations": []}]
    ),
    "a ZIP archive": b"PK\x03\x04" + bytes(100),
    "binary, it begins with 00 01": b"\0\1" * 100,
    "text, not JSON": b"nothing\nof interest\n",
    "empty": b"",
    "an empty list": b"[]",
}


@pytest.mark.parametrize("what", OTHERS)
def test_nothing_recognised_is_an_error_that_says_what_it_looks_like(convert, tmp_path, what):
    (tmp_path / "file").write_bytes(OTHERS[what])
    code, found, told = convert(tmp_path / "file")
    assert (code, found.results) == (2, [])
    assert f"it looks like this: {what}" in told
    assert not (tmp_path / "results").exists()


def test_metrics_alone_are_nothing_to_convert(convert, tmp_path):
    metric = {"name": "requests", "sum": {"dataPoints": []}}
    document = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    (tmp_path / "file").write_bytes(dumped(document))
    code, _, told = convert(tmp_path / "file")
    assert code == 2
    assert "what is there: 1 metric\n" in told


def test_what_is_not_there(convert, tmp_path):
    (tmp_path / "spans").write_bytes(dumped(to_otlp(CHECKOUT)))
    code, found, told = convert(tmp_path / "no-such", tmp_path / "spans")
    assert (code, len(found.results)) == (1, 2)
    assert "no-such: there is no such file" in told
    (tmp_path / "folder").mkdir()
    assert convert(tmp_path / "folder")[0] == 2


def test_without_the_packages_it_says_what_to_install(convert, tmp_path, monkeypatch):
    (tmp_path / "a.pb").write_bytes(message(CHECKOUT))
    (tmp_path / "a.zst").write_bytes(FORMATS["zstd of lines"](CHECKOUT))
    monkeypatch.setattr("otel_allure.formats.otlp_protobuf._signals", {})
    for name in ("opentelemetry.proto.trace.v1.trace_pb2", "zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    code, _, told = convert(tmp_path / "a.pb", tmp_path / "a.zst")
    assert code == 2
    assert told.count("pip install 'otel-allure[otlp]'") == 2


CALL = {"http.request.method": "GET", "url.full": "http://h/?password=s3cr3t-v4lue"}


def test_secrets_are_masked(convert, tmp_path):
    spans = [build_span("GET /", 1, kind="client", attributes=CALL)]
    (tmp_path / "spans").write_bytes(dumped(to_otlp(spans)))
    _, found, _ = convert(tmp_path / "spans")
    assert "s3cr3t-v4lue" not in json.dumps(found.results)
    assert "http://h/?password=****" in json.dumps(found.results)


def test_padding_after_gzip_is_nothing_else(convert, tmp_path):
    """Also a single byte that is the last of what is read at a time."""
    packed = gzip.compress(b"".join(LINES))
    (tmp_path / "tape").write_bytes(packed + bytes(compressed.CHUNK - len(packed)) + packed + b"\0")
    code, _, told = convert(tmp_path / "tape")
    assert code == 0
    assert "\n38 spans" in told


def test_a_bomb_is_unpacked_in_pieces():
    """A document that is too large costs itself alone."""
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(40)) + packer.flush()
    pieces = list(map(len, compressed.unpacked(iter([bomb]))))
    assert sum(pieces) == 40 << 20
    assert max(pieces) <= compressed.CHUNK


def test_logs_join_their_steps(convert, tmp_path):
    (span,) = one_by_one([build_span("GET /", 1)])
    ids = span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    log = {"traceId": ids["traceId"], "spanId": ids["spanId"], "severityNumber": 9}
    log |= {"body": {"stringValue": "here we are"}, "timeUnixNano": "1"}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}
    (tmp_path / "mixed").write_bytes(lines([logs, span]))
    _, found, _ = convert(tmp_path / "mixed")
    (attachment,) = found["GET /"]["attachments"]
    assert "INFO" in found.body(attachment)
    assert "here we are" in found.body(attachment)


# -- whole traces, whatever their size and order


def records(traces: int) -> list[Span | Log]:
    found: list[Span | Log] = []
    for trace_id in range(1, traces + 1):
        root = build_span(f"root {trace_id}", 1)._replace(trace_id=trace_id)
        child = build_span("child", 2, 1, attributes={"bytes": b"x", "list": (1, None)})
        child = child._replace(events=(Event("e", 1, {"a": 1}),), links=(Link(9, 9),))
        found += [root, child._replace(trace_id=trace_id), Log(trace_id, 2, 5, "INFO", "l", "t")]
    return found[::2] + found[1::2]


def whole(store: TraceStore, spans: list[Span | Log]) -> dict[int, list[Span | Log]]:
    with store:
        for record in spans:
            store.add([record])
        return {t.trace_id: sorted(t.records, key=repr) for t in store.traces(print)}


def test_what_does_not_fit_into_memory_gives_the_same():
    expected = whole(TraceStore(), records(30))
    assert len(expected) == 30
    assert whole(TraceStore(held=7, shares=4), records(30)) == expected


@pytest.mark.parametrize("held", [2, 1000])
def test_linked_traces_are_in_the_trace_of_their_test(held):
    """A message sends another one; what no test has caused stays where it is."""
    test = build_span("test", 1, attributes={c.TEST_CASE_NAME: "test"})
    sent = build_span("send", 2, 1, kind="producer")
    hops = [
        build_span("process", 3, kind="consumer")._replace(
            trace_id=77, links=[Link(test.trace_id, 2)]
        ),
        build_span("process again", 4, kind="consumer")._replace(trace_id=78, links=[Link(77, 3)]),
        build_span("inner", 5, 4)._replace(trace_id=78),
        build_span("by baggage", 6, attributes={c.TEST_TRACE: f"{test.trace_id:032x}"})._replace(
            trace_id=79
        ),
        build_span("alone", 7)._replace(trace_id=80, links=[Link(81, 1)]),
    ]
    spans = [*hops, sent, test]
    found = whole(TraceStore(held=held, shares=8), list(spans))
    assert set(found) == {test.trace_id, 80}
    parents = {s.name: s.parent_id for s in found[test.trace_id]}
    assert parents == {
        "test": None, "send": 1, "process": 2, "process again": 3, "inner": 4, "by baggage": None,
    }  # fmt: skip


def test_links_in_a_circle_lead_nowhere():
    linked = LinkedTraces()
    for here, there in ((1, 2), (2, 3), (3, 1)):
        linked.note(build_span("x", 1)._replace(trace_id=here, links=[Link(there, 1)]))
    assert linked.home(1) == 1


def test_orphans_of_one_missing_parent_are_one_result(tmp_path):
    report = Report(tmp_path, settings=Settings(fold=0))
    spans = [build_span(f"call {n}", n, 99) for n in range(1, 17)]
    report.add([*spans, build_span("other", 20, 98)])
    report.settle()
    found = {r["name"]: len(r.get("steps", ())) for r in Results(tmp_path).results}
    assert found == {"Span 0000000000000063, which has not come": 16, "other": 0}
    report.add([build_span("their parent", 99)])
    report.settle()
    assert Results(tmp_path)["their parent"]["steps"]
    assert len(Results(tmp_path).results) == 2


def test_directories_of_results_are_merged(convert, tmp_path):
    """Two machines have consumers below one span, which a third has; OTLP has one more below."""

    def of(service: str, *spans: Span) -> list[Span]:
        return [span._replace(resource={"service.name": service}) for span in spans]

    parts = {
        "one": of("a", build_span("GET /", 1), build_span("send", 2, 1, kind="producer")),
        "two": of("b", build_span("take b", 3, 2, kind="consumer", parent_is_remote=True)),
        "three": of("c", build_span("take c", 4, 2, kind="consumer", parent_is_remote=True)),
    }
    for name, spans in parts.items():
        report = Report(tmp_path / "in" / name)
        report.add(spans)
        report.directory.report_attached_data("text", f"{name}-attachment.txt")
    code, found, told = convert(tmp_path / "in")
    assert (code, "3 results merged" in told) == (0, True)
    (result,) = found.results
    names = ["send", "take b (b)", "take c (c)"]
    assert sorted(step["name"] for step in steps(result)) == names
    assert len(list((tmp_path / "results").glob("*-attachment.txt"))) == 3
    late = of("d", build_span("take d", 5, 4, kind="consumer", parent_is_remote=True))
    (tmp_path / "spans").write_bytes(dumped(to_otlp(late)))
    for source in ("spans", "in"):  # OTLP that belongs below results; then they are merged again
        code, found, _ = convert(tmp_path / source)
        (result,) = found.results
        assert sorted(step["name"] for step in steps(result)) == [*names, "take d (d)"]


NO_RESULTS = {
    "truncated": ('{"name": "a", "uuid": ', "it is no whole JSON"),
    "empty": ("", "it is no whole JSON"),
    "a list": ("[]", "it is no object: list"),
}


@pytest.mark.parametrize("kind", ["result", "container"])
def test_results_that_cannot_be_read_are_told(convert, tmp_path, kind):
    """And left out; the others are merged, whoever has written them."""
    folder = tmp_path / "in"
    folder.mkdir()
    others = {"name": "x", "steps": None, "stop": None, "parameters": [None, {"name": "trace_id"}]}
    parametrized = {"name": "y", "parameters": [{"name": "trace_id", "value": "'no id'"}]}
    for name, item in (("x", others), ("y", parametrized)):
        (folder / f"{name}-result.json").write_bytes(dumped(item))
    for name, (text, _) in NO_RESULTS.items():
        (folder / f"{name}-{kind}.json").write_text(text, "utf-8")
    code, found, told = convert(folder)
    assert (code, [result["name"] for result in found.results]) == (1, ["x", "y"])
    assert found.containers == []
    for name, (_, why) in NO_RESULTS.items():
        assert f"{folder / name}-{kind}.json: left out, {why}" in told
    assert told.count("left out") == len(NO_RESULTS)


@pytest.mark.parametrize("source", ["results", "spans"])
def test_attachments_that_are_nowhere_are_told(convert, tmp_path, source):
    """Spans name files of the tests' results, which may not have been given."""
    files = ["a-attachment.txt", "b-attachment.txt"]
    attached = {c.ATTACHMENT_NAMES: ["a", "b"], c.ATTACHMENT_SOURCES: files}
    attached[c.ATTACHMENT_TYPES] = ["text/plain"] * 2
    test = build_span("test_it", 1, attributes={c.KIND: c.TEST, c.FULL_NAME: "t#it"})
    spans = [test, build_span("step", 2, 1, attributes={c.KIND: c.STEP, **attached})]
    report = Report(tmp_path / "run", settings=Settings(waterfall="off"))
    report.add(spans)
    report.directory.report_attached_data("text", files[0])
    (tmp_path / "spans").write_bytes(dumped(to_otlp(spans)))
    given = [tmp_path / "run"] if source == "results" else [tmp_path / "spans"]
    code, found, told = convert(*given)
    missing = {"results": "1 attachment missing: b\n"}
    missing["spans"] = "2 attachments missing: a, b\n"
    assert (code, len(found.results), missing[source] in told) == (1, 1, True)
    (tmp_path / "run" / files[1]).write_text("text", "utf-8")
    assert convert(*given, tmp_path / "run", output="whole")[0] == 0


# -- clocks, ids

MS = 1_000_000


def call(client: tuple[int, int], server: tuple[int, int], kind: str = "client") -> list[Span]:
    """Return a client's span, its server's, and one below that; times in ms."""
    asked = "server" if kind == "client" else "consumer"
    there = {"service.name": "there"}
    return [
        build_span("ask", 1, kind=kind, start_ns=client[0] * MS, end_ns=client[1] * MS)._replace(
            resource={"service.name": "here"}
        ),
        build_span(
            "serve", 2, 1, kind=asked, start_ns=server[0] * MS, end_ns=server[1] * MS
        )._replace(resource=there),
        build_span("think", 3, 2, start_ns=server[0] * MS, end_ns=server[1] * MS)._replace(
            resource=there, events=(Event("e", server[0] * MS),)
        ),
    ]


CLOCKS = [
    # client, server, kind, start of the server's afterwards
    ((1000, 1100), (400, 460), "client", 1020),
    ((1000, 1100), (5000, 5060), "client", 1020),
    ((1000, 1100), (400, 900), "client", 1000),  # it took longer than the client waited
    ((1000, 1100), (1020, 1050), "client", 1020),
    ((1000, 1100), (1020, 1180), "client", 1020),  # it ends later, as servers do
    ((1000, 1100), (9000, 9100), "producer", 9000),  # a message may wait
    ((1000, 1100), (400, 500), "producer", 1000),
]


@pytest.mark.parametrize(("client", "server", "kind", "start"), CLOCKS)
def test_clocks_that_differ_are_put_right(client, server, kind, start):
    spans = call(client, server, kind)
    ask, serve, think = in_their_parents(spans)
    assert ask == spans[0]
    assert serve.start_ns == think.start_ns == think.events[0].time_ns == start * MS
    assert serve.end_ns - serve.start_ns == spans[1].end_ns - spans[1].start_ns
    moved = start - server[0]
    assert serve.attributes.get(c.CLOCK_OFFSET, 0) == moved
    assert c.CLOCK_OFFSET not in think.attributes


def test_a_corrected_clock_is_told(tmp_path):
    report = Report(tmp_path)
    report.add(call((1000, 1100), (400, 460)))
    (result,) = Results(tmp_path).results
    (serve,) = result["steps"]
    assert {"clock": "another one; moved by +620.0 ms"}.items() <= {
        p["name"]: p["value"] for p in serve["parameters"]
    }.items()


def test_a_clock_in_a_file_of_zipkin(convert):
    """The server's half has the id of its client's, and began 65 ms before it."""
    _, found, _ = convert(TRACES / "zipkin-skew.json")
    assert tree(found["get"]) == [{"post": [{"post (serviceb)": ["async"]}]}]
    (serve,) = found["get"]["steps"][0]["steps"]
    told = {p["name"]: p["value"] for p in serve["parameters"]}
    assert told["clock"] == "another one; moved by +65.9 ms"


def test_one_process_has_one_clock():
    spans = [s._replace(resource={"service.name": "here"}) for s in call((1000, 1100), (400, 460))]
    assert list(in_their_parents(spans)) == spans


def test_halves_of_a_call_with_one_id():
    here, there = {"service.name": "a"}, {"service.name": "b"}
    client = build_span("get", 1, kind="client")._replace(resource=here)
    server = build_span("get", 1, kind="server")._replace(resource=there)
    below = [
        build_span("of a", 2, 1)._replace(resource=here),
        build_span("of b", 3, 1)._replace(resource=there),
    ]
    problems: list[object] = []
    spans = with_own_ids([server, *below, client, client], lambda *told: problems.append(told))
    by_name = {(s.name, s.kind): s for s in spans}
    its = by_name["get", "server"]
    assert its.parent_id == 1 != its.span_id
    assert by_name["of a", "internal"].parent_id == 1
    assert by_name["of b", "internal"].parent_id == its.span_id
    assert (len(spans), problems) == (4, [])
    others = with_own_ids(
        [client, client._replace(name="other", start_ns=9)], lambda *t: problems.append(t)
    )
    assert (len(others), len(problems)) == (1, 1)


def test_a_call_that_was_served_twice_with_one_id():
    """As retries below one client are; neighbours count their ids."""
    spans = [
        build_span(f"{kind} {start}", span_id, kind=kind, start_ns=start)
        for span_id in (1, 2)
        for kind, start in (("client", 1), ("server", 2), ("server", 3), ("server", 4))
    ]
    problems: list[object] = []
    whole = with_own_ids([*spans, *spans], lambda *told: problems.append(told))
    assert len({span.span_id for span in whole}) == len(whole) == len(spans)
    trace = TraceOfBuffer(TRACE_ID)
    for span in (*spans, *spans):
        trace.add(span)
    assert sorted(s.name for s in trace.spans.values()) == sorted(span.name for span in spans)
    assert problems == []


def at(start: int, end: int, *spans: Span, service: str = "") -> list[Span]:
    resource = {"service.name": service} if service else {}
    times = {"start_ns": start * MS, "end_ns": end * MS}
    return [span._replace(resource=resource, **times) for span in spans]


def test_what_services_did_is_put_into_the_results_of_tests(convert, tmp_path):
    """The results of a run, and the services' own spans from elsewhere: where their time is."""
    ours = {kind: {c.KIND: kind} for kind in (c.TEST, c.PHASE, c.FIXTURE, c.STEP)}
    ours[c.FIXTURE] |= {c.PHASE_NAME: "before"}
    asked = {"http.request.method": "GET", "url.path": "/x"}
    test = [
        *at(0, 1000, build_span("test_it", 1, attributes={**ours[c.TEST], c.FULL_NAME: "t#it"})),
        *at(10, 90, build_span("fx", 2, 1, attributes=ours[c.FIXTURE])),
        *at(95, 900, build_span("call", 8, 1, attributes={**ours[c.PHASE], c.PHASE_NAME: "call"})),
        *at(100, 500, build_span("ask", 3, 8, attributes=ours[c.STEP])),
        *at(110, 490, build_span("GET", 4, 3, kind="client", attributes=asked)),
        *at(600, 700, build_span("ask others", 5, 8, attributes=ours[c.STEP])),
        *at(600, 690, build_span("GET", 6, 5, kind="client", attributes=asked)),
        *at(600, 690, build_span("GET", 7, 5, kind="client", attributes=asked)),
    ]
    Report(tmp_path / "run", only_tests=True, settings=Settings(waterfall="off")).add(test)

    def served(span_id: int, below: int, start: int, end: int) -> list[Span]:
        asked = build_span(f"serve {span_id}", span_id, below, kind="server", parent_is_remote=True)
        query = build_span(f"query {span_id}", span_id + 1, span_id)
        return at(start, end, asked, query, service="shop")

    parts = [served(20, 4, 120, 480), served(30, 99, 20, 80), served(40, 6, 610, 680)]
    parts.append(served(50, 7, 2000, 2010))  # by a clock of its own
    (tmp_path / "spans").write_bytes(dumped(to_otlp([s for part in parts for s in part])))
    for _ in range(2):  # it may be repeated
        code, found, _ = convert(tmp_path / "run", tmp_path / "spans")
        assert code == 0
        (result,) = found.results
        assert tree(result) == [
            {"ask": [{"GET /x": [{"serve 20 (shop)": ["query 20"]}]}]},
            {"ask others": ["GET /x", "GET /x", {"serve 40 (shop)": ["query 40"]}]},
            {"serve 50 (shop)": ["query 50"]},
        ]
        told = {p["name"]: p["value"] for p in result["steps"][-1]["parameters"]}
        assert told["belongs to"].startswith("Span 0000000000000007, but no step has this time")
        (container,) = found.containers
        assert tree(container["befores"][0]) == [{"serve 30 (shop)": ["query 30"]}]


def test_services_are_put_into_many_tests_in_linear_time(convert, tmp_path, monkeypatch):
    """Each file is read a few times, however many tests have fixtures."""
    number = 30
    report = Report(tmp_path / "run", only_tests=True, settings=Settings(waterfall="off"))
    parts: list[Span] = []
    for trace_id in range(1, number + 1):
        told = {c.KIND: c.TEST, c.FULL_NAME: f"t#it{trace_id}"}
        test = at(100, 200, build_span("test_it", 1, attributes=told))
        setup = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
        test += at(10, 90, build_span("fx", 2, 1, attributes=setup))
        test += at(110, 120, build_span("GET", 3, 1, kind="client"))
        report.add([span._replace(trace_id=trace_id) for span in test])
        served = build_span("serve", 9, 8, kind="server", parent_is_remote=True)
        parts += [s._replace(trace_id=trace_id) for s in at(20, 80, served, service="shop")]
    (tmp_path / "spans").write_bytes(dumped(to_otlp(parts)))
    read, paths = merging._read, []
    monkeypatch.setattr(merging, "_read", lambda path: (paths.append(path), read(path))[1])
    _, found, _ = convert(tmp_path / "run", tmp_path / "spans")
    fixtures = [tree(container["befores"][0]) for container in found.containers]
    assert (len(found.results), fixtures) == (number, [["serve (shop)"]] * number)
    assert len(paths) <= 4 * (3 * number)


# -- reading is total


def test_documents_that_never_end_are_read_in_time():
    """Each line could begin one: the time must follow the size."""
    for line in ("[\n", '{"a":\n', '{"a": 1,\n', "}\n", '"\n', "{}x\n"):
        told: list[object] = []
        parts = trace_files.read_parts(io.BytesIO(line.encode() * 5_000), lambda *t: told.append(t))
        with pytest.raises(trace_files.UnknownFormatError):
            list(parts)
