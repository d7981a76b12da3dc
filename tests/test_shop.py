"""The example, end to end: a real application on a real PostgreSQL, instrumented as users do."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import aiohttp
import pytest

from otel_allure.testing.results import Results, steps, tree

SHOP = Path(__file__).parent.parent / "examples" / "shop"
INSTRUMENTATIONS = "aiohttp-client,aiohttp-server,asyncpg"
SCRIPTS = sysconfig.get_path("scripts")
# To look for what else could be instrumented takes longer than most of what is tested.
ONLY_THESE = ("aiohttp-server", "asyncpg")
NO_OTHERS = {
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(
        {each.name for each in entry_points(group="opentelemetry_instrumentor")} - {*ONLY_THESE}
    )
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The report of the example's own test suite."""
    directory = tmp_path_factory.mktemp("shop") / "results"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SHOP)]
    command += [f"--alluredir={directory}", f"--allure-otel-instrument={INSTRUMENTATIONS}"]
    command += ["-p", "no:asyncio-cooperative"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "2 failed, 26 passed, 1 skipped, 1 xfailed" in done.stdout, done.stdout + done.stderr
    return Results(directory)


def test_every_test_has_a_result(suite):
    statuses = Counter(result["status"] for result in suite.results)
    assert statuses == {"passed": 26, "failed": 2, "skipped": 2}


def test_calls_nest_below_the_step_they_happened_in(suite):
    """step → HTTP call → SQL, in two branches that ran at the same time."""
    branches = [
        {
            f"{name} looks around": [
                {f"Look at item {item}": [{f"GET /items/{item} → 200": ["SELECT items"]}]},
                f"[what {name} saw]",
            ]
        }
        for name, item in (("Alice", 1), ("Bob", 2))
    ]
    result = suite["Two visitors at once"]
    assert tree(result) == [*branches, "[Waterfall]"]
    assert "data:image/svg+xml;base64," in result["descriptionHtml"]
    alice, bob = result["steps"]
    assert max(alice["start"], bob["start"]) <= min(alice["stop"], bob["stop"])


@pytest.mark.usefixtures("only_steps")
@pytest.mark.skipif(os.name == "nt", reason="it is stopped by a signal")
def test_a_server_of_its_own_process_is_in_the_steps(tmp_path):
    """step → the client's call → the server's → its SQL, by OTLP: all calls, to the last one."""
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SHOP)]
    command += ["-p", "xdist", "-n", "2"]
    command += [f"--alluredir={tmp_path}", "--allure-otel-instrument=aiohttp-client"]
    command += ["--allure-otel-receiver", "-p", "otel_allure", "-p", "asyncio"]
    environment = {**os.environ, **NO_OTHERS, "PATH": path, "SHOP_APART": "1"}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["OTEL_EXPORTER_ALLURE_JOIN_CALLS"] = "off"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout
    assert "2 failed, 26 passed, 1 skipped, 1 xfailed" in told, told + done.stderr
    assert "nothing was received" not in done.stdout
    report = Results(tmp_path)
    alice, bob, *_ = tree(report["Two visitors at once"])
    for branch, name, item in ((alice, "Alice", 1), (bob, "Bob", 2)):
        served = {"GET /items/{id} → 200 (shop)": ["SELECT items"]}
        call = {f"Look at item {item}": [{f"GET /items/{item} → 200": [served]}]}
        assert branch == {f"{name} looks around": [call, f"[what {name} saw]"]}
    calls = [s for r in report.results for s in steps(r) if re.match(r"[A-Z]+ /\S+ → ", s["name"])]
    answers = [s for s in calls if s["name"].endswith("(shop)")]
    assert len(calls) == 2 * len(answers)
    without_sql = {s["name"].split()[-2] for s in answers if not s.get("steps")}
    assert without_sql <= {"400", "405"}


def test_expected_4xx_leaves_the_steps_green(suite):
    result = suite["test_unknown_item"]
    assert {step["status"] for step in steps(result)} == {"passed"}
    assert "GET /items/999 → 404" in {step["name"] for step in steps(result)}


def test_one_query_for_each_order_is_told(suite):
    result = suite["Order history: one query for each order"]
    (folded,) = [step for step in steps(result) if "×" in step["name"]]
    assert re.fullmatch(r"SELECT order_lines ×12, .* \(N\+1 query\?\)", folded["name"])
    assert len(folded["steps"]) <= 2


def test_failure_is_in_the_step_that_failed(suite):
    result = suite["test_ten_units_earn_the_discount"]
    failed = [step["name"] for step in steps(result) if step["status"] == "failed"]
    assert failed == ["Compare the total with the price list"]


def test_a_test_that_asks_its_trace_marks_the_calls(suite):
    result = suite["Order history does not ask once for each order"]
    expected = "trace.step('Read all orders of *').no_n_plus_one()"
    assert [s["name"] for s in steps(result) if s["status"] == "failed"] == [expected]
    marked = [step["name"] for step in steps(result) if step["name"].endswith("✗")]
    assert marked[0].startswith("SELECT order_lines ×12")
    assert all(name.startswith("SELECT order_lines") for name in marked)
    assert f"{expected}: expected no equal calls" in result["statusDetails"]["message"]
    asked = tree(suite["Two looks at once: one query each, at the same time"])
    assert "trace.overlap('Alice looks around', 'Bob looks around')" in asked


def test_every_test_that_used_the_database_has_it_as_fixture(suite):
    """One container for the session's fixture, with exactly its users."""
    (database,) = [c for c in suite.containers if c.get("name") == "database"]
    users = {r["uuid"] for r in suite.results if r["name"] not in ("test_payment",)}
    assert set(database["children"]) == users
    assert tree(database["befores"][0])


def test_no_secret_and_no_empty_file(suite):
    for path in suite.directory.iterdir():
        assert path.stat().st_size > 0, path
        assert not path.name.endswith(".tmp")


REQUESTS = 100


async def load(url: str) -> Counter[int]:
    """Send requests, 20 at a time; the client is not instrumented."""
    paths = [f"/items/{n % 5 + 1}" for n in range(REQUESTS - 10)] + ["/items/999"] * 10
    limit = asyncio.Semaphore(20)

    async def get(session: aiohttp.ClientSession, path: str) -> int:
        async with limit, session.get(url + path) as response:
            await response.read()
            return response.status

    async with aiohttp.ClientSession() as session:
        return Counter(await asyncio.gather(*(get(session, path) for path in paths)))


@pytest.mark.usefixtures("only_steps")
@pytest.mark.parametrize("how", ["opentelemetry-instrument", "otel-allure run"])
def test_server_under_load(tmp_path, how):
    """One result a request, each with its SQL, also when the server is stopped by a signal."""
    directory = tmp_path / "results"
    environment = {**os.environ, "OTEL_EXPORTER_ALLURE_RESULTS_DIR": str(directory)}
    command = [f"{SCRIPTS}/otel-allure", "run", "python"]
    if how == "opentelemetry-instrument":
        command = [f"{SCRIPTS}/opentelemetry-instrument", sys.executable]
        environment |= {
            **NO_OTHERS,
            "OTEL_TRACES_EXPORTER": "allure",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
    command += ["app.py", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=SHOP,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            line = next(line for line in server.stdout if "Running on" in line)
            assert asyncio.run(load(line.split()[3])) == {200: REQUESTS - 10, 404: 10}
        finally:
            server.send_signal(signal.SIGTERM)
            _, errors = server.communicate(timeout=60)
    report = Results(directory)
    requests = [r for r in report.results if r["name"].startswith("GET ")]
    expected = {"GET /items/{id} → 200": REQUESTS - 10, "GET /items/{id} → 404": 10}
    assert Counter(r["name"] for r in requests) == expected
    assert all(tree(r) == ["SELECT items"] for r in requests)
    assert {r["status"] for r in requests} == {"passed"}
    others = [r["name"] for r in report.results if r not in requests]
    assert others == ["Outside of requests"]  # tables that are created at the start
    if how == "otel-allure run":
        assert f"otel-allure: {len(report.results)} results written to {directory}" in errors
