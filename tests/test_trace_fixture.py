"""Tests that ask for their own trace: the fixture, waiting, budgets, and what the report shows."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from typing import Any

import pytest

from otel_allure import TraceUsageError
from otel_allure.pytest_plugin import budgets_file
from otel_allure.testing.results import Results, steps, tree

HEAD = """
import asyncio
import os
import subprocess
import sys
import threading

import allure
import pytest
from opentelemetry import trace as otel

import otel_allure

tracer = otel.get_tracer("db")


def sql(text):
    asked = {"db.system": "postgresql", "db.statement": text}
    with tracer.start_as_current_span("db", kind=otel.SpanKind.CLIENT, attributes=asked):
        pass

"""

ASKING = (
    HEAD
    + """
def test_selects(trace):
    with allure.step("pay"):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")
    trace.step("pay").sql("SELECT lines").once()
    assert len(trace.sql) == 2
    assert trace.tree() == "pay\\n  SELECT orders\\n  SELECT lines"

def test_open_spans_are_seen(trace):
    with allure.step("pay"):
        assert trace.span("pay").one().end_ns is None

def test_fails(trace):
    with allure.step("pay"):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")
    trace.check.span("send mail").exists()
    with allure.step("Look at the trace"):
        trace.sql.at_most(1)

def test_plain_assert(trace):
    with allure.step("pay"):
        sql("SELECT * FROM orders")
    assert len(trace.sql) < 1

@pytest.mark.budget(sql=1, seconds=60)
class TestBudget:
    def test_marked(self):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")

    @pytest.mark.budget(sql=2)
    def test_nearest_counts(self):
        sql("SELECT * FROM orders")
        sql("SELECT * FROM lines")

def test_budget_of_a_block(trace):
    sql("SELECT * FROM orders")
    with trace.budget(sql=1):
        sql("SELECT * FROM orders")
    with trace.budget(sql=0):
        sql("SELECT * FROM lines")

async def test_waits(trace):
    ready = asyncio.Event()
    async def later():
        await ready.wait()
        sql("SELECT * FROM late")
    task = asyncio.create_task(later())
    asyncio.get_running_loop().call_later(0.03, ready.set)
    found = await trace.wait_for("SELECT late")
    assert found.one().end_ns
    await trace.eventually(lambda: trace.sql.once())
    await task

async def test_waits_are_tasks_too(trace):
    asyncio.get_running_loop().call_later(0.03, sql, "SELECT * FROM late")
    once = lambda: trace.sql.once()
    tasks = [asyncio.create_task(trace.wait_for("SELECT late")),
             asyncio.create_task(trace.eventually(once))]
    found, _, same, none = await asyncio.gather(*tasks, trace.wait_for("SELECT late"),
                                                trace.eventually(once))
    assert found == same and len(found) == 1 and none is None
    given_up = asyncio.create_task(trace.wait_for("nothing"))
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(trace.wait_for("nothing"), 0.01)

def test_what_is_nothing_is_not_met(trace):
    sql("SELECT * FROM orders")
    trace.eventually(lambda: trace.http.absent())
    trace.eventually(lambda: None)
    for check in (lambda: trace.http, lambda: len(trace.http), lambda: False):
        with pytest.raises(otel_allure.TraceAssertionError, match="expected that it is so"):
            trace.eventually(check, timeout=0.001)
        trace.check.eventually(check, timeout=0.001)
    trace.check.eventually(lambda: trace.sql.exactly(7), timeout=0.001)
    trace.check.eventually(lambda: trace.check.sql.exactly(7), timeout=0.001)
    trace.check.eventually(lambda: trace.span("x", service="billing").once(), timeout=0.001)
    async def coroutine(): pass
    for check, text in ((coroutine, "no coroutine function"), (3, "takes a function"),
                        (trace.sql, "takes a function")):
        with pytest.raises(otel_allure.TraceUsageError, match=text):
            trace.eventually(check)
    for ask in (lambda: trace.wait_for(), lambda: trace.wait_for("x", count=0),
                lambda: trace.wait_for("x", timeout="1"),
                lambda: trace.wait_for("x", timeout=float("inf"))):
        with pytest.raises(otel_allure.TraceUsageError):
            ask()

def test_waits_in_plain_code(trace):
    thread = threading.Timer(0.03, sql, ["SELECT * FROM late"])
    thread.start()
    trace.wait_for("SELECT late").once()
    trace.eventually(lambda: len(trace.sql) == 1)
    thread.join()

async def test_forgotten(trace):
    trace.wait_for("SELECT late")
    sql("SELECT * FROM late")
    trace.sql.once()

async def test_forgotten_to_the_end(trace):
    waiting = trace.wait_for("SELECT late")

async def test_forgotten_and_asked(trace):
    waiting = trace.wait_for("SELECT late")
    waiting.once()

def test_too_late(trace):
    sql("SELECT * FROM orders")
    trace.wait_for("SELECT late", timeout=0.01)

def test_inconclusive(trace):
    sql("SELECT * FROM orders")
    trace.wait_for("process order", service="billing", timeout=0.01)

kept = []

def test_keeps(trace):
    kept.append(trace)

def test_asks_after_the_test(trace):
    kept[0].sql

def test_without_a_fixture():
    sql("SELECT * FROM orders")
    otel_allure.trace.sql.once()

def test_asked_for_by_name(request):
    trace = request.getfixturevalue("trace")
    sql("SELECT * FROM orders")
    trace.sql.once()
"""
)
TEXTS = {
    "test_fails": "trace.sql.at_most(1): expected at most 1, found 2",
    "test_plain_assert": "where 1 = len(<trace.sql: 1 spans: 'SELECT orders'>)",
    "test_marked": "budget(sql=1, seconds=60): expected at most sql=1, seconds=60, found sql=2",
    "test_budget_of_a_block": "trace.budget(sql=0): expected at most sql=0, found sql=1",
    "test_forgotten": "in a coroutine it is `await trace.wait_for('SELECT late', timeout=5)`",
    "test_forgotten_to_the_end": "in a coroutine it is `await trace.wait_for('SELECT late'",
    "test_forgotten_and_asked": "in a coroutine it is `await trace.wait_for('SELECT late'",
    "test_too_late": "expected 1 that ended within 0.01 s, found nothing",
    "test_inconclusive": "billing never reported a span in this run; is its exporter set?",
    "test_asks_after_the_test": "the test is over: its trace can be asked while it runs",
}
FAILED = len(TEXTS)
PASSED = ASKING.count("def test_") - FAILED


def said(output: str) -> dict[str, str]:
    """Return what pytest says of each test that failed."""
    parts = re.split(r"^_{3,} (?:\w+\.)?(\w+) _{3,}$", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A suite that asks, run with a report in a process of its own."""
    directory = tmp_path_factory.mktemp("asked")
    return in_child(directory, ASKING, "--alluredir=results")


def in_child(directory: Any, source: str, *arguments: str) -> tuple[str, Results]:
    (directory / "test_it.py").write_text(source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "otel_allure.pytest_plugin"]
    command += ["-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto"]
    command += ["-o", "asyncio_default_fixture_loop_scope=function"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=directory,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr, Results(directory / "results")


def test_what_is_told_with_a_report(asked):
    output, _ = asked
    assert f"{FAILED} failed, {PASSED} passed" in output.replace("1 error, ", ""), output
    texts = said(output)
    assert texts.keys() == TEXTS.keys()
    for name, text in TEXTS.items():
        assert text in texts[name], texts[name]
        assert "otel_allure/" not in texts[name].replace("otel_allure/assertions/errors", "")


def test_the_report_shows_what_was_expected(asked):
    _, report = asked
    result = report["test_fails"]
    assert tree(result)[:3] == [
        {"pay": ["SELECT orders ✗", "SELECT lines ✗"]},
        "failed: trace.check.span('send mail').exists()",
        {"failed: Look at the trace": ["failed: trace.sql.at_most(1)"]},
    ]
    failed = [step for step in steps(result) if step["name"] == "trace.sql.at_most(1)"]
    assert "expected at most 1, found 2" in failed[0]["statusDetails"]["message"]
    (marked,) = [step for step in steps(result) if step["name"] == "SELECT lines ✗"]
    (parameter,) = [row for row in marked["parameters"] if row["name"] == "✗"]
    assert parameter["value"] == "trace.sql.at_most(1)"
    assert "trace" in [label["value"] for label in result["labels"] if label["name"] == "tag"]
    assert "trace.sql.at\\_most(1): expected at most 1, found 2" in result["description"]


def test_a_report_tells_absent_from_inconclusive(asked):
    _, report = asked
    assert report["test_too_late"]["status"] == "failed"
    assert report["test_inconclusive"]["status"] == "broken"


def test_a_soft_wait_that_is_not_met_is_not_green(asked):
    _, report = asked
    its = [row for row in tree(report["test_what_is_nothing_is_not_met"]) if ".eventually" in row]
    soft = [row.partition("trace")[0] for row in map(str, its) if "check" in row]
    assert soft == [*["failed: "] * 4, "broken: "], its


def test_what_is_right_is_shown_too(asked):
    _, report = asked
    assert "trace.step('pay').sql('SELECT lines').once()" in tree(report["test_selects"])
    befores = [before["name"] for each in report.containers for before in each.get("befores", ())]
    assert "trace" not in befores


def test_without_a_report_it_is_the_same(tmp_path):
    without = ASKING.replace("def test_without_a_fixture():", "def test_without_a_fixture(trace):")
    output, _ = in_child(tmp_path, without, "-p", "xdist.plugin", "-n1")
    assert f"{FAILED} failed, {PASSED} passed" in output, output
    texts = said(output)
    for name, text in TEXTS.items():
        assert text in texts[name], texts[name]
    assert [p.name for p in tmp_path.iterdir() if p.name != "__pycache__"] == ["test_it.py"]


ORDERS = (
    HEAD
    + '''
import multiprocessing

from opentelemetry.sdk.trace import TracerProvider

otel.set_tracer_provider(TracerProvider())  # without one, nothing is recorded in isolation


def asserts(trace):
    trace.overlap("stock", "price")
    trace.in_order("stock", "mail")
    trace.in_order(trace.span("price"), trace.span("mail"), trace.span("audit"))
    trace.no_overlap("price", "mail")
    trace.find(re.compile("stock|price|mail")).at_most_at_once(2)
    for ask in (
        lambda: trace.no_overlap("stock", "price"),
        lambda: trace.in_order("stock", "price"),
        lambda: trace.in_order("price", "stock"),
        lambda: trace.in_order("mail", "stock"),
        lambda: trace.overlap("stock", "mail"),
        lambda: trace.find(re.compile("stock|price")).no_overlap(),
    ):
        with pytest.raises(otel_allure.TraceAssertionError):
            ask()


async def test_tasks(trace):
    inside = {"stock": asyncio.Event(), "price": asyncio.Event()}

    async def one(name, other):
        with allure.step(name):
            inside[name].set()
            await inside[other].wait()

    await asyncio.gather(one("stock", "price"), one("price", "stock"))
    for name in ("mail", "audit"):
        with allure.step(name):
            pass
    asserts(trace)


def both(name, barrier):
    with allure.step(name):
        barrier.wait()
        barrier.wait()


def alone(name):
    with allure.step(name):
        pass


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_workers(trace, kind):
    if kind == "processes" and sys.platform == "win32":
        pytest.skip("there is no fork")
    of = threading if kind == "threads" else multiprocessing.get_context("fork")
    start = of.Thread if kind == "threads" else of.Process
    barrier = of.Barrier(2, timeout=20)
    together = [start(target=both, args=[name, barrier]) for name in ("stock", "price")]
    for worker in together:
        worker.start()
    for worker in together:
        worker.join()
    for name in ("mail", "audit"):
        worker = start(target=alone, args=[name])
        worker.start()
        worker.join()
    trace.wait_for("audit")
    asserts(trace)


SERVICE = """
import os, sys
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from otel_allure import AllureSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "billing"}))
if sys.argv[1] == "on":
    provider.add_span_processor(AllureSpanProcessor())
sys.stdin.readline()
context = propagate.extract({name.lower(): value for name, value in os.environ.items()})
with provider.get_tracer("billing").start_as_current_span("process order", context):
    pass
print("done", flush=True)
"""


@pytest.mark.parametrize("exporter", ["off", "on"])
def test_another_program(trace, exporter):
    command = [sys.executable, "-c", SERVICE, exporter]
    with allure.step("place order"), subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=otel_allure.environment(),
        text=True,
    ) as program:
        program.stdin.write("go\\n")
        program.stdin.flush()
        if exporter == "on":
            found = trace.wait_for("process order", service="billing", timeout=60)
            found.once().below("place order")
        else:
            assert program.stdout.readline() == "done\\n"
            with pytest.raises(otel_allure.InconclusiveError, match="is its exporter set?"):
                trace.wait_for("process order", service="billing", timeout=0.01)


@pytest.fixture(scope="module")
def wide_shop():
    with allure.step("open the shop"):
        sql("SELECT * FROM shops")


@pytest.mark.parametrize("number", range(2))
def test_a_wide_fixture(trace, wide_shop, number):
    sql("SELECT * FROM orders")
    trace.sql.once()
    trace.fixture("wide_shop").step("open the shop").sql("SELECT shops").once()
    trace.fixture("wide_shop").wait_for("SELECT shops")
    with pytest.raises(otel_allure.TraceAssertionError) as raised:
        trace.fixture("wide_shop").sql.absent()
    tree = ["", "  wide_shop", "    open the shop", "✗     SELECT shops"]
    assert str(raised.value).splitlines()[1:] == tree
    with pytest.raises(otel_allure.TraceAssertionError, match="'wide_shop'. One of wider scope"):
        trace.fixture("shop").sql.absent()


def test_a_wide_fixture_of_others(trace):
    sql("SELECT * FROM orders")
    with pytest.raises(otel_allure.TraceAssertionError):
        trace.fixture("wide_shop").sql.once()


def test_subtests(trace, subtests):
    for number in range(2):
        with subtests.test("part", number=number):
            sql("SELECT * FROM parts")
            trace.sql.exactly(number + 1)


attempts = []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")
@pytest.mark.flaky(reruns=1)
def test_each_attempt_has_its_own(trace):
    attempts.append(1)
    sql("SELECT * FROM parts")
    trace.sql.once()
    assert len(attempts) == 2
'''
).replace("import os\n", "import os\nimport re\n", 1)


def test_forced_orders(tmp_path):
    """In one loop, in threads, in processes, in another program; and parts of a test."""
    output, _ = in_child(tmp_path, ORDERS, "-p", "rerunfailures", "--alluredir=results")
    assert "10 passed, 2 subtests passed, 1 rerun" in output, output


def test_forced_orders_in_isolation_without_a_report(tmp_path):
    arguments = [
        "--allure-otel-context=isolated",
        "-k",
        "not off and not subtests and not attempt and not wide",
    ]
    output, _ = in_child(tmp_path, ORDERS, *arguments)
    assert "4 passed, 6 deselected" in output, output


ELSEWHERE = (
    HEAD
    + """
import http.client
import json
import time
from urllib.parse import urlsplit

async def test_instrumented(trace):
    aiohttp = pytest.importorskip("aiohttp")
    pytest.importorskip("opentelemetry.instrumentation.aiohttp_client")
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get("http://127.0.0.1:1/pay")
    trace.http("GET /pay").once().status("error")

@pytest.fixture(scope="module")
def service():
    told = otel_allure.environment()
    return http.client.HTTPConnection(urlsplit(told["OTEL_EXPORTER_OTLP_ENDPOINT"]).netloc)

def test_for_which_the_service_is_started(service):
    pass

def test_received(trace, service):
    with allure.step("order"):
        _, trace_id, above, _ = otel_allure.environment()["TRACEPARENT"].split("-")
    now = str(time.time_ns())
    span = {"traceId": trace_id, "spanId": "00f067aa0ba902b7", "parentSpanId": above,
            "name": "process order", "startTimeUnixNano": now, "endTimeUnixNano": now}
    its = {"attributes": [{"key": "service.name", "value": {"stringValue": "billing"}}]}
    body = {"resourceSpans": [{"resource": its, "scopeSpans": [{"spans": [span]}]}]}
    service.request("POST", "/v1/traces", json.dumps(body), {"Content-Type": "application/json"})
    assert service.getresponse().read() is not None
    trace.wait_for("process order", service="billing").once().below("order")
    with pytest.raises(otel_allure.InconclusiveError, match="Those that have: billing"):
        trace.wait_for("print receipt", service="printer", timeout=0.01)
"""
)
WANTED = ["--allure-otel-receiver", "--allure-otel-instrument=aiohttp-client"]


def test_instrumentations_and_services_without_a_report(tmp_path):
    output, _ = in_child(tmp_path, ELSEWHERE, *WANTED, "-p", "xdist.plugin", "-n1")
    assert "3 passed" in output or "2 passed, 1 skipped" in output, output


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("--allure-otel-instrument=aiohtp", "--allure-otel-instrument: no instrumentation named"),
        ("--allure-receiver-address={}", "otel-allure: nothing can be received at 127.0.0.1:"),
    ],
)
def test_what_keeps_a_test_from_asking_is_told_to_it_alone(pytester, monkeypatch, wanted, told):
    """A name that is not installed, or a port that is taken, ends no run without a report."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("""
        import pytest

        def test_asks(trace): pass

        @pytest.mark.budget(sql=1)
        def test_budget(): pass

        def test_does_not(): pass
    """)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = wanted.format(f"127.0.0.1:{taken.getsockname()[1]}")
        plugin = ["-p", "otel_allure.pytest_plugin", "-q"]
        done = pytester.runpytest_inprocess(*plugin, "--allure-otel-receiver", wanted)
    done.assert_outcomes(passed=1, errors=1, failed=1)
    done.stdout.fnmatch_lines([f"*TraceUsageError: {told}*", f"{told}*"])


def test_tests_at_the_same_time_have_each_their_own(run):
    pytest.importorskip("pytest_asyncio_cooperative")
    source = (
        HEAD
        + """
turn = {}

@pytest.mark.asyncio_cooperative
@pytest.mark.parametrize("me", [0, 1])
async def test_one(trace, me):
    turn.setdefault(me, asyncio.Event()).set()
    await turn.setdefault(1 - me, asyncio.Event()).wait()
    sql(f"SELECT {me} FROM t{me}")
    trace.sql.once()
    trace.sql(f"SELECT t{me}").once()

@pytest.mark.asyncio_cooperative
@pytest.mark.budget(sql=0)
async def test_budget():
    sql("SELECT * FROM parts")
"""
    )
    done = run(source, plugins=("asyncio-cooperative",), alluredir=False)
    done.outcome.assert_outcomes(passed=2, failed=1)
    done.outcome.stdout.fnmatch_lines(["*budget(sql=0): expected at most sql=0, found sql=1"])


KEPT = """
["test_it.py::test_more_than_before"]
sql = 1
calls = 1

["test_it.py::test_that_is_not_run"]
http = 7
"""


def test_budgets_are_kept_in_a_file(tmp_path):
    """Enforced for tests that are in it, and written for those that pass; and metrics."""
    (tmp_path / "budgets.toml").write_text(KEPT, "utf-8")
    source = (
        HEAD
        + """
def test_more_than_before():
    sql("SELECT * FROM orders")
    sql("SELECT * FROM lines")

@pytest.mark.parametrize("name", ['with "quotes"'])
def test_new(name):
    sql("SELECT * FROM orders")

def test_calls_nothing():
    pass
"""
    )
    arguments = ["--allure-otel-check-budgets", "--allure-otel-write-budgets"]
    arguments += ["-o", "allure_otel_budget=calls=20", "-o", "allure_otel_metrics=on"]
    output, report = in_child(tmp_path, source, *arguments, "--alluredir=results")
    assert "1 failed, 2 passed" in output, output
    assert "budgets.toml: expected at most sql=1, calls=1, found sql=2, calls=2" in output
    assert "otel-allure: of 2 tests budgets.toml knows no budget" in output
    written = budgets_file.read(tmp_path / "budgets.toml")
    assert {name: {k: v for k, v in its.items() if v} for name, its in written.items()} == {
        "test_it.py::test_calls_nothing": {},
        "test_it.py::test_more_than_before": {"sql": 1, "calls": 1},
        'test_it.py::test_new[with "quotes"]': {"sql": 1, "calls": 1},
        "test_it.py::test_that_is_not_run": {"http": 7},
    }
    (perf,) = report.directory.glob("*-perf.json")
    values = {row["key"]: row["value"] for row in json.loads(perf.read_text("utf-8"))}
    assert (values["otel.sql"], values["otel.http"], values["otel.errors"]) == (3, 0, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "--allure-otel-write-budgets writes it"),
        ("[", "budgets.toml: "),
        ("a = 1", "a is not a table"),
        ("[a]\nsq = 1", "'sq' is none of sql"),
        ("[a]\nsql = -1", "is not a whole number of at least 0"),
    ],
)
def test_a_file_that_holds_no_budgets_is_told(tmp_path, text, told):
    path = tmp_path / "budgets.toml"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(TraceUsageError, match=re.escape(told)):
        budgets_file.read(path)


MARKS = {
    "@pytest.mark.budget(sq=1)": "'sq' is none of sql, http, rpc, messages, cache, calls, errors",
    "@pytest.mark.budget(3, sql=2)": "of what? It takes names: budget(sql=3)",
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_that_is_no_budget_ends_the_run(pytester, monkeypatch, mark):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(f"import pytest\n{mark}\ndef test_it(): pass")
    done = pytester.runpytest_inprocess("-p", "otel_allure.pytest_plugin", "-q")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines([f"*{MARKS[mark].replace('[', '[[]')}*"])


def test_a_mark_that_names_nothing_of_ours_is_somebody_elses(pytester, monkeypatch):
    """It has to run as without us, also where the project does not list its marks."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("""
        import pytest

        @pytest.mark.budget(3)
        def test_money(): pass

        @pytest.mark.budget
        def test_bare(): pass

        @pytest.mark.budget(quarter="Q3", limit="1 MB")
        def test_names(): pass
    """)
    done = pytester.runpytest_inprocess("-p", "otel_allure.pytest_plugin", "-q")
    done.assert_outcomes(passed=3)
    done.stdout.fnmatch_lines(["otel-allure: the mark 'budget' of 3 tests is not read, as it *"])


def test_what_others_call_so_is_theirs(pytester, monkeypatch):
    """A fixture `trace` and a mark `budget` of somebody else's."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\nmarkers =\n    budget(quarter): who pays\n")
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef trace(): return 'mine'")
    pytester.makepyfile("""
        import sys

        import pytest

        @pytest.mark.budget("Q3")
        def test_it(trace):
            assert trace == "mine"

        @pytest.mark.parametrize("trace", ["of a parameter"])
        def test_parameter(trace):
            assert trace == "of a parameter"
            from opentelemetry.trace import get_current_span
            assert not get_current_span().is_recording()
    """)
    done = pytester.runpytest_inprocess("-p", "otel_allure.pytest_plugin", "-q", "--strict-markers")
    done.assert_outcomes(passed=2)


def test_a_budget_that_nothing_was_measured_for_is_told(tmp_path):
    """In isolation without a provider there are no calls to count; elsewhere none is none."""
    source = (
        HEAD
        + """
from opentelemetry.sdk.trace import TracerProvider

@pytest.mark.budget(sql=0)
@pytest.mark.allure_otel_context("isolated")
def test_nobody_counts():
    sql("SELECT * FROM orders")

@pytest.mark.budget(seconds=9)
@pytest.mark.allure_otel_context("isolated")
def test_time_is_known():
    pass

@pytest.mark.budget(sql=0)
def test_calls_nothing():
    pass
"""
    )
    for arguments in ((), ("--alluredir=results",), ("-p", "xdist.plugin", "-n1")):
        output, _ = in_child(tmp_path, source, *arguments)
        assert "3 passed" in output, output
        assert "otel-allure: the budget of 1 test in isolation says nothing" in output
    provider = "\notel.set_tracer_provider(TracerProvider())\n"
    output, _ = in_child(tmp_path, source + provider)
    assert "1 failed, 2 passed" in output, output
    assert "says nothing" not in output
