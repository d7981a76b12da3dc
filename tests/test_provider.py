"""Whose tracers make spans: the user's provider works as without us, and the report has it all.

Each run has a module `theirs`, which stands for the user's own set-up of OpenTelemetry.
"""

from __future__ import annotations

import json
import sys

import pytest

from otel_allure.testing.results import tree

pytestmark = pytest.mark.usefixtures("only_steps")

THEIRS = """
import json
import logging
import os

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logged = []

class Handler(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())

logging.getLogger("opentelemetry").addHandler(Handler())

memory = InMemorySpanExporter()

def finished():
    assert not logged, logged
    return [span.name for span in memory.get_finished_spans()]

def provider(**arguments):
    made = TracerProvider(**arguments)
    made.add_span_processor(SimpleSpanProcessor(memory))
    return made

class Backend(SpanExporter):
    '''Stands for an exporter to Jaeger or the like: writes down who is whose child.'''

    def export(self, spans):
        with open("backend.jsonl", "a") as file:
            for span in spans:
                parent = span.parent and f"{span.parent.span_id:x}"
                context = span.context
                row = [span.name, f"{context.trace_id:x}", f"{context.span_id:x}", parent]
                file.write(json.dumps(row) + "\\n")
        return SpanExportResult.SUCCESS

def provider_with_backend(**arguments):
    made = provider(**arguments)
    made.add_span_processor(SimpleSpanProcessor(Backend()))
    return made
"""


@pytest.fixture
def theirs(pytester):
    pytester.makepyfile(theirs=THEIRS)


def exported(pytester):
    """What the backend got, as (name, trace id, span id, parent's id)."""
    lines = (pytester.path / "backend.jsonl").read_text().splitlines()
    return [tuple(json.loads(line)) for line in lines]


SETTING = "theirs.trace.set_tracer_provider(theirs.provider())"
TEST_OF_THEIR_SPANS = """
    import allure
    import pytest
    import theirs
    from opentelemetry import trace

    early = trace.get_tracer("app")

    {fixture}

    def test_theirs(request):
        with allure.step("a step"):
            {body}
            with early.start_as_current_span("early"):
                with allure.step("inside"):
                    pass
            with trace.get_tracer("app").start_as_current_span("late"):
                pass
        assert theirs.finished() == ["early", "late"]
        assert isinstance(trace.get_tracer_provider(), theirs.TracerProvider)
"""


@pytest.mark.parametrize("place", ["plugin", "conftest", "fixture", "body"])
def test_a_provider_of_the_user(run, pytester, theirs, place):
    """Wherever it is set, it is the provider; it has the user's spans, and so has the report."""
    options = []
    if place == "plugin":
        pytester.makepyfile(early_plugin=f"import theirs\n{SETTING}")
        options = ["-p", "early_plugin"]
    if place == "conftest":
        pytester.makeconftest(f"import theirs\n{SETTING}")
    fixture = f"""
    @pytest.fixture(scope="session", autouse=True)
    def telemetry():
        {SETTING}
"""
    source = TEST_OF_THEIR_SPANS.format(
        fixture=fixture if place == "fixture" else "", body=SETTING if place == "body" else ""
    )
    report = run(source, *options, plugins=(), passed=1).report
    assert tree(report["test_theirs"]) == [{"a step": [{"early": ["inside"]}, "late"]}]


RESETS = {
    "reset": """
        trace._TRACER_PROVIDER = None
        trace._TRACER_PROVIDER_SET_ONCE = Once()
    """,
    "reset of the flag": """
        trace._TRACER_PROVIDER_SET_ONCE._done = False
        trace._TRACER_PROVIDER = None
    """,
    "reset of all": """
        trace._TRACER_PROVIDER_SET_ONCE = Once()
        trace._TRACER_PROVIDER = None
        trace._PROXY_TRACER_PROVIDER = trace.ProxyTracerProvider()
    """,
    "monkeypatch": """
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
        monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    """,
}


def test_resets(run, theirs):
    """Tests that reset the API's globals to set a provider each are reported like others."""
    fixtures = "".join(
        f"""
    @pytest.fixture
    def {name.replace(" ", "_")}(monkeypatch):
        {code.strip()}
        theirs.memory.clear()
    """
        for name, code in RESETS.items()
    )
    names = ", ".join(repr(name.replace(" ", "_")) for name in RESETS)
    done = run(
        f"""
    import allure
    import pytest
    import theirs
    from opentelemetry import trace
    from opentelemetry.util._once import Once
    {fixtures}
    @pytest.mark.parametrize("reset", [{names}])
    def test_reset(request, reset):
        # No step is opened in between: the report must not need one to notice.
        with allure.step("a step"):
            request.getfixturevalue(reset)
            with trace.get_tracer("app").start_as_current_span("before a provider is set"):
                pass
            made = theirs.provider()
            trace.set_tracer_provider(made)
            assert trace.get_tracer_provider() is made
            with trace.get_tracer("app").start_as_current_span("theirs"):
                pass
        assert theirs.finished() == ["theirs"]
    """,
        plugins=(),
        passed=len(RESETS),
    )
    expected = [{"a step": ["before a provider is set", "theirs"]}]
    assert [tree(result) for result in done.report.results] == [expected] * len(RESETS)


def test_without_a_provider(run, monkeypatch):
    """Spans are recorded where they happen, whatever the environment says of sampling or limits."""
    for name, value in {
        "OTEL_SDK_DISABLED": "true",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "2",
        "OTEL_TRACES_SAMPLER": "always_off",
    }.items():
        monkeypatch.setenv(name, value)
    done = run(
        """
        import allure
        from opentelemetry import trace

        tracer = trace.get_tracer("app")

        @tracer.start_as_current_span("decorated")
        def decorated():
            pass

        @allure.label("one", "first value")
        @allure.label("two", "second value")
        def test_alone():
            allure.dynamic.parameter("a parameter", "of some length")
            with allure.step("a step"), tracer.start_as_current_span("a span") as span:
                span.set_attributes({"code.function.name": "function", "app.key": "value"})
                decorated()
            allure.attach("body", "attached")
            assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)

        with tracer.start_as_current_span("at import"):
            pass
        """,
        plugins=(),
        passed=1,
    )
    report = done.report
    result = report["test_alone"]
    assert tree(result) == [{"a step": [{"a span": ["decorated"]}]}, "[attached]"]
    labels = {label["name"]: label["value"] for label in result["labels"]}
    assert (labels["one"], labels["two"]) == ("first value", "second value")
    assert result["parameters"][0] == {"name": "a parameter", "value": "'of some length'"}
    (outside,) = [a for entry in report.globals for a in entry["attachments"]]
    assert report.body(outside).split(maxsplit=1)[1].startswith("at import")


def test_what_is_outside_of_tests_is_few_attachments(run, monkeypatch):
    """A tree and the documents of all calls; what an author has attached stays his own."""
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_ATTACH_HTTP", "on")
    done = run(
        """
        import allure
        from opentelemetry import trace

        for number in range(9):
            asked = {"http.request.method": "GET", "url.full": f"http://x/{number}"}
            asked["http.request.body.content"] = f"body {number}"
            kind = trace.SpanKind.CLIENT
            with trace.get_tracer("t").start_as_current_span("GET", kind=kind, attributes=asked):
                if number == 4:
                    allure.attach("mine", "by the author")

        def test_it():
            pass
        """,
        plugins=(),
        passed=1,
    )
    found = {a["name"]: a for entry in done.report.globals for a in entry["attachments"]}
    assert set(found) == {
        "by the author",
        "Outside of tests",
        "Outside of tests: requests, queries and logs",
    }
    documents = done.report.body(found["Outside of tests: requests, queries and logs"])
    assert all(f"GET /{number}" in documents for number in range(9))
    assert all(f"body {number}" in documents for number in range(9))


@pytest.mark.parametrize(
    "sampler",
    [
        "ALWAYS_OFF",
        "TraceIdRatioBased(0)",
        "ParentBased(ALWAYS_OFF)",
    ],
)
def test_samplers(run, pytester, theirs, sampler):
    """A sampler of the user's provider loses spans of theirs, but no test and no step."""
    pytester.makeconftest(
        f"""
        import theirs
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
        theirs.trace.set_tracer_provider(theirs.provider(sampler={sampler}))
        """
    )
    report = run(
        """
        import allure
        import theirs

        def test_sampled():
            with allure.step("outer"):
                with theirs.trace.get_tracer("app").start_as_current_span("theirs"):
                    with allure.step("inner"):
                        pass
            print(theirs.finished())
        """,
        plugins=(),
        passed=1,
    ).report
    if sampler.startswith("ParentBased"):  # a step is sampled, so is what is below it
        assert tree(report["test_sampled"])[0] == {"outer": [{"theirs": ["inner"]}]}
    else:
        assert tree(report["test_sampled"])[0] == {"outer": ["inner"]}


# -- backends

BACKEND_TEST = """
    import allure
    import pytest
    import theirs
    from opentelemetry import trace

    @pytest.fixture(scope="module")
    def wide():
        with allure.step("in the fixture"):
            yield

    def test_shared(wide):
        with allure.step("a step"):
            with trace.get_tracer("app").start_as_current_span("theirs"):
                with allure.step("inside"):
                    pass
"""


@pytest.mark.parametrize("sampler", ["ALWAYS_ON", "ALWAYS_OFF"])
def test_a_backend_gets_our_spans(run, pytester, monkeypatch, theirs, sampler):
    """A backend set up before the tests has all of a trace: no span's parent is missing."""
    pytester.makeconftest(
        f"""
        import theirs
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
        theirs.trace.set_tracer_provider(theirs.provider_with_backend(sampler={sampler}))
        """
    )
    monkeypatch.setenv("TRACEPARENT", f"00-{'a1' * 16}-{'b2' * 8}-01")
    done = run(BACKEND_TEST, plugins=(), passed=1)
    inside = {"theirs": ["inside"]} if sampler == "ALWAYS_ON" else "inside"
    assert tree(done.report["test_shared"]) == [{"a step": [inside]}]
    rows = exported(pytester)
    ids = {span_id: name for name, _, span_id, _ in rows}
    parents = {name: ids.get(parent, parent) for name, _, _, parent in rows}
    step = "theirs" if sampler == "ALWAYS_ON" else "a step"
    expected = {
        "pytest session": "b2" * 8,  # the trace of whoever started pytest
        "test_shared": None,
        "setup": "test_shared",
        "call": "test_shared",
        "teardown": "test_shared",
        "a step": "call",
        "inside": step,
        "in the fixture": "wide",
        "wide::0": "wide",
    }
    if sampler == "ALWAYS_ON":
        expected["theirs"] = "a step"
    del parents["wide"]  # the container, and the set-up in it
    assert parents == expected
    assert len(rows) == len(expected) + 2
    assert {row[1] for row in rows if row[0] == "pytest session"} == {"a1" * 16}
    assert len({row[1] for row in rows}) == 3  # session, test, module fixture


def test_a_processor_that_fails(run, pytester, theirs):
    """A processor of theirs that cannot do with our spans is told of; the tests do not notice."""
    pytester.makeconftest(
        """
        import theirs
        from opentelemetry.sdk.trace import SpanProcessor

        class Picky(SpanProcessor):
            def on_start(self, span, parent_context=None):
                span._no_such_thing

            def on_end(self, span):
                raise ValueError("not this one")

        provider = theirs.provider()
        theirs.trace.set_tracer_provider(provider)

        # From the API's point of view anything may be a provider.
        def pytest_sessionstart():
            provider.add_span_processor(Picky())
        """
    )
    done = run(
        """
        import allure

        def test_fine():
            with allure.step("a step"):
                pass
        """,
        plugins=(),
        passed=1,
    )
    assert tree(done.report["test_fine"]) == ["a step"]
    assert done.outcome.stdout.str().count("giving spans to the processors") == 1


def test_a_foreign_provider(run, pytester):
    """Providers need not be the SDK's: some have no processors, some cannot be hashed."""
    pytester.makepyfile(
        foreign="""
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        class Foreign(trace.TracerProvider):
            def get_tracer(self, *args, **kwargs):
                return trace.NoOpTracer()

        class Wrapping(trace.TracerProvider):
            __hash__ = None

            def __init__(self):
                self.real = TracerProvider()

            def get_tracer(self, *args, **kwargs):
                return self.real.get_tracer(*args, **kwargs)

            def add_span_processor(self, processor):
                self.real.add_span_processor(processor)
        """
    )
    pytester.makeconftest("import foreign")
    done = run(
        """
        import allure
        import foreign
        import pytest
        from opentelemetry import trace
        from opentelemetry.util._once import Once

        @pytest.mark.parametrize("kind", ["Foreign", "Wrapping"])
        def test_foreign(kind):
            trace._TRACER_PROVIDER_SET_ONCE = Once()
            trace.set_tracer_provider(getattr(foreign, kind)())
            with allure.step("outer"), trace.get_tracer("app").start_as_current_span("theirs"):
                with allure.step("inner"):
                    pass
        """,
        plugins=(),
        passed=2,
    )
    assert tree(done.report["test_foreign[Foreign]"]) == [{"outer": ["inner"]}]
    assert tree(done.report["test_foreign[Wrapping]"]) == [{"outer": [{"theirs": ["inner"]}]}]
    assert "not complete" not in done.outcome.stdout.str()


def test_other_exporters_of_the_environment(run, monkeypatch):
    """With OTEL_TRACES_EXPORTER=allure,console the console has the spans of tests and steps too."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "allure,console,no-such")
    done = run(BACKEND_TEST.replace("import theirs", ""), "-s", plugins=(), passed=1)
    assert tree(done.report["test_shared"]) == [{"a step": [{"theirs": ["inside"]}]}]
    text = done.outcome.stdout.str()
    for name in ("pytest session", "test_shared", "a step", "theirs", "inside", "wide"):
        assert f'"name": "{name}"' in text, name
    assert "loading the exporter 'no-such' of OTEL_TRACES_EXPORTER" in text
    assert done.outcome.ret == 0


def test_several_runs_with_a_provider(pytester, monkeypatch, theirs):
    """A provider that stays set is listened to by each run's report, and by none in between."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        test_it="""
        import allure
        import theirs

        def test_one():
            if not isinstance(theirs.trace.get_tracer_provider(), theirs.TracerProvider):
                theirs.trace.set_tracer_provider(theirs.provider())
            with allure.step("a step"):
                with theirs.trace.get_tracer("app").start_as_current_span("theirs"):
                    pass
        """,
        main="""
        import json
        import pytest
        import theirs
        from otel_allure.testing.results import Results, tree

        trees = []
        for directory in "one", "two":
            arguments = ["-p", "no:cacheprovider", "-p", "otel_allure", "test_it.py", "-q"]
            assert pytest.main([*arguments, f"--alluredir={directory}"]) == 0
            trees += [tree(result) for result in Results(directory).results]
            with theirs.trace.get_tracer("app").start_as_current_span("between"):
                pass
        print(json.dumps([trees, theirs.finished()]))
        """,
    )
    done = pytester.run(sys.executable, "main.py")
    assert done.ret == 0, done.stdout.str() + done.stderr.str()
    trees, finished = json.loads(done.outlines[-1])
    assert trees == [[{"a step": ["theirs"]}]] * 2
    assert finished == ["theirs", "between"] * 2
