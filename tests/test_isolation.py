"""In isolation the code under test finds OpenTelemetry as it would be without a report."""

from __future__ import annotations

import pytest

from otel_allure.testing.results import tree

ISOLATED = "--allure-otel-context=isolated"

pytestmark = pytest.mark.usefixtures("only_steps")

# Each is a part of OpenTelemetry's state that looks different while a span of ours is current.
LOOKS = """
    import contextvars
    import threading
    from concurrent.futures import ThreadPoolExecutor

    import allure
    import pytest
    from opentelemetry import baggage, context, propagate, trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased


    @pytest.fixture(autouse=True)
    def in_a_step():
        with allure.step("set-up"):
            assert trace.get_current_span() is trace.INVALID_SPAN
        yield
        with allure.step("tear-down"):
            assert trace.get_current_span() is trace.INVALID_SPAN


    @allure.step("look")
    def look(what):
        return what()


    def test_current_span():
        assert look(trace.get_current_span) is trace.INVALID_SPAN


    def test_context():
        assert look(context.get_current) == {}


    def test_headers():
        carrier = {}
        look(lambda: propagate.inject(carrier))
        assert carrier == {}


    def test_root():
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        look(lambda: provider.get_tracer("shop").start_span("order").end())
        (span,) = exporter.get_finished_spans()
        assert span.parent is None


    def test_sampler():
        provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0)))
        span = look(lambda: provider.get_tracer("shop").start_span("order"))
        assert not span.is_recording()


    def test_proxy():
        tracer = trace.get_tracer("shop")
        assert not look(lambda: tracer.start_span("order")).is_recording()


    def test_proxy_of_loggers():
        from opentelemetry._logs import get_logger

        logger = get_logger("shop")
        assert type(logger._logger).__name__ == "NoOpLogger"


    def test_thread():
        token = context.attach(baggage.set_baggage("who", "Alice"))
        seen = []
        thread = threading.Thread(target=lambda: seen.append(context.get_current()))
        look(thread.start)
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            seen.append(look(lambda: pool.submit(context.get_current).result()))
        assert seen == [{}, {}]
        context.detach(token)


    def test_copied_context():
        assert look(contextvars.copy_context).run(context.get_current) == {}
"""


def test_what_is_there_to_be_seen(run):
    run(LOOKS, ISOLATED, passed=9)


@pytest.mark.parametrize("way", ["ini", "environment", "module", "class", "function"])
def test_ways_to_ask_for_it(run, pytester, monkeypatch, way):
    options = ()
    if way == "ini":
        options = ("--override-ini=allure_otel_context=isolated",)
    elif way == "environment":
        monkeypatch.setenv("OTEL_EXPORTER_ALLURE_OTEL_CONTEXT", "isolated")
    mark = "pytest.mark.allure_otel_context('isolated')"
    run(
        f"""
        import pytest
        from opentelemetry import trace

        {"pytestmark = " + mark if way == "module" else ""}


        {"@" + mark if way == "class" else ""}
        class TestIt:
            {"@" + mark if way == "function" else ""}
            def test_it(self):
                assert trace.get_current_span() is trace.INVALID_SPAN
        """,
        *options,
        passed=1,
    )


def test_both_in_one_run(run):
    """What a test is marked as counts for it alone, also where it is out of the ordinary."""
    done = run(
        """
        import allure
        import pytest
        from opentelemetry import trace

        @pytest.mark.allure_otel_context("isolated")
        def test_isolated():
            with allure.step("isolated"):
                assert trace.get_current_span() is trace.INVALID_SPAN

        @pytest.mark.allure_otel_context("shared")
        def test_shared():
            with allure.step("shared"):
                assert trace.get_current_span().is_recording()

        def test_default():
            with allure.step("default"):
                assert trace.get_current_span() is trace.INVALID_SPAN
        """,
        ISOLATED,
        passed=3,
    )
    assert {r["name"]: tree(r) for r in done.report.results} == {
        "test_isolated": ["isolated"],
        "test_shared": ["shared"],
        "test_default": ["default"],
    }


@pytest.mark.parametrize("args", ["", "'other'", "'isolated', 1", "kind='isolated'"])
def test_wrong_mark(run, args):
    done = run(
        f"""
        import pytest

        @pytest.mark.allure_otel_context({args})
        def test_it():
            pass
        """,
    )
    assert done.outcome.ret == pytest.ExitCode.USAGE_ERROR
    done.outcome.stderr.fnmatch_lines(["*allure_otel_context takes one of 'shared', 'isolated'*"])


def test_spans_are_shown_at_their_place(run):
    """Spans and steps are below each other as they ran, though none is the other's parent."""
    done = run(
        """
        import asyncio
        import threading

        import allure
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        tracer = trace.get_tracer("shop")


        def test_in_one_thread():
            with allure.step("outer"):
                with tracer.start_as_current_span("order") as span:
                    assert span.parent is None
                    with allure.step("pay"):
                        with tracer.start_as_current_span("charge") as charge:
                            assert charge.parent.span_id == span.context.span_id
                            allure.attach("1 EUR", "receipt")
                with tracer.start_as_current_span("another"):
                    pass


        def test_in_tasks():
            async def visit(n):
                with allure.step(f"visit {n}"), tracer.start_as_current_span(f"order {n}"):
                    await asyncio.sleep(0)
                    with allure.step(f"pay {n}"):
                        await asyncio.sleep(0)

            async def main():
                await asyncio.gather(visit(1), visit(2))

            asyncio.run(main())


        def test_in_a_thread():
            def work():
                with tracer.start_as_current_span("in the thread"), allure.step("work"):
                    pass

            with allure.step("outer"), tracer.start_as_current_span("order"):
                thread = threading.Thread(target=work)
                thread.start()
                thread.join()
        """,
        ISOLATED,
        passed=3,
    )
    report = done.report
    charge = {"charge": [{"receipt": ["[receipt]"]}]}
    assert tree(report["test_in_one_thread"]) == [
        {"outer": [{"order": [{"pay": [charge]}]}, "another"]}
    ]
    visits = [{f"visit {n}": [{f"order {n}": [f"pay {n}"]}]} for n in (1, 2)]
    assert tree(report["test_in_tasks"]) == visits
    assert tree(report["test_in_a_thread"]) == [
        {"outer": [{"order": [{"in the thread": ["work"]}]}]}
    ]
    assert "outside of tests" not in done.outcome.stdout.str()


def test_provider_of_one_test(run):
    """Tests reset the API, set a provider of their own and count what it has: as always."""
    done = run(
        """
        import allure
        import pytest
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        from opentelemetry.util._once import Once

        @pytest.fixture
        def exporter():
            trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = None, Once()
            provider, exporter = TracerProvider(), InMemorySpanExporter()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(provider)
            yield exporter
            trace._TRACER_PROVIDER, trace._TRACER_PROVIDER_SET_ONCE = None, Once()

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(exporter, n):
            with allure.step("outer"), trace.get_tracer("shop").start_as_current_span("order"):
                with allure.step("inner"):
                    pass
            (span,) = exporter.get_finished_spans()
            assert (span.name, span.parent) == ("order", None)
        """,
        ISOLATED,
        passed=2,
    )
    for result in done.report.results:
        assert tree(result) == [{"outer": [{"order": ["inner"]}]}]


def test_same_trace_id_in_every_test(run):
    """Tests send the same made-up `traceparent`: each one's request is its own."""
    done = run(
        """
        import allure
        import pytest
        from opentelemetry import propagate, trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        HEADERS = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(n):
            with allure.step("send"):
                context = propagate.extract(HEADERS)
                with trace.get_tracer("x").start_as_current_span(f"request {n}", context) as span:
                    assert span.parent.is_remote
                    with allure.step("handle"):
                        pass
        """,
        ISOLATED,
        passed=2,
    )
    assert [tree(r) for r in done.report.results] == [
        [{"send": [{f"request {n}": ["handle"]}]}] for n in (1, 2)
    ]


def test_logs(run):
    """A record stands at the step, or at the span in it, that emitted it."""
    done = run(
        """
        import logging

        import allure
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())

        def test_it():
            with allure.step("outer"):
                logging.warning("in the step")
                with trace.get_tracer("x").start_as_current_span("order"):
                    logging.warning("in the span")
        """,
        ISOLATED,
        passed=1,
    )
    result = done.report["test_it"]
    assert tree(result) == [{"outer": [{"order": ["[log]"]}, "[log]"]}]


def test_link_to_the_trace_in_the_backend(run):
    done = run(
        """
        import allure
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())

        def test_it():
            with allure.step("outer"):
                with trace.get_tracer("x").start_as_current_span("order") as span:
                    allure.attach(f"{span.context.trace_id:032x}", "id")
        """,
        ISOLATED,
        "--allure-trace-url-pattern=http://jaeger/{trace_id}",
        passed=1,
    )
    result = done.report["test_it"]
    order = result["steps"][0]["steps"][0]
    trace_id = done.report.body(order["steps"][0]["attachments"][0])
    assert f"http://jaeger/{trace_id}" in [link["url"] for link in result["links"]]


def test_the_backend_does_not_get_our_spans(run, pytester):
    pytester.makeconftest(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

        NAMES = []

        class Seen(SpanProcessor):
            def on_end(self, span):
                NAMES.append(span.name)

        provider = TracerProvider()
        provider.add_span_processor(Seen())
        trace.set_tracer_provider(provider)
        """
    )
    run(
        """
        import allure
        from conftest import NAMES
        from opentelemetry import trace

        def test_it():
            with allure.step("step"), trace.get_tracer("x").start_as_current_span("order"):
                pass
            assert NAMES == ["order"]

        def test_next():
            assert NAMES == ["order"]
        """,
        ISOLATED,
        passed=2,
    )


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_processes(run, pytester, method):
    """A child finds nothing either, and its steps are below the step that started it."""
    pytester.makepyfile(
        work="""
        import allure
        from opentelemetry import context

        def work(n):
            assert context.get_current() == {}
            with allure.step(f"work {n}"):
                assert context.get_current() == {}
            return n
        """
    )
    done = run(
        f"""
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        import allure
        from work import work

        METHOD = multiprocessing.get_context("{method}")

        def test_process():
            with allure.step("outer"):
                process = METHOD.Process(target=work, args=(1,))
                process.start()
                process.join()
                assert process.exitcode == 0

        def test_pool():
            with allure.step("outer"), ProcessPoolExecutor(1, METHOD) as pool:
                assert pool.submit(work, 2).result() == 2
        """,
        ISOLATED,
        passed=2,
    )
    assert tree(done.report["test_process"]) == [{"outer": ["work 1"]}]
    assert tree(done.report["test_pool"]) == [{"outer": ["work 2"]}]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_async_tests_and_fixtures(run, backend):
    done = run(
        f"""
        import allure
        import anyio
        import pytest
        from opentelemetry import context

        @pytest.fixture(params=["{backend}"])
        def anyio_backend(request):
            return request.param

        @pytest.fixture
        async def resource():
            with allure.step("open"):
                assert context.get_current() == {{}}
            yield
            with allure.step("close"):
                assert context.get_current() == {{}}

        async def branch(n):
            with allure.step(f"outer {{n}}"):
                await anyio.sleep(0)
                with allure.step(f"inner {{n}}"):
                    assert context.get_current() == {{}}

        @pytest.mark.anyio
        async def test_it(resource):
            async with anyio.create_task_group() as group:
                group.start_soon(branch, 1)
                group.start_soon(branch, 2)
        """,
        ISOLATED,
        plugins=("anyio",),
        passed=1,
    )
    (result,) = done.report.results
    shown = sorted(tree(result), key=str)
    assert shown == [{"outer 1": ["inner 1"]}, {"outer 2": ["inner 2"]}]
    (before,) = [f for f in done.report.fixtures_of(result) if f["name"] == "resource"]
    assert tree(before) == ["open"]
    assert [tree(f) for f in done.report.fixtures_of(result, "afters") if tree(f)] == [["close"]]


HINT = "*look* at OpenTelemetry's own state*--allure-otel-context=isolated*"


@pytest.mark.parametrize(
    "body",
    [
        "assert trace.get_current_span() is trace.INVALID_SPAN",
        "helper()",
        "assert get_current() == {}",
    ],
    ids=["module", "in a helper", "function"],
)
@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "xdist"])
def test_hint(run, body, workers):
    """A failing test that looks at what a current span changes is told of isolation."""
    source = f"""
        from opentelemetry import trace
        from opentelemetry.context import get_current

        def helper():
            assert trace.get_current_span() is trace.INVALID_SPAN

        def test_it():
            {body}
    """
    plugins = ("xdist",) if workers else ()
    run(source, *workers, plugins=plugins, failed=1).outcome.stdout.fnmatch_lines([HINT])
    run(source, *workers, ISOLATED, plugins=plugins, passed=1).outcome.stdout.no_fnmatch_line(HINT)


@pytest.mark.parametrize("body", ["assert 1 == 2", "assert trace"], ids=["other", "passes"])
def test_no_hint(run, body):
    done = run(
        f"""
        from opentelemetry import trace

        def test_it():
            {body}
        """
    )
    done.outcome.stdout.no_fnmatch_line(HINT)


@pytest.mark.parametrize("mode", ["shared", "isolated"])
def test_headers_that_every_test_sends(run, mode):
    """A made-up parent is nobody's: what is in it belongs to who has made it current."""
    done = run(
        """
        import logging

        import allure
        import pytest
        from opentelemetry import context, propagate, trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        tracer = trace.get_tracer("x")
        HEADERS = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

        def handle(n):
            token = context.attach(propagate.extract(HEADERS))
            with allure.step(f"handle {n}"):
                logging.warning("log %s", n)
                with tracer.start_as_current_span(f"span {n}"):
                    pass
            with tracer.start_as_current_span(f"span after {n}"):
                pass
            context.detach(token)

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(n):
            with allure.step("send"):
                handle(n)

        def test_without_a_step():
            handle(3)
        """,
        f"--allure-otel-context={mode}",
        passed=3,
    )
    for n in (1, 2):
        inside = [{f"handle {n}": [f"span {n}", "[log]"]}, f"span after {n}"]
        assert tree(done.report[f"test_it[{n}]"]) == [{"send": inside}]
    assert tree(done.report["test_without_a_step"]) == [
        {"handle 3": ["span 3", "[log]"]},
        "span after 3",
    ]


def test_span_that_another_test_has_left_open(run):
    """A test that uses it has its own steps and logs all the same."""
    done = run(
        """
        import logging

        import allure
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        opened = []

        def test_opens():
            opened.append(trace.get_tracer("x").start_span("open"))

        def test_uses(caplog):
            with allure.step("outer"), trace.use_span(opened[0]):
                logging.warning("in it")
                with allure.step("inner"):
                    pass
        """,
        passed=2,
    )
    assert tree(done.report["test_uses"]) == [{"outer": ["inner", "[log]"]}]


def test_work_of_a_shared_thread_for_an_isolated_test(run):
    """What is done for it finds OpenTelemetry as it does itself."""
    run(
        """
        import queue
        import threading

        import pytest
        from opentelemetry import trace

        @pytest.fixture(scope="module")
        def ask():
            jobs = queue.Queue()

            def work():
                while (job := jobs.get()) is not None:
                    answer, function = job
                    answer.put(function())

            thread = threading.Thread(target=work)
            thread.start()

            def ask(function):
                answer = queue.Queue()
                jobs.put((answer, function))
                return answer.get(timeout=10)

            yield ask
            jobs.put(None)
            thread.join()

        def is_recorded():
            return trace.get_tracer("x").start_span("q").is_recording()

        def test_shared(ask):
            assert ask(is_recorded)

        @pytest.mark.allure_otel_context("isolated")
        def test_isolated(ask):
            assert not ask(is_recorded)
            assert ask(trace.get_current_span) is trace.INVALID_SPAN
        """,
        passed=2,
    )


def test_context_that_users_have_made_of_headers(run):
    """In a server's thread: the client's span, the step in it, the span in that."""
    done = run(
        """
        import queue
        import threading

        import allure
        import pytest
        from opentelemetry import context, propagate, trace
        from opentelemetry.sdk.trace import TracerProvider

        trace.set_tracer_provider(TracerProvider())
        tracer = trace.get_tracer("x")

        @pytest.fixture(scope="module")
        def send():
            requests, answers = queue.Queue(), queue.Queue()

            def serve():
                while (headers := requests.get()) is not None:
                    token = context.attach(propagate.extract(headers))
                    with allure.step("handle"), tracer.start_as_current_span("server"):
                        pass
                    context.detach(token)
                    answers.put("done")

            thread = threading.Thread(target=serve)
            thread.start()

            def send():
                headers = {}
                with tracer.start_as_current_span("client"):
                    propagate.inject(headers)
                    requests.put(headers)
                    answers.get(timeout=10)

            yield send
            requests.put(None)
            thread.join()

        @pytest.mark.parametrize("n", [1, 2])
        def test_it(send, n):
            with allure.step("ask"):
                send()
        """,
        ISOLATED,
        passed=2,
    )
    for result in done.report.results:
        assert tree(result) == [{"ask": [{"client": [{"handle": ["server"]}]}]}]
