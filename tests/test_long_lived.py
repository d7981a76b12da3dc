"""Work that lives longer than what started it belongs to the test that it is done for."""

from __future__ import annotations

import pytest

from otel_allure.testing.results import steps, tree


@pytest.fixture(autouse=True)
def apart(monkeypatch):
    """Client and server of a call are two steps: whose is where is what is tested here."""
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_JOIN_CALLS", "off")


pytestmark = pytest.mark.usefixtures("only_steps")

MODES = pytest.mark.parametrize("mode", ["shared", "isolated"])
SCOPES = pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])


def logs(report, item):
    """The lines of the log attachments of a result or step, and of those below."""
    found = [item, *steps(item)]
    attachments = [a for each in found for a in each.get("attachments", ()) if a["name"] == "log"]
    return "\n".join(report.body(attachment) for attachment in attachments)


SERVER = """
    import http.server
    import logging
    import threading
    import urllib.request

    import allure
    import pytest

    log = logging.getLogger("app")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            with allure.step("handle " + self.path):
                log.warning("request %s", self.path)
                allure.attach(self.path, "seen")
            log.warning("answered %s", self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    def started(kind=http.server.ThreadingHTTPServer):
        server = kind(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def get(server, path):
        urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=60).read()

    def stopped(server):
        server.shutdown()
        server.server_close()
"""


@MODES
@SCOPES
def test_server_of_a_fixture(run, mode, scope):
    done = run(
        SERVER
        + f"""
    @pytest.fixture(scope="{scope}")
    def server():
        with allure.step("start"):
            server = started()
        yield server
        stopped(server)

    def test_one(server):
        with allure.step("ask"):
            get(server, "/one")

    def test_two(server):
        with allure.step("ask"):
            get(server, "/two")
        """,
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=2,
    )
    for name in ("one", "two"):
        result = done.report[f"test_{name}"]
        assert sorted(s["name"] for s in result["steps"]) == ["ask", f"handle /{name}"]
        assert f"request /{name}" in logs(done.report, result)
        assert f"answered /{name}" in logs(done.report, result)
        (before,) = done.report.fixtures_of(result)
        assert tree(before) == ["start"]


def test_server_of_a_fixture_in_a_span_of_its_own(run):
    """A span that was current where the server was started, and has ended, is no place."""
    done = run(
        SERVER
        + """
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    trace.set_tracer_provider(TracerProvider())

    @pytest.fixture(scope="module")
    def server():
        with trace.get_tracer("x").start_as_current_span("start"):
            server = started()
        yield server
        stopped(server)

    @pytest.mark.parametrize("name", ["one", "two"])
    def test_it(server, name):
        get(server, f"/{name}")
        """,
        plugins=(),
        passed=2,
    )
    for name in ("one", "two"):
        result = done.report[f"test_it[{name}]"]
        assert [s["name"] for s in steps(result)] == [f"handle /{name}"]
        assert f"answered /{name}" in logs(done.report, result)
        (before,) = done.report.fixtures_of(result)
        assert tree(before) == ["start"]


def test_connection_that_is_kept_across_tests(run):
    """Its thread is of the first test; what it does for the second is the second's."""
    done = run(
        SERVER
        + """
    import functools
    import http.client

    @functools.lru_cache
    def client():
        server = started()
        return http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)

    @pytest.mark.parametrize("name", ["one", "two"])
    def test_it(name):
        client().request("GET", f"/{name}")
        client().getresponse().read()
        """,
        plugins=(),
        passed=2,
    )
    for name in ("one", "two"):
        result = done.report[f"test_it[{name}]"]
        assert [s["name"] for s in steps(result)] == [f"handle /{name}"]
        assert f"answered /{name}" in logs(done.report, result)


@MODES
def test_tasks_of_a_session(run, mode):
    """A consumer that a fixture has started in the session's loop, and a callback of a timer."""
    done = run(
        """
        import asyncio
        import logging

        import allure
        import pytest
        import pytest_asyncio
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        tracer = trace.get_tracer("app")
        pytestmark = pytest.mark.asyncio(loop_scope="session")

        @pytest_asyncio.fixture(scope="session", loop_scope="session")
        async def queue():
            jobs = asyncio.Queue()

            async def consume():
                while True:
                    name, done = await jobs.get()
                    with tracer.start_as_current_span("call"), allure.step(f"job {name}"):
                        logging.warning("working on %s", name)
                    done.set()

            with tracer.start_as_current_span("start"):
                task = asyncio.create_task(consume())
            yield jobs
            task.cancel()

        @pytest.mark.parametrize("name", ["one", "two"])
        async def test_it(queue, name):
            done = asyncio.Event()
            with allure.step("ask"):
                await queue.put((name, done))
                await done.wait()
        """,
        f"--allure-otel-context={mode}",
        passed=2,
    )
    for name in ("one", "two"):
        result = done.report[f"test_it[{name}]"]
        assert sorted(s["name"] for s in steps(result)) == ["ask", "call", f"job {name}"]
        assert f"working on {name}" in logs(done.report, result)
        assert [tree(f) for f in done.report.fixtures_of(result) if tree(f)] == [["start"]]


def test_while_two_tests_run(run):
    """Nobody can say whose it is: it stays with the fixture, and nothing is lost."""
    done = run(
        """
        import asyncio
        import queue
        import threading

        import allure
        import pytest

        jobs, both = queue.Queue(), asyncio.Event()

        @pytest.fixture(scope="session")
        def worker():
            def work():
                while (job := jobs.get()) is not None:
                    name, done = job
                    with allure.step(f"job {name}"):
                        pass
                    done.set()

            thread = threading.Thread(target=work)
            thread.start()
            yield
            jobs.put(None)
            thread.join()

        def do(name):
            done = threading.Event()
            jobs.put((name, done))
            done.wait(10)

        @pytest.mark.asyncio_cooperative
        async def test_one(worker):
            await both.wait()
            do("one")

        @pytest.mark.asyncio_cooperative
        async def test_two(worker):
            both.set()
            do("two")
        """,
        plugins=("asyncio-cooperative",),
        passed=2,
    )
    shown = [*done.report.results, *(f for c in done.report.containers for f in c["befores"])]
    assert sorted(s["name"] for each in shown for s in steps(each)) == ["job one", "job two"]


@pytest.mark.parametrize("provider", ["", "trace.set_tracer_provider(TracerProvider())"])
def test_request_with_a_traceparent_is_where_its_client_is(run, provider):
    """Whatever is current where it is served, and whoever has started the server."""
    done = run(
        f"""
        import threading

        import allure
        import pytest
        import requests
        from flask import Flask
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from werkzeug.serving import make_server

        {provider}

        @pytest.fixture(scope="session")
        def shop():
            app = Flask("shop")

            @app.get("/items/<int:n>")
            def item(n):
                with allure.step(f"find {{n}}"):
                    return {{"n": n}}

            server = make_server("127.0.0.1", 0, app, threaded=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{{server.port}}"
            server.shutdown()
            server.server_close()

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(shop, n):
            with allure.step("ask"):
                assert requests.get(f"{{shop}}/items/{{n}}").json() == {{"n": n}}
        """,
        "--allure-otel-instrument=requests,flask",
        plugins=(),
        passed=2,
    )
    for n in (1, 2):
        (ask,) = done.report[f"test_it[{n}]"]["steps"]
        ((client, inside),) = (s for (row,) in [tree(ask)] for s in row.items())
        assert client.startswith(f"GET /items/{n}")
        assert inside == [{"GET /items/<int:n> → 200": [f"find {n}"]}]


def test_log_of_a_step_that_is_still_open(run):
    """It stands at the step, of the test before, and at the test that `caplog` has it for."""
    done = run(
        """
        import logging
        import threading

        import allure

        opened, go_on, threads = threading.Event(), threading.Event(), []

        def work():
            with allure.step("long"):
                opened.set()
                go_on.wait(10)
                logging.warning("late")

        def test_one():
            threads.append(threading.Thread(target=work))
            threads[0].start()
            opened.wait(10)

        def test_two(caplog):
            go_on.set()
            threads[0].join()
            assert caplog.messages == ["late"]
        """,
        plugins=(),
        passed=2,
    )
    assert tree(done.report["test_one"]) == [{"long": ["[log]"]}]
    assert "late" in logs(done.report, done.report["test_two"])


@MODES
def test_server_that_the_test_itself_has_started(run, mode):
    """A span of ours is current in its threads; a request is where its client is all the same."""
    done = run(
        """
        import threading

        import allure
        import requests
        from flask import Flask
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from werkzeug.serving import make_server

        trace.set_tracer_provider(TracerProvider())

        def test_it():
            app = Flask("shop")
            app.add_url_rule("/items/<int:n>", view_func=lambda n: {"n": n})
            with allure.step("start"):
                server = make_server("127.0.0.1", 0, app, threaded=True)
                threading.Thread(target=server.serve_forever, daemon=True).start()
                with allure.step("ask at once"):
                    requests.get(f"http://127.0.0.1:{server.port}/items/1")
            with allure.step("ask"):
                requests.get(f"http://127.0.0.1:{server.port}/items/2")
            server.shutdown()
            server.server_close()

        def test_in_this_thread():
            app = Flask("shop")
            app.add_url_rule("/", view_func=lambda: {})
            seen = []
            app.before_request(lambda: seen.append(trace.get_current_span()))
            headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
            with allure.step("ask"):
                before = trace.get_current_span()
                app.test_client().get("/", headers=headers)
                assert trace.get_current_span() is before
            assert seen[0].context.trace_id == 0x0af7651916cd43dd8448eb211c80319c
        """,
        "--allure-otel-instrument=requests,flask",
        f"--allure-otel-context={mode}",
        plugins=(),
        passed=2,
    )
    result = done.report["test_it"]
    found = {s["name"]: s for s in steps(result)}
    served = "GET /items/<int:n> → 200"
    for step, n in (("ask at once", 1), ("ask", 2)):
        (client,) = found[step]["steps"]
        assert client["name"].startswith(f"GET /items/{n}")
        assert [s["name"] for s in client["steps"]] == [served]
    assert tree(done.report["test_in_this_thread"]) == [{"ask": ["GET / → 200"]}]


def test_request_without_a_traceparent_is_the_running_test_s(run):
    """No client is instrumented, so the server's span is a root; it is adopted."""
    done = run(
        """
        import threading
        import urllib.request

        import allure
        import pytest
        from flask import Flask
        from werkzeug.serving import make_server

        @pytest.fixture(scope="module")
        def shop():
            app = Flask("shop")
            app.add_url_rule("/items/<int:n>", view_func=lambda n: {"n": n})
            server = make_server("127.0.0.1", 0, app, threaded=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.port}"
            server.shutdown()
            server.server_close()

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(shop, n):
            urllib.request.urlopen(f"{shop}/items/{n}", timeout=60).read()
        """,
        "--allure-otel-instrument=flask",
        plugins=(),
        passed=2,
    )
    for n in (1, 2):
        assert [s["name"] for s in done.report[f"test_it[{n}]"]["steps"]] == [
            "GET /items/<int:n> → 200"
        ]


def test_spans_of_consumers_that_a_fixture_has_started(run):
    """By headers they are where the message was sent; in a span that is open, they stay in that."""
    done = run(
        """
        import contextlib
        import queue
        import threading

        import allure
        import pytest
        from opentelemetry import propagate, trace
        from opentelemetry.context import attach, detach
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        tracer = trace.get_tracer("app")

        class Consumer:
            def __init__(self, name, around=contextlib.nullcontext):
                self.name, self.around = name, around
                self.jobs, self.done = queue.Queue(), threading.Event()
                self.thread = threading.Thread(target=self.consume)
                self.thread.start()

            def consume(self):
                with self.around() as span:
                    while (headers := self.jobs.get()) is not None:
                        context = propagate.extract(headers) if headers else None
                        if self.around is holding:
                            context = trace.set_span_in_context(span)
                        if "bare" in (headers or ()):
                            self.work_in(context)
                        else:
                            with tracer.start_as_current_span(f"{self.name} job", context):
                                self.work()
                        self.done.set()

            def work_in(self, context):
                token = attach(context)
                self.work()
                detach(token)

            def work(self):
                with allure.step("work"):
                    pass

            def do(self, headers):
                self.done.clear()
                self.jobs.put(headers)
                assert self.done.wait(10)

        def polling():
            return tracer.start_as_current_span("poll")

        @contextlib.contextmanager
        def holding():
            span = tracer.start_span("hold")
            yield span
            span.end()

        @pytest.fixture(scope="session")
        def consumers():
            with tracer.start_as_current_span("start"):
                consumers = [Consumer("plain"), Consumer("headers")]
                consumers += Consumer("polling", polling), Consumer("holding", holding)
            yield consumers
            with allure.step("stop"):
                propagate.inject(sent := {"bare": "yes"})
                consumers[1].do(sent)
            for consumer in consumers:
                consumer.jobs.put(None)
                consumer.thread.join()

        def test_it(consumers):
            plain, headers, *others = consumers
            for each in (plain, *others):
                each.do({})
            with allure.step("send"):
                sent = {}
                propagate.inject(sent)
                headers.do(sent)
        """,
        plugins=(),
        passed=1,
    )
    result = done.report["test_it"]
    assert sorted(tree(result), key=str) == [
        {"plain job": ["work"]},
        {"send": [{"headers job": ["work"]}]},
    ]
    (before,) = done.report.fixtures_of(result)
    (start,) = before["steps"]
    assert sorted(tree(start), key=str) == [
        {"hold": [{"holding job": ["work"]}]},
        {"poll": [{"polling job": ["work"]}]},
    ]
    (container,) = [each for each in done.report.containers if each["befores"] == [before]]
    assert [tree(after) for after in container["afters"]] == [[{"stop": ["work"]}]]
