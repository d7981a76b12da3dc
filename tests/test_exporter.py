"""The exporter and the processor with the real SDK: every route gives the same results."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags

import otel_allure
from otel_allure.formats.sdk import from_sdk
from otel_allure.inputs.span_exporter import AllureSpanExporter
from otel_allure.inputs.span_processor import AllureSpanProcessor
from otel_allure.model import conventions as c
from otel_allure.model.settings import DEFAULTS
from otel_allure.model.spans import Event, Span
from otel_allure.model.spans import Link as PlainLink
from otel_allure.recording import active as recorders
from otel_allure.recording.active import active_recorder
from otel_allure.testing.results import Results, steps, tree
from otel_allure.translation.to_results import UNFINISHED

pytestmark = pytest.mark.usefixtures("only_steps")

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the test sessions of this process: exporters stand aside for what those report."""
    monkeypatch.setattr(recorders, "stack", [])
    monkeypatch.setattr(recorders, "past_sessions", [])


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[AllureSpanExporter]:
    exporter = AllureSpanExporter(tmp_path / "results")
    yield exporter
    exporter.shutdown()


def provider_with(*processors: Any) -> TracerProvider:
    resource = Resource({"service.name": "shop"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def files(directory: Path) -> dict[str, Any]:
    """Return the content of everything in a directory, by file name; parsed if it is JSON."""
    texts = {p.name: p.read_text("utf-8") for p in sorted(directory.glob("*"))}
    return {name: json.loads(t) if name.endswith(".json") else t for name, t in texts.items()}


def trees(directory: Path) -> dict[str, Any]:
    return {result["name"]: tree(result) for result in Results(directory).results}


def remote(span_id: int, trace_id: int = 0xABCD) -> Any:
    """Return a context in which a span of another process is current."""
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(1))
    return trace.set_span_in_context(NonRecordingSpan(context))


def served(client: trace.Span) -> Any:
    """Return what a server extracts from the request of a client, also in the same process."""
    context = client.get_span_context()
    return remote(context.span_id, context.trace_id)


# -- every route


def record(tracer: trace.Tracer) -> None:
    """Make what a real run makes: tests, fixtures, nesting, errors, orphans, remote parents."""
    start = tracer.start_as_current_span
    step = {c.KIND: c.STEP, c.STATUS: "failed"}
    setup, call = ({c.KIND: c.PHASE, c.PHASE_NAME: name} for name in ("setup", "call"))
    before = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before"}
    request = {"http.request.method": "GET", "url.full": "http://u:p@h/x?token=t"}
    with (
        start("db", attributes={c.KIND: c.CONTAINER}) as db,
        start("db", attributes=before),
        start("create", attributes=step),
    ):
        pass
    for name in ("one", "two"):
        links = [Link(db.get_span_context(), {c.KIND: c.CONTAINER})]
        with start(name, links=links, attributes={c.KIND: c.TEST}):
            with start("setup", attributes=setup), start("user", attributes=before):
                pass
            with start("call", attributes=call):
                for i in range(12):
                    tracer.start_span(f"step {i}", attributes=step).end()
                with (
                    start("GET", kind=SpanKind.CLIENT, attributes=request) as client,
                    start("serve", served(client), SpanKind.SERVER),
                    start("SELECT", kind=SpanKind.CLIENT, attributes={"db.system": "x"}),
                ):
                    pass
                never_ends = trace.set_span_in_context(tracer.start_span("never ends"))
                tracer.start_span("orphan", never_ends).end()
    with start("GET /a", remote(1), SpanKind.SERVER), start("below"):
        pass
    tracer.start_span("GET /b", remote(2), SpanKind.SERVER).end()
    with pytest.raises(ValueError, match="no"), start("script"):
        raise ValueError("no")
    never_ends = trace.set_span_in_context(tracer.start_span("never ends"))
    tracer.start_span("nobody's", never_ends).end()


@pytest.fixture(scope="module")
def recorded() -> Sequence[ReadableSpan]:
    memory = InMemorySpanExporter()
    provider = provider_with(SimpleSpanProcessor(memory))
    record(provider.get_tracer("test"))
    return memory.get_finished_spans()


Deliver = Callable[[Any, list[ReadableSpan], random.Random], None]


def one_by_one(processor: Any, spans: list[ReadableSpan], chance: random.Random) -> None:
    for span in spans:
        processor.on_end(span)
        processor.force_flush()


def one_batch(processor: Any, spans: list[ReadableSpan], chance: random.Random) -> None:
    for span in spans:
        processor.on_end(span)
    processor.force_flush()


def random_batches(processor: Any, spans: list[ReadableSpan], chance: random.Random) -> None:
    for span in spans:
        processor.on_end(span)
        if chance.random() < 0.2:
            processor.force_flush()


def delivered(
    spans: Sequence[ReadableSpan], processor_class: Any, deliver: Deliver, seed: int, path: Path
) -> dict[str, Any]:
    """Return the files that come of `spans` in a random order, by a route."""
    chance = random.Random(seed)
    spans = list(spans)
    if seed:
        chance.shuffle(spans)
    processor = processor_class(AllureSpanExporter(path, **asdict(DEFAULTS)))
    deliver(processor, spans, chance)
    processor.shutdown()
    return files(path)


@pytest.fixture(scope="module")
def expected(recorded, tmp_path_factory) -> dict[str, Any]:
    path = tmp_path_factory.mktemp("expected")
    return delivered(recorded, BatchSpanProcessor, one_batch, 0, path)


def test_what_comes_of_the_recorded_spans(expected):
    """The measure of the other routes is right itself."""
    results = {item["name"]: item for name, item in deepcopy(expected).items() if "-result" in name}
    for item in [*results.values(), *(step for item in results.values() for step in steps(item))]:
        item.pop("attachments", None)
    client = {"GET /x": [{"serve": ["SELECT"]}]}
    test = [*(f"failed: step {i}" for i in range(12)), client, "orphan"]
    assert {name: tree(result) for name, result in results.items()} == {
        "one": test,
        "two": test,
        "GET /a": ["below"],
        "GET /b": [],
        "script": [],
        "nobody's": [],
    }
    assert results["script"]["statusDetails"]["message"] == "ValueError: no"
    containers = [item for name, item in expected.items() if "-container" in name]
    tests = [results[name]["uuid"] for name in ("one", "two")]
    assert sorted(
        (c.get("name"), [b["name"] for b in c["befores"]], c["children"])
        for c in containers
        if c.get("name")
    ) == [("db", ["db"], sorted(tests))]
    assert sorted(c["children"] for c in containers if not c.get("name")) == sorted(
        [t] for t in tests
    )


@pytest.mark.parametrize("seed", range(6), ids=lambda seed: f"order {seed}")
@pytest.mark.parametrize("deliver", [one_by_one, one_batch, random_batches])
@pytest.mark.parametrize("processor_class", [SimpleSpanProcessor, BatchSpanProcessor])
def test_the_same_spans_give_the_same_results(
    recorded, expected, processor_class, deliver, seed, tmp_path
):
    """In any order, one by one and in batches, whatever processor is before the exporter."""
    assert delivered(recorded, processor_class, deliver, seed, tmp_path / "results") == expected


def test_flushes_in_between_change_nothing(recorded, expected, tmp_path):
    """What was written of half a trace is replaced or removed when the rest comes."""
    spans = list(recorded)
    random.Random(1).shuffle(spans)
    exporter = AllureSpanExporter(tmp_path / "results", **asdict(DEFAULTS))
    for span in spans:
        exporter.export([span])
        exporter.force_flush()
    exporter.shutdown()
    assert files(tmp_path / "results") == expected


def test_spans_exported_twice_change_nothing(recorded, expected, tmp_path):
    """A retry of a batch, a second processor."""
    exporter = AllureSpanExporter(tmp_path / "results", **asdict(DEFAULTS))
    for _ in range(2):
        assert exporter.export(recorded) is SpanExportResult.SUCCESS
    exporter.shutdown()
    assert files(tmp_path / "results") == expected


def test_from_sdk():
    """A span of the SDK as plain data: everything that is on it."""
    memory = InMemorySpanExporter()
    tracer = provider_with(SimpleSpanProcessor(memory)).get_tracer("scope")
    link = Link(SpanContext(5, 6, is_remote=False), {"a": 1})
    span = tracer.start_span(
        "name", remote(9), SpanKind.CLIENT, {"b": b"x", "n": None}, [link], start_time=10
    )
    span.add_event("event", {"d": {"e": (1, "2")}}, timestamp=15)
    span.set_status(trace.StatusCode.ERROR, "why")
    unfinished = from_sdk(span)
    span.end(end_time=20)
    (ended,) = memory.get_finished_spans()
    expected = Span(
        trace_id=0xABCD,
        span_id=span.get_span_context().span_id,
        parent_id=9,
        parent_is_remote=True,
        name="name",
        kind="client",
        start_ns=10,
        end_ns=20,
        status="error",
        status_message="why",
        attributes={"b": b"x", "n": None},
        events=(Event("event", 15, {"d": {"e": (1, "2")}}),),
        links=(PlainLink(5, 6, {"a": 1}),),
        scope="scope",
        resource={"service.name": "shop"},
    )
    found = from_sdk(ended)
    assert found._replace(attributes=dict(found.attributes)) == expected
    assert unfinished.end_ns is None


# -- threads


@pytest.mark.parametrize("processor_class", [SimpleSpanProcessor, BatchSpanProcessor])
def test_eight_threads(exporter, tmp_path, processor_class):
    """A simple processor exports from all of them at once; every span is in its place."""
    processor = processor_class(exporter)
    tracer = provider_with(processor).get_tracer("test")
    barrier = threading.Barrier(8)

    def work(worker: int) -> None:
        barrier.wait()
        for i in range(20):
            with (
                tracer.start_as_current_span(f"{worker}.{i}"),
                tracer.start_as_current_span("a"),
            ):
                tracer.start_span("b").end()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    processor.shutdown()
    assert exporter.results_written == 160
    assert trees(tmp_path / "results") == {
        f"{worker}.{i}": [{"a": ["b"]}] for worker in range(8) for i in range(20)
    }


def test_one_trace_from_eight_threads(exporter, tmp_path):
    """Its result is written several times, and at last it is whole."""
    processor = SimpleSpanProcessor(exporter)
    tracer = provider_with(processor).get_tracer("test")
    barrier = threading.Barrier(8)
    with tracer.start_as_current_span("root") as root:
        context = trace.set_span_in_context(root)

    def work(worker: int) -> None:
        barrier.wait()
        for i in range(50):
            tracer.start_span(f"{worker}.{i}", context).end()

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    processor.shutdown()
    (result,) = Results(tmp_path / "results").results
    assert len(tree(result)) == len(set(tree(result))) == 400


def test_exports_at_the_same_time_are_written_one_after_the_other(exporter):
    """While one thread writes, another one waits: it may have more of the same trace."""
    import allure_commons

    tracer = provider_with(SimpleSpanProcessor(exporter)).get_tracer("test")
    written, overtaken = threading.Event(), []
    other = threading.Thread(target=lambda: (tracer.start_span("b").end(), written.set()))

    class Listener:
        @allure_commons.hookimpl
        def report_result(self, result: Any) -> None:
            if result.name == "a":
                other.start()
                overtaken.append(written.wait(timeout=0.2))

    listener = Listener()
    allure_commons.plugin_manager.register(listener)
    try:
        tracer.start_span("a").end()
        other.join()
    finally:
        allure_commons.plugin_manager.unregister(listener)
    assert overtaken == [False]
    assert exporter.results_written == 2


def test_spans_exported_while_another_thread_shuts_down(exporter, tmp_path, monkeypatch):
    """An export that was under way is written too."""
    tracer = provider_with(SimpleSpanProcessor(exporter)).get_tracer("test")
    add = exporter.report.add

    def add_late(spans: Any) -> None:
        shutdown = threading.Thread(target=exporter.shutdown)
        shutdown.start()
        shutdown.join()
        add(spans)

    monkeypatch.setattr(exporter.report, "add", add_late)
    parent = trace.set_span_in_context(tracer.start_span("never ends"))
    tracer.start_span("a", parent).end()
    assert trees(tmp_path / "results") == {"a": []}


# -- making one


def test_it_is_an_exporter_that_the_sdk_knows():
    """By the name `allure`, as OTEL_TRACES_EXPORTER has it."""
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="opentelemetry_traces_exporter", name="allure")
    assert entry.load() is AllureSpanExporter
    assert issubclass(AllureSpanExporter, SpanExporter)


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        pytest.param({}, None, "allure-results", id="default"),
        pytest.param({}, "from-environment", "from-environment", id="variable"),
        pytest.param({}, "", "allure-results", id="empty variable"),
        pytest.param({"results_dir": "given"}, "from-environment", "given", id="argument"),
        pytest.param({"results_dir": Path("given")}, None, "given", id="path"),
        pytest.param({"results_dir": None}, None, "allure-results", id="no argument"),
        pytest.param({"results_dir": "a", "of_later": 1}, None, "a", id="unknown argument"),
    ],
)
def test_where_results_go(arguments, environment, expected, tmp_path, monkeypatch):
    """The argument counts, then the variable, then the default; making one touches no disk."""
    monkeypatch.chdir(tmp_path)
    if environment is not None:
        monkeypatch.setenv("OTEL_EXPORTER_ALLURE_RESULTS_DIR", environment)
    exporter = AllureSpanExporter(**arguments)
    processor = SimpleSpanProcessor(exporter)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # it counts where it was made
    provider_with(processor).get_tracer("test").start_span("a").end()
    processor.shutdown()
    assert trees(tmp_path / expected) == {"a": []}
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_nothing_is_written_of_nothing(tmp_path):
    """Not even the directory is made."""
    exporter = AllureSpanExporter(tmp_path / "results")
    assert exporter.export([]) is SpanExportResult.SUCCESS
    assert exporter.force_flush() is True
    exporter.shutdown()
    assert not (tmp_path / "results").exists()


# -- the end


def test_after_shutdown(recorded, tmp_path):
    """An export fails, and says so; a second shutdown does nothing."""
    exporter = AllureSpanExporter(tmp_path / "results")
    exporter.shutdown()
    exporter.shutdown()
    assert exporter.export(recorded) is SpanExportResult.FAILURE
    assert files(tmp_path / "results") == {}
    assert active_recorder() is None


@pytest.mark.parametrize("end", ["force_flush", "shutdown"])
def test_what_has_no_root_is_written_at_the_end(end, exporter, tmp_path):
    """With a note: its root did not end, or was not exported."""
    tracer = provider_with(SimpleSpanProcessor(exporter)).get_tracer("test")
    with tracer.start_as_current_span("root") as root:
        with tracer.start_as_current_span("a"), tracer.start_as_current_span("b"):
            pass
        assert trees(tmp_path / "results") == {}
        getattr(exporter, end)()
        result = Results(tmp_path / "results")["a"]
    assert tree(result) == ["b"]
    assert f"{root.get_span_context().span_id:016x}" in result["statusDetails"]["message"]


def test_a_root_that_ends_after_a_flush(exporter, tmp_path):
    """What was written of its trace before becomes part of its result."""
    tracer = provider_with(SimpleSpanProcessor(exporter)).get_tracer("test")
    with tracer.start_as_current_span("root"):
        tracer.start_span("a").end()
        exporter.force_flush()
        assert trees(tmp_path / "results") == {"a": []}
    assert trees(tmp_path / "results") == {"root": ["a"]}
    assert exporter.results_written == 1


# -- trouble


def test_a_directory_that_cannot_be_written(tmp_path, caplog):
    """Below a regular file there can be none: nothing is raised, and one line says so."""
    (tmp_path / "file").write_text("")
    processor = SimpleSpanProcessor(AllureSpanExporter(tmp_path / "file" / "results"))
    tracer = provider_with(processor).get_tracer("test")
    for _ in range(3):
        server = tracer.start_span("server", remote(1))
        with trace.use_span(server, end_on_exit=True):
            tracer.start_span("a").end()
        tracer.start_span("b", trace.set_span_in_context(tracer.start_span("never ends"))).end()
    processor.force_flush()
    processor.shutdown()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "otel-allure" in caplog.text
    assert str(tmp_path / "file") in caplog.text


def test_a_directory_that_is_removed_meanwhile(exporter, tmp_path):
    """It is made again."""
    tracer = provider_with(SimpleSpanProcessor(exporter)).get_tracer("test")
    tracer.start_span("a").end()
    for path in (tmp_path / "results").iterdir():
        path.unlink()
    (tmp_path / "results").rmdir()
    tracer.start_span("b").end()
    assert trees(tmp_path / "results") == {"b": []}


def test_a_listener_of_others_that_fails(exporter, tmp_path, caplog):
    """The result is written all the same, and one line says so."""
    import allure_commons

    class Broken:
        @allure_commons.hookimpl
        def report_result(self, result: Any) -> None:
            raise ValueError("theirs")

    listener = Broken()
    allure_commons.plugin_manager.register(listener)
    try:
        tracer = provider_with(SimpleSpanProcessor(exporter)).get_tracer("test")
        for name in "abc":
            tracer.start_span(name).end()
    finally:
        allure_commons.plugin_manager.unregister(listener)
    assert trees(tmp_path / "results") == {"a": [], "b": [], "c": []}
    assert len(caplog.records) == 1
    assert "ValueError: theirs" in caplog.text


# -- several


def test_two_exporters_write_to_their_own_directory_each(tmp_path):
    """Neither sees what only the other one is given."""
    processors = [SimpleSpanProcessor(AllureSpanExporter(tmp_path / name)) for name in "ab"]
    both = provider_with(*processors).get_tracer("test")
    first = provider_with(processors[0]).get_tracer("test")
    both.start_span("for both").end()
    first.start_span("for the first").end()
    for processor in processors:
        processor.shutdown()
    assert trees(tmp_path / "a") == {"for both": [], "for the first": []}
    assert trees(tmp_path / "b") == {"for both": []}


def test_a_directory_of_ours_that_listens_to_allure_gets_only_its_own(exporter, tmp_path):
    """As that of a test session does, which other people's listeners see too."""
    import allure_commons

    from otel_allure.output.report import Report

    session = Report(tmp_path / "session")
    allure_commons.plugin_manager.register(session.directory)
    try:
        provider_with(SimpleSpanProcessor(exporter)).get_tracer("test").start_span("a").end()
    finally:
        allure_commons.plugin_manager.unregister(session.directory)
    assert trees(tmp_path / "results") == {"a": []}
    assert trees(tmp_path / "session") == {}


# -- the processor


@pytest.fixture
def processor(tmp_path: Path) -> Iterator[AllureSpanProcessor]:
    processor = AllureSpanProcessor(tmp_path / "results")
    yield processor
    processor.shutdown()


def test_the_processor_on_a_provider_of_ones_own(processor, tmp_path):
    """A result when the root ends; steps by `otel_allure.step` are spans of that provider."""
    tracer = provider_with(processor).get_tracer("test")
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("a"):
        pass
    assert trees(tmp_path / "results") == {"root": ["a"]}


def test_the_processor_knows_what_has_not_ended(processor, tmp_path):
    """It is shown as unfinished at a flush, and as it is when it has ended."""
    tracer = provider_with(processor).get_tracer("test")
    with tracer.start_as_current_span("root"), tracer.start_as_current_span("a"):
        tracer.start_span("b").end()
        assert processor.force_flush() is True
        result = Results(tmp_path / "results")["root"]
        assert tree(result) == [{"unknown: a": ["b"]}]
        assert result["statusDetails"] == {"message": UNFINISHED}
    result = Results(tmp_path / "results")["root"]
    assert tree(result) == [{"a": ["b"]}]
    assert "statusDetails" not in result


def test_the_processor_knows_that_a_caller_runs_here(processor, tmp_path):
    """The end of a server's span does not end the trace of a client in the same process."""
    tracer = provider_with(processor).get_tracer("test")
    with tracer.start_as_current_span("client") as client:
        tracer.start_span("server", served(client)).end()
        assert trees(tmp_path / "results") == {}
    assert trees(tmp_path / "results") == {"client": ["server"]}


def test_the_processor_writes_what_is_left_at_shutdown(processor, tmp_path):
    """Also what has not ended."""
    provider = provider_with(processor)
    root = provider.get_tracer("test").start_span("root")
    provider.shutdown()
    assert Results(tmp_path / "results")["root"]["status"] == "unknown"
    assert active_recorder() is None
    root.end()


def test_steps_with_an_exporter(exporter, tmp_path, monkeypatch):
    """`otel_allure.step` and `allure.step` are spans of the global provider."""
    import allure

    provider = provider_with(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with otel_allure.step("outer"), allure.step("inner"):
        provider.get_tracer("test").start_span("span").end()
    assert trees(tmp_path / "results") == {"outer": [{"inner": ["span"]}]}


# -- other processes: each of these programs is run on its own


# Python 3.12 warns of a fork beside threads, as that of the batch processor is.
WARNINGS = ["-W", "error", "-W", "ignore:This process"]


def run(program: str, directory: Path, **environment: str) -> None:
    """Run a program that writes into `directory`."""
    subprocess.run(
        [sys.executable, *WARNINGS, "-c", textwrap.dedent(PRELUDE) + textwrap.dedent(program)],
        check=True,
        timeout=60,
        cwd=directory,
        env={**os.environ, "OTEL_EXPORTER_ALLURE_RESULTS_DIR": "results", **environment},
    )


PRELUDE = """
    import os, sys
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from otel_allure.inputs.span_exporter import AllureSpanExporter
    from otel_allure.inputs.span_processor import AllureSpanProcessor

    def provide(processor):
        provider = TracerProvider()
        provider.add_span_processor(processor)
        trace.set_tracer_provider(provider)
        return provider, provider.get_tracer("test")
"""

PROCESSORS = [
    pytest.param("SimpleSpanProcessor(AllureSpanExporter())", id="simple"),
    pytest.param("BatchSpanProcessor(AllureSpanExporter())", id="batch"),
    pytest.param("AllureSpanProcessor()", id="ours"),
]


@needs_fork
@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_fork(processor, tmp_path):
    """A span that is open at the fork is the parent's alone; what the child begins is its own.

    The child ends last: it must not replace what its parent has written.
    """
    run(
        f"""
        provider, tracer = provide({processor})
        end_of_child, end_of_parent = os.pipe()
        with tracer.start_as_current_span("open at the fork"):
            tracer.start_span("ended before").end()
            provider.force_flush()  # what a batch processor has queued, it forgets by itself
            with tracer.start_as_current_span("also open"):
                child = os.fork()
                process = "parent" if child else "child"
                tracer.start_span("begun in the " + process).end()
        context = trace.set_span_in_context(trace.INVALID_SPAN)
        with tracer.start_as_current_span("of the " + process, context):
            tracer.start_span("a").end()
        if child:
            provider.shutdown()
            os.close(end_of_parent)
            assert os.waitpid(child, 0)[1] == 0
        else:
            os.close(end_of_parent)
            os.read(end_of_child, 1)
            provider.shutdown()
            os._exit(0)
        """,
        tmp_path,
    )
    found = trees(tmp_path / "results")
    assert found.pop("of the child") == ["a"]
    assert found.pop("of the parent") == ["a"]
    assert found.pop("open at the fork") == ["ended before", {"also open": ["begun in the parent"]}]
    # The child cannot give it to the parent's result, but it is not lost.
    assert found == {"begun in the child": []}


@needs_fork
@pytest.mark.parametrize("processor", PROCESSORS)
def test_a_child_of_multiprocessing(processor, tmp_path):
    """It ends without `atexit`, but writes all that it has: finished, waiting, queued."""
    run(
        f"""
        import multiprocessing

        provider, tracer = provide({processor})

        def work(name):
            context = trace.set_span_in_context(trace.INVALID_SPAN)
            with tracer.start_as_current_span(name, context):
                tracer.start_span("a").end()
            with trace.use_span(tracer.start_span("never ends", context)):
                tracer.start_span("waiting of " + name).end()

        if __name__ == "__main__":
            context = multiprocessing.get_context("fork")
            with tracer.start_as_current_span("parent"):
                children = [context.Process(target=work, args=(name,)) for name in "xy"]
                for child in children:
                    child.start()
                for child in children:
                    child.join()
                    assert child.exitcode == 0
        """,
        tmp_path,
    )
    found = trees(tmp_path / "results")
    ours = "AllureSpanProcessor()" in processor
    assert {name: found.pop(name) for name in ("x", "y", "parent")} == {
        "x": ["a"],
        "y": ["a"],
        "parent": [],
    }
    results = Results(tmp_path / "results").results
    waiting = [r for r in results if r["name"] == "never ends" or "waiting" in r["name"]]
    assert sorted(str(tree(r)) if ours else r["name"] for r in waiting) == (
        ["['waiting of x']", "['waiting of y']"] if ours else ["waiting of x", "waiting of y"]
    )
    assert len(results) == 5


def test_the_end_of_a_program(tmp_path):
    """The provider shuts the exporter down: nothing else has to be called."""
    run(
        """
        provider, tracer = provide(BatchSpanProcessor(AllureSpanExporter()))
        with tracer.start_as_current_span("root"):
            tracer.start_span("a").end()
        with trace.use_span(tracer.start_span("never ends")):
            tracer.start_span("waiting").end()
        """,
        tmp_path,
    )
    assert trees(tmp_path / "results") == {"root": ["a"], "waiting": []}


def test_the_environment_names_the_exporter(tmp_path):
    """As the SDK's configurator, which `opentelemetry-instrument` runs, reads it."""
    run(
        """
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator

        _OTelSDKConfigurator().configure()
        trace.get_tracer("test").start_span("a").end()
        """,
        tmp_path,
        OTEL_TRACES_EXPORTER="allure",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
    )
    assert trees(tmp_path / "results") == {"a": []}


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry.configuration") is None,
    reason="opentelemetry-configuration is not installed",
)
def test_a_configuration_file_names_the_exporter(tmp_path):
    """Declarative configuration, with its own directory and options of later versions."""
    (tmp_path / "otel.yaml").write_text(
        textwrap.dedent(
            """
            file_format: "1.0"
            tracer_provider:
              processors:
                - batch:
                    exporter:
                      allure:
                        results_dir: from-file
                        of_later: 1
            """
        )
    )
    run(
        """
        from opentelemetry.sdk._configuration import _OTelSDKConfigurator

        _OTelSDKConfigurator().configure()
        trace.get_tracer("test").start_span("a").end()
        """,
        tmp_path,
        OTEL_CONFIG_FILE="otel.yaml",
    )
    assert trees(tmp_path / "from-file") == {"a": []}
    assert not (tmp_path / "results").exists()
