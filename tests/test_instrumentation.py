"""Instrumentations that a run activates: real ones, on real traffic over the loopback."""

from __future__ import annotations

import importlib.util
import json
import sys

import pytest

from otel_allure.testing.results import tree


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """Client and server of a call are two steps: whose is where is what is tested here."""
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_JOIN_CALLS", "off")


NEEDED = "aiohttp", "opentelemetry.instrumentation.aiohttp_client"
pytestmark = [
    pytest.mark.usefixtures("only_steps"),
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in NEEDED),
        reason="the instrumentations are not installed",
    ),
]

TRAFFIC = """
    import aiohttp
    import allure
    import asyncio
    import pytest
    from aiohttp import web

    async def hello(request):
        with allure.step("in the handler"):
            await asyncio.sleep(0)
        return web.Response(text="hello")

    @pytest.fixture
    async def url():
        application = web.Application()
        application.router.add_get("/hello/{name}", hello)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
        await runner.cleanup()

    async def get(url):
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status

    async def test_traffic(url):
        with allure.step("say hello"):
            assert await get(f"{url}/hello/world") == 200
        with allure.step("to both"):
            await asyncio.gather(*(get(f"{url}/hello/{name}") for name in ("one", "two")))
        with allure.step("to nobody"):
            assert await get(f"{url}/nobody") == 404
"""


def hello(name):
    """A request to `/hello/{name}`, as the client has seen it and in it the server."""
    return {f"GET /hello/{name} → 200": [{"GET /hello/{name} → 200": ["in the handler"]}]}


def rows(result):
    """The tree of a result, with server spans named alike: old versions name the handler."""
    return json.loads(json.dumps(tree(result)).replace("GET hello ", "GET /hello/{name} "))


CHOICES = [
    "--allure-otel-instrument=aiohttp-client,aiohttp-server",
    "--allure-otel-instrument=all",
    "--override-ini=allure_otel_instrument=aiohttp-client, aiohttp-server",
]


@pytest.mark.parametrize("option", CHOICES, ids=["names", "all", "ini"])
def test_traffic(run, option):
    """Step, client span, server span and the handler's step are nested, also when concurrent."""
    done = run(TRAFFIC, option, passed=1)
    result = done.report["test_traffic"]
    one, both, nobody = rows(result)
    assert one == {"say hello": [hello("world")]}
    assert sorted(both["to both"], key=str) == [hello("one"), hello("two")]
    (request,) = nobody["to nobody"]  # a 404 that was expected is no failure
    assert list(request) == ["GET /nobody → 404"]
    assert "not complete" not in done.outcome.stdout.str()


def test_without_asking(run):
    """Nothing is instrumented that nobody asked for: the server's work is the running test's."""
    done = run(TRAFFIC, passed=1)
    result = done.report["test_traffic"]
    names = ["say hello", "to both", "to nobody", *["in the handler"] * 3]
    assert sorted(tree(result)) == sorted(names)
    befores = {fixture["name"]: tree(fixture) for fixture in done.report.fixtures_of(result)}
    assert befores["url"] == []


def test_deactivation(pytester, monkeypatch):
    """After the run only what was active before is; what was active makes one span, not two."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        test_traffic=TRAFFIC,
        main="""
        import json
        import pytest
        import aiohttp.web
        from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
        from opentelemetry.instrumentation.aiohttp_server import AioHttpServerInstrumentor
        from otel_allure.testing.results import Results

        application = aiohttp.web.Application
        AioHttpClientInstrumentor().instrument()
        status = pytest.main([
            "-p", "otel_allure", "-p", "asyncio", "-p", "no:cacheprovider", "-q",
            "-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function",
            "--alluredir=results", "--allure-otel-instrument=aiohttp-client,aiohttp-server",
        ])
        (result,) = Results("results").results
        print(json.dumps([
            status, {"steps": result["steps"][:1]},
            AioHttpClientInstrumentor().is_instrumented_by_opentelemetry,
            AioHttpServerInstrumentor().is_instrumented_by_opentelemetry,
            aiohttp.web.Application is application,
        ]))
        """,
    )
    done = pytester.run(sys.executable, "main.py")
    status, found, *state = json.loads(done.outlines[-1])
    assert (status, rows(found)) == (0, [{"say hello": [hello("world")]}])
    assert state == [True, False, True]


INSTRUMENTORS = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

class Failing(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return []

    def _instrument(self, **kwargs):
        raise RuntimeError("cannot do it")

    def _uninstrument(self, **kwargs):
        raise AssertionError("it was never active")

class FailingLater(Failing):
    def _instrument(self, **kwargs):
        pass

    def _uninstrument(self, **kwargs):
        raise RuntimeError("cannot undo it")
"""


def install(pytester, name, entries, *requires):
    """Make a distribution of instrumentations that is found in the current directory."""
    folder = pytester.mkdir(f"{name}-1.0.dist-info")
    rows = [f"Requires-Dist: {needed}; extra == 'instruments'" for needed in requires]
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *rows]
    (folder / "METADATA").write_text("\n".join([*metadata, "Provides-Extra: instruments", ""]))
    (folder / "entry_points.txt").write_text("\n".join(["[opentelemetry_instrumentor]", *entries]))


FAILING = {
    "failing": "RuntimeError: cannot do it",
    "missing": "ModuleNotFoundError: No module named 'no_such_module'",
    "absent": 'DependencyConflict: requested: "no-such-library >= 1" but found: "None"',
}


@pytest.mark.parametrize("named", [True, False], ids=["by name", "all"])
def test_failures(run, pytester, named):
    """The run and the others are fine; what was asked for by its name is missing from the report.

    Of all, one that fails is noted, and one without its library is no news.
    """
    pytester.makepyfile(instrumentors=INSTRUMENTORS)
    entries = ["failing = instrumentors:Failing", "failing_later = instrumentors:FailingLater"]
    install(pytester, "failing", [*entries, "missing = no_such_module:Instrumentor"])
    install(pytester, "absent", ["absent = no_such_module:Other"], "no-such-library >= 1")
    names = "failing,missing,failing_later,absent,aiohttp-client,aiohttp-server" if named else "all"
    done = run(TRAFFIC, f"--allure-otel-instrument={names}", passed=1)
    assert rows(done.report["test_traffic"])[0] == {"say hello": [hello("world")]}
    text = done.outcome.stdout.str()
    for name in (*FAILING, "absent"):
        assert (f"activating {name}: " in text) == named
    note = [line for line in done.outcome.outlines if "of all instrumentations" in line]
    if named:
        assert FAILING["failing"] in text
        assert FAILING["missing"] in text
        assert not note
    else:
        (line,) = note
        assert f"failing ({FAILING['failing']})" in line
        assert f"missing ({FAILING['missing']})" in line
        assert "absent" not in text
    assert done.outcome.ret == 0
    assert "Traceback" not in text + done.outcome.stderr.str()


def test_all_of_which_some_fail_is_complete(run, pytester):
    """The report has everything that it can have."""
    pytester.makepyfile(instrumentors=INSTRUMENTORS)
    install(pytester, "failing", ["failing = instrumentors:Failing"])
    done = run("def test_one(): pass", "--allure-otel-instrument=all", plugins=(), passed=1)
    assert "not complete" not in done.outcome.stdout.str()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("surely-absent", "pip install opentelemetry-instrumentation-surely-absent"),
        ("surely_absent", "pip install opentelemetry-instrumentation-surely-absent"),
        ("kafka", "pip install opentelemetry-instrumentation-kafka-python"),
        ("grpc_client", "pip install opentelemetry-instrumentation-grpc"),
        ("aiohttp-klient", "did you mean 'aiohttp-client'"),
        ("celeri", "did you mean 'celery'"),
    ],
)
def test_what_is_not_installed(run, name, said):
    """Is a mistake of the command line, which says how to mend it."""
    done = run("def test_one(): pass", f"--allure-otel-instrument={name}", plugins=())
    assert done.outcome.ret == pytest.ExitCode.USAGE_ERROR
    error = done.outcome.stderr.str()
    assert f"no instrumentation named {name!r} is installed" in error
    assert said in error
    assert "Traceback" not in error
