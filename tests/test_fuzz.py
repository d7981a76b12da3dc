# ruff: noqa: E501 -- tables of values
"""Odd values in every public call and in every field of a span never cost a result.

Values of odd kinds are put into calls by the number of the case, so a case that fails can be run
again. Each case is a test of its own in a generated module, or a trace of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from otel_allure.inputs.span_exporter import AllureSpanExporter
from otel_allure.inputs.span_processor import AllureSpanProcessor
from otel_allure.model import conventions as c
from otel_allure.recording import active as recorders

ODD = '''
import collections, datetime, decimal, enum, os, pathlib, types
from unittest import mock


class Raises:
    """Whatever it is asked."""
    def _raise(self, *args, **kwargs):
        raise RuntimeError("odd")
    __str__ = __repr__ = __bool__ = __len__ = __eq__ = __format__ = __iter__ = _raise
    __hash__ = None
    value = name = property(_raise)


class Exits(Raises):
    def _raise(self, *args, **kwargs):
        raise SystemExit("odd")
    __str__ = __repr__ = _raise
    __bool__ = __eq__ = Raises._raise


class Liar:
    __class__ = property(lambda self: 1 / 0)


class Answers:
    __str__ = __repr__ = lambda self: 5


class Loud(str):
    __str__ = __repr__ = __format__ = Raises._raise


class Colour(enum.Enum):
    RED = object()


class Word(str, enum.Enum):
    ONE = "one"


class Number(enum.IntEnum):
    TWO = 2


class Map(collections.abc.Mapping):
    __len__ = lambda self: 1
    __iter__ = lambda self: iter(["key"])
    __getitem__ = Raises._raise


class Meta(type):
    __name__ = property(Raises._raise)
    __repr__ = Raises._raise


class Nameless(metaclass=Meta):
    pass


def itself():
    value = []
    value.extend([value, value])
    return value


def deep(value=None):
    for _ in range(5_000):
        value = [value]
    return value


ODD = [
    None, True, 404, -1, 10**400, 1.5, float("nan"), float("inf"), 1j, decimal.Decimal("1.0"),
    "", " ", "plain", "кириллица", "caf\\udce9", "\\ud83d", "\\0\\x1b[31m\\n\\r\\t", "{0} {x!r} {", "%s %d",
    "x" * 100_000, "a::b[c]/d", b"", b"bytes\\xff", bytearray(b"x"), memoryview(b"view"), ("css", "#buy"),
    ["a"], [], {}, {"a": 1}, {1: 2}, {"user": "bob"}, [{"password": "p"}], {"x"}, frozenset(), range(3),
    object(), object, len, lambda: None, pathlib.PurePosixPath("/a"), datetime.datetime(2020, 1, 1),
    Colour.RED, Word.ONE, Number.TWO, Raises(), Exits(), Liar(), Answers(), Loud("loud"), Map(),
    Nameless(), itself(), deep(), mock.MagicMock(spec=str), mock.MagicMock(), types.SimpleNamespace(a=1),
    iter([1]), NotImplemented, Ellipsis, Exception(),
]
'''
_names: dict[str, object] = {}
exec(ODD, _names)
VALUES: list[object] = _names["ODD"]  # type: ignore[assignment]

CALLS = """
import contextlib, types
import allure, otel_allure, otel_allure.recording.active, pytest
from opentelemetry import trace
from odd import ODD, Raises


def step(odd, other):
    with allure.step(title(odd)):
        with otel_allure.step(title(other)) as s:
            s.title = odd


def title(odd):
    return "callable" if callable(odd) else odd  # it is decorated, then


def decorated(odd, other):
    class Thing:
        @allure.step("{0} {a} {missing}")
        def method(self, a, *args, **kwargs):
            return a
    assert Thing().method(odd, other, other=odd) is odd
    otel_allure.step(lambda x: x)(odd)


def handle(odd, other):
    with otel_allure.step("step") as s:
        s.parameter(odd, other)
        s.parameter(other, odd, mode="masked", excluded=odd)
        s.attach(odd, name=other, attachment_type=odd, extension=other)
        s.set_status("broken", odd)
    with contextlib.suppress(ValueError, RuntimeError, SystemExit):
        s.parameter("name", odd, mode=odd)
    with contextlib.suppress(ValueError, RuntimeError, SystemExit):
        s.set_status(odd)


def log_step(odd, other):
    otel_allure.log_step(odd, "failed", message=other)


def attach(odd, other):
    allure.attach(odd, name=other, attachment_type=odd, extension=other)
    allure.global_attach(odd, name=other, attachment_type=odd, extension=other)
    with contextlib.suppress(ZeroDivisionError):  # allure_commons asks a Liar for its class
        allure.global_error(odd, trace=other)


def file(odd, other):
    allure.attach.file(__file__, name=odd, attachment_type=other, extension=odd)
    allure.global_attach.file(__file__, name=odd, attachment_type=other, extension=odd)


def texts(odd, other):
    allure.dynamic.title(odd)
    allure.dynamic.description(other)
    allure.dynamic.description_html(odd)


def labels(odd, other):
    allure.dynamic.label(odd, other, odd)
    for name in ("severity", "tag", "id", "epic", "feature", "story", "suite", "parent_suite", "sub_suite"):
        getattr(allure.dynamic, name)(odd)
    allure.dynamic.manual()


def links(odd, other):
    allure.dynamic.link(odd, link_type=other, name=odd)
    allure.dynamic.issue(odd, name=other)
    allure.dynamic.testcase(other, name=odd)


def parameters(odd, other):
    allure.dynamic.parameter(odd, other, excluded=odd, mode=other)
    allure.dynamic.parameter(odd, other)
    allure.dynamic.parameter("password", odd)


def mark(odd, other):
    otel_allure.mark_test(flaky=True, known=True)


def raised(odd, other):
    class OddError(Exception):
        __str__ = lambda self: odd
    error = OddError(odd)
    with contextlib.suppress(Exception):
        error.__notes__ = odd
    error.__cause__ = error.__context__ = error
    error.exceptions = (error, error) if other is None else odd
    with contextlib.suppress(OddError), otel_allure.step("raises"):
        raise error


def span(odd, other):
    tracer = trace.get_tracer("odd")
    here = trace.get_current_span()
    here.set_attribute("name", other)
    # What the SDK itself raises for such values is the caller's, so not all of this is reached.
    with contextlib.suppress(Exception, SystemExit), tracer.start_as_current_span("span", attributes={"auth": odd, "cookies": [odd], "x": other}) as s:
        s.set_attribute("auth", odd)
        s._attributes._dict["odd"] = odd
        s._attributes._dict["db.system"] = other
        s._attributes._dict["http.request.method"] = odd
        s._attributes._dict["allure.parameter.names"] = odd
        s._attributes._dict["allure.status"] = other
        s._name = odd
        s._kind = other
        s._status = odd
        s.add_event("event", {"a": odd})


def own_span(odd, other):
    with otel_allure.step("step"):
        s = trace.get_current_span()
        s.set_attributes(odd)
        s.set_attribute("auth", odd)
        s.add_event(odd, attributes=other, timestamp=odd)
        s.add_link(odd, attributes=other)
        s.set_status(odd, other)
        s.update_name(odd)
        tracer = otel_allure.recording.active.active_recorder().tracer
        below = tracer.start_span(odd, kind=odd, attributes=odd, links=[odd], start_time=odd)
        below.set_status(types.SimpleNamespace(status_code=odd, description=odd))
        below.add_link(types.SimpleNamespace(trace_id=odd, span_id=odd), odd)
        below.end(odd)


CALLS = [step, decorated, handle, log_step, attach, file, texts, labels, links, parameters, mark, raised,
         span, own_span]
"""

CASES = """
import pytest
from calls import CALLS, ODD

@pytest.mark.parametrize("number", range({first}, {last}))
def test_call(number):
    call = CALLS[number % len(CALLS)]
    odd = ODD[number // len(CALLS) % len(ODD)]
    call(odd, ODD[number * 7 % len(ODD)])
    assert number % 10
"""

MARKS = """
import allure, pytest
from odd import ODD

for number, odd in enumerate(ODD):
    other = ODD[number * 7 % len(ODD)]

    @pytest.mark.parametrize("value", [pytest.param(odd, id=str(number))])
    @allure.title(odd)
    @allure.description(other)
    @allure.description_html(odd)
    @allure.label(odd, other, odd)
    @allure.label("tag", odd)
    @allure.severity(odd)
    @allure.id(other)
    @allure.suite(odd)
    @allure.link(odd, link_type=other, name=odd)
    @allure.issue(odd, name=other)
    @pytest.mark.allure_label.with_args(odd)
    @pytest.mark.allure_label.with_args(odd, label_type=other)
    @pytest.mark.allure_link.with_args(odd, name=other)
    def test_marked(value):
        allure.attach("body", "name")

    globals()[f"test_marked_{number}"] = test_marked
    del test_marked

@allure.title("{value}")
@pytest.mark.parametrize("value", [pytest.param(odd, id=str(n)) for n, odd in enumerate(ODD)])
def test_title(value, subtests):
    with subtests.test(msg=value, value=value):
        pass
"""

FIELDS = {"uuid", "name", "fullName", "historyId", "testCaseId", "status", "start", "stop"}
ALLOWED = {"passed", "failed", "broken", "skipped", "unknown"}


def load(path: Path):
    """JSON as JavaScript and Java read it: no NaN, and nothing that cannot be encoded."""
    return json.loads(path.read_bytes().decode(), parse_constant=lambda name: pytest.fail(name))


def everything(item):
    yield item
    for step in (*item.get("steps", ()), *item.get("befores", ()), *item.get("afters", ())):
        yield from everything(step)


def assert_sound(directory: Path):
    """Every file can be read, and says what it must."""
    results = [load(path) for path in directory.glob("*-result.json")]
    containers = [load(path) for path in directory.glob("*-container.json")]
    for path in directory.glob("*-globals.json"):
        load(path)
    for result in results:
        assert result.keys() >= FIELDS, result
    for item in [each for top in (*results, *containers) for each in everything(top)]:
        assert item.get("status", "passed") in ALLOWED
        for parameter in item.get("parameters", ()):
            assert type(parameter["name"]) is type(parameter["value"]) is str
        for attachment in item.get("attachments", ()):
            is_ours = "-attachment" in attachment["source"]  # else the case has named it
            assert not is_ours or (directory / attachment["source"]).is_file(), attachment
    return results


OUTCOMES = """
import json

outcomes = {}

def pytest_runtest_logreport(report):
    # A subtest's report has the test's name.
    if type(report).__name__ == "TestReport" and (report.when == "call" or report.failed):
        outcomes[report.nodeid] = report.outcome

def pytest_sessionfinish(session):
    name = "with.json" if session.config.option.allure_report_dir else "plain.json"
    session.config.rootpath.joinpath(name).write_text(json.dumps(outcomes))
"""


@pytest.fixture
def outcomes_of(run, pytester):
    """Run what is there; return the outcomes by node id, and the results."""
    pytester.makeconftest(OUTCOMES)
    pytester.makepyfile(odd=ODD, calls=CALLS)

    def outcomes_of(*, alluredir):
        done = run(None, "-q", "--tb=no", alluredir=alluredir, plugins=())
        outcomes = load(pytester.path / ("with.json" if alluredir else "plain.json"))
        results = assert_sound(done.report.directory) if alluredir else []
        for result in results:
            labels = {label["name"]: label["value"] for label in result["labels"]}
            assert (labels["framework"], labels["package"]) == ("pytest", "test_odd")
            assert "suite" in labels
        return outcomes, results

    return outcomes_of


STEP = 460


@pytest.mark.parametrize("first", range(0, 2 * STEP, STEP))
def test_calls(pytester, outcomes_of, first):
    """No call raises: for some of the values, allure_commons' own step does without a report."""
    numbers = range(first, first + STEP)
    pytester.makepyfile(test_odd=CASES.format(first=first, last=first + STEP))
    outcomes, results = outcomes_of(alluredir=True)
    assert outcomes == {
        f"test_odd.py::test_call[{n}]": "passed" if n % 10 else "failed" for n in numbers
    }
    found = Counter()
    for result in results:
        assert result["fullName"] == "test_odd#test_call"
        number = next(p["value"] for p in result["parameters"] if p["name"] == "number")
        found[int(number)] += 1
        assert result["status"] == ("passed" if int(number) % 10 else "failed"), result
    assert found == Counter(numbers)


def test_marks_and_parameters(pytester, outcomes_of):
    """Some tests fail: pytest itself cannot show every value as a subtest's message."""
    pytester.makepyfile(test_odd=MARKS)
    plain, _ = outcomes_of(alluredir=False)
    outcomes, results = outcomes_of(alluredir=True)
    assert outcomes == plain
    assert len(results) == len(outcomes) == 2 * len(VALUES)
    statuses = Counter(result["status"] for result in results)
    assert statuses["passed"] == Counter(outcomes.values())["passed"] > 110
    assert statuses.keys() <= {"passed", "failed", "broken"}
    assert Counter(result["fullName"] for result in results) == {
        "test_odd#test_title": len(VALUES),
        **{f"test_odd#test_marked_{number}": 1 for number in range(len(VALUES))},
    }


# -- through the exporter and the processor


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Forget the test sessions of this process: exporters stand aside for what those report."""
    monkeypatch.setattr(recorders, "stack", [])
    monkeypatch.setattr(recorders, "past_sessions", [])


ids = count(1)
NAMES = (
    "auth", "http.request.method", "url.full", "http.response.status_code", "db.system", "db.query.text",
    "rpc.system", "messaging.system", "gen_ai.operation.name", "gen_ai.input.messages", "graphql.document",
    "exception.type", "error.type", "http.request.header.cookie", "http.request.body", "service.peer.name",
    *(value for name, value in vars(c).items() if isinstance(value, str) and value.startswith("allure.")),
    c.TEST_CASE_NAME, c.TEST_CASE_RESULT_STATUS, c.PYTEST_NODE_ID, "aws.s3.bucket", "faas.trigger",
    "db.query.parameter.x", "graphql.variables.x", "http.request.body.size", "code.line.number",
)  # fmt: skip
SPAN_FIELDS = (
    "_name", "_kind", "_status", "_start_time", "_end_time", "_attributes", "_events", "_links",
    "_resource", "_instrumentation_scope", "_parent",
)  # fmt: skip


def context():
    number = next(ids)
    return SpanContext(number, number, False, TraceFlags(1))


def odd_attributes(odd):
    for number, name in enumerate(NAMES):
        if number % 2:
            yield {"_attributes": {"http.request.method": "GET", "db.system": "x", name: odd}}
        else:
            yield {"_attributes": {c.KIND: "test", name: [odd, odd]}}


def odd_fields(odd):
    for name in SPAN_FIELDS:
        yield {name: odd}
        yield {name: odd, "_attributes": {c.TEST_CASE_NAME: "test"}}
    yield {"_attributes": {("no", "text"): odd, 5: odd}}
    yield {"_events": [odd, Event("exception", {"exception.message": odd}, odd)]}
    yield {"_events": [SimpleNamespace(name=odd, timestamp=odd, attributes=odd)]}
    yield {
        "_links": [odd, Link(context(), {"a": odd}), SimpleNamespace(context=odd, attributes=odd)]
    }
    yield {"_resource": SimpleNamespace(attributes={"service.name": odd, "host.name": odd})}
    yield {"_status": SimpleNamespace(status_code=StatusCode.ERROR, description=odd)}
    yield {"_parent": SimpleNamespace(span_id=odd, is_remote=odd)}


def odd_span(changes):
    span = ReadableSpan(
        "span", context=context(), resource=Resource({"service.name": "shop"}), start_time=10**18,
        end_time=10**18 + 10**6, status=Status(StatusCode.ERROR, "error"),
    )  # fmt: skip
    for name, value in changes.items():
        setattr(span, name, value)
    return span


def spans():
    return [
        odd_span(changes) for odd in VALUES for changes in (*odd_attributes(odd), *odd_fields(odd))
    ]


def test_exporter(tmp_path, monkeypatch):
    """All in one batch: what cannot be translated costs no other trace."""
    for name in ("ATTACH_HTTP", "ATTACH_SQL"):  # a file each
        monkeypatch.setenv(f"OTEL_EXPORTER_ALLURE_{name}", "off")
    exporter = AllureSpanExporter(tmp_path)
    odd = spans()
    assert len(odd) > 3_000
    exporter.export(odd)
    exporter.shutdown()
    assert len(assert_sound(tmp_path)) == len(odd)


@pytest.mark.parametrize("route", ["batch", "simple", "processor"])
def test_processors(tmp_path, route):
    processor = {
        "batch": lambda: BatchSpanProcessor(AllureSpanExporter(tmp_path)),
        "simple": lambda: SimpleSpanProcessor(AllureSpanExporter(tmp_path)),
        "processor": lambda: AllureSpanProcessor(tmp_path),
    }[route]()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("odd")
    for odd in VALUES:
        span = tracer.start_span("span", start_time=odd)
        for name in NAMES:
            span._attributes._dict[name] = odd
        span._name = span._kind = span._status = odd
        span._attributes._dict.pop(c.KIND)
        span.add_event("event", {"a": "b"}, timestamp=odd)
        span.end(odd)
    provider.force_flush()
    provider.shutdown()
    assert len(assert_sound(tmp_path)) == len(VALUES)
