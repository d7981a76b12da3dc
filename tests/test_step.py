"""`step` and `allure.step` themselves: what they wrap, what they show, what they survive."""

from __future__ import annotations

import asyncio
import contextlib
import doctest
import functools
import gc
import inspect
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import allure
import allure_commons
import anyio
import pytest
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_current, get_value, set_value

from otel_allure import log_step, step
from otel_allure.model.outcome import message_of, outcome_of, status_of, trace_of
from otel_allure.model.settings import Settings
from otel_allure.output.report import Report
from otel_allure.recording.activation import activate, deactivate
from otel_allure.recording.contexts import SPAN, attached
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.running_item import RunningTest
from otel_allure.recording.tracer import RecordingTracer
from otel_allure.testing.results import Results, steps, tree

# What there is, no more and no less.
PLAIN = Settings(waterfall="off", attach_trace=False, max_steps=0, fold=0)


class Recording:
    """A report that is written without pytest's hooks."""

    def __init__(self, directory: Any) -> None:
        self.directory = directory
        self.report = Report(directory, only_tests=True, settings=PLAIN)
        self.ended: list[Any] = []
        self.tracer = RecordingTracer(self.ended.append)
        self.recorder = Recorder(self.report, lambda: self.tracer, is_session=True)
        self.recorder.adoptions.follow(self.tracer)

    @contextlib.contextmanager
    def test(self, name: str = "test") -> Iterator[None]:
        span = self.tracer.start_span(name, Context())
        scope = RunningTest(name, span, Context())
        self.recorder.running[span.trace_id] = scope
        try:
            with attached(scope.context):
                yield
        finally:
            del self.recorder.running[span.trace_id]
            scope.end()

    def read(self, diagnostics: tuple[str, ...] = ()) -> Results:
        self.report.settle([span.record() for span in self.ended])
        self.report.settle(self.tracer.unfinished())
        self.recorder.write_outside_of_tests()
        assert tuple(self.report.diagnostics.lines()) == diagnostics
        return Results(self.directory)

    def tree(self, name: str = "test") -> Any:
        return tree(self.read()[name])


@pytest.fixture
def recording(tmp_path):
    recording = Recording(tmp_path / "results")
    activate(recording.recorder)
    yield recording
    deactivate(recording.recorder)


@pytest.fixture(params=[step, allure.step], ids=["otel_allure", "allure"])
def either(request):
    """`otel_allure.recording.steps` and `allure.step` are the same thing."""
    return request.param


# -- the kinds of functions


def test_nesting_with_and_async_with(recording, either):
    async def body():
        with either("outer"):
            async with either("inner"):
                await asyncio.sleep(0)

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [{"outer": ["inner"]}]


def test_decorated_function(recording, either):
    @either
    def plain():
        with either("inside"):
            return 1

    with recording.test():
        assert plain() == 1
    assert recording.tree() == [{"plain": ["inside"]}]


def test_decorated_coroutine_lasts_until_it_is_awaited_and_fails_when_it_fails(recording, either):
    @either("work on {name}")
    async def work(name, fence):
        await fence.wait()
        with either("inside"):
            raise ValueError(name)

    async def body():
        fence = asyncio.Event()
        tasks = [asyncio.create_task(work(name, fence)) for name in ("a", "b")]
        await asyncio.sleep(0)
        fence.set()
        await asyncio.wait(tasks)
        return [str(task.exception()) for task in tasks]

    assert inspect.iscoroutinefunction(work)
    with recording.test():
        assert asyncio.run(body()) == ["a", "b"]
    assert recording.tree() == [
        {"broken: work on 'a'": ["broken: inside"]},
        {"broken: work on 'b'": ["broken: inside"]},
    ]


def test_decorated_generator_is_current_only_while_it_runs(recording, either):
    @either
    def numbers():
        with either("first half"):
            received = yield 1
        with either(f"received {received}"):
            yield 2
        return 3

    def consume():
        generator = numbers()
        assert next(generator) == 1
        with either("caller between"):
            pass
        assert generator.send("x") == 2
        with pytest.raises(StopIteration) as stop:
            next(generator)
        assert stop.value.value == 3

    assert inspect.isgeneratorfunction(numbers)
    with recording.test():
        consume()
        with either("caller after"):
            pass
    assert recording.tree() == [
        {"numbers": ["first half", "received x"]},
        "caller between",
        "caller after",
    ]


def test_decorated_async_generator_is_current_only_while_it_runs(recording, either):
    @either
    async def numbers():
        try:
            with either("first half"):
                yield 1
            yield 2
        finally:
            with either("clean up"):
                pass

    async def body():
        generator = numbers()
        assert await anext(generator) == 1
        with either("caller between"):
            pass
        assert await anext(generator) == 2
        await generator.aclose()
        with either("caller after"):
            pass

    assert inspect.isasyncgenfunction(numbers)
    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [
        {"numbers": ["first half", "clean up"]},
        "caller between",
        "caller after",
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_exception_thrown_into_a_decorated_generator(recording, kind):
    @step
    def sync_numbers():
        try:
            yield 1
        except KeyError:
            yield "caught"

    @step
    async def async_numbers():
        try:
            yield 1
        except KeyError:
            yield "caught"

    async def body():
        generator = async_numbers()
        await anext(generator)
        assert await generator.athrow(KeyError()) == "caught"
        with pytest.raises(ZeroDivisionError):
            await generator.athrow(ZeroDivisionError())

    with recording.test():
        if kind == "async":
            asyncio.run(body())
        else:
            generator = sync_numbers()
            next(generator)
            assert generator.throw(KeyError()) == "caught"
            with pytest.raises(ZeroDivisionError):
                generator.throw(ZeroDivisionError())
    assert recording.tree() == [f"broken: {kind}_numbers"]


def test_decorated_class_stays_a_class(recording, either):
    @either
    class Thing:
        def __init__(self, size):
            self.size = size

    with recording.test():
        assert Thing(3).size == 3
        assert isinstance(Thing(4), Thing)
    assert recording.tree() == ["Thing", "Thing"]


def test_methods_of_all_kinds(recording):
    class Thing:
        @step("method {x}")
        def method(self, x):
            return x

        @step
        @staticmethod
        def static(x):
            return x

        @step
        @classmethod
        def of_class(cls, x):
            return cls, x

    with recording.test():
        assert Thing().method(1) == 1
        assert Thing.static(2) == 2
        assert Thing.of_class(3) == (Thing, 3)
    result = recording.read()["test"]
    assert [(s["name"], s["parameters"]) for s in result["steps"]] == [
        ("method 1", [{"name": "x", "value": "1"}]),
        ("static", [{"name": "x", "value": "2"}]),
        ("of_class", [{"name": "x", "value": "3"}]),
    ]


# -- titles and parameters


def test_parameters_are_those_that_allure_shows(recording, either):
    @either("call {0} {c}")
    def call(a, b=2, *rest, c=3, **more):
        pass

    with recording.test():
        call("x", 5, 6, c=7, d=8)
    (shown,) = recording.read()["test"]["steps"]
    assert shown["name"] == "call 'x' 7"
    assert [(p["name"], p["value"]) for p in shown["parameters"]] == [
        ("a", "'x'"),
        ("b", "5"),
        ("rest", "(6,)"),
        ("c", "7"),
        ("d", "8"),
    ]


def test_a_keyword_with_the_name_of_an_argument_that_has_none(recording, either):
    """The name in the title is that of the argument."""

    @either("{a}")
    def call(a, /, **rest):
        return a, rest

    with recording.test():
        assert call(1, a=9) == (1, {"a": 9})
    (shown,) = recording.read()["test"]["steps"]
    assert shown["name"] == "1"
    assert [(p["name"], p["value"]) for p in shown["parameters"]] == [("a", "1")]


@pytest.mark.parametrize("title", ["{missing}", "{0.nothing}", "{", "{a!z}", "{a:>x}"])
def test_placeholder_that_fits_nothing_does_not_fail_the_test(recording, either, title):
    @either(title)
    def call(a):
        return a

    with recording.test():
        assert call(1) == 1
    (shown,) = recording.read()["test"]["steps"]
    assert shown["status"] == "passed"


def test_argument_that_cannot_be_represented(recording, either):
    class Broken:
        def __repr__(self):
            raise RuntimeError("no repr")

    @either
    def call(a):
        return 1

    with recording.test():
        assert call(Broken()) == 1
    report = recording.read(diagnostics=("showing an argument: RuntimeError: no repr",))
    (shown,) = report["test"]["steps"]
    assert "no repr" in shown["parameters"][0]["value"]


def test_handle(recording, either):
    with recording.test(), either("before") as s:
        s.title = "after"
        s.parameter("plain", "text")
        s.parameter("number", 1)
        s.parameter("password", "s3cret", mode="masked")
        with either("deeper"):
            s.attach("body", "attached to the outer one")
    result = recording.read()["test"]
    assert tree(result) == [{"after": ["deeper", "[attached to the outer one]"]}]
    assert result["steps"][0]["parameters"] == [
        {"name": "plain", "value": "text"},
        {"name": "number", "value": "1"},
        {"name": "password", "value": "****", "mode": "masked"},
    ]


@pytest.mark.parametrize(
    "mode", ["masked", "hidden", allure.parameter_mode.MASKED, allure.parameter_mode.HIDDEN]
)
def test_secret_parameters_are_in_no_file(recording, either, mode):
    with recording.test(), either("sign in") as s:
        s.parameter("password", "s3cret", mode=mode)
    (shown,) = recording.read()["test"]["steps"]
    assert shown["parameters"][0]["mode"] == getattr(mode, "value", mode)
    written = [path.read_text() for path in recording.directory.iterdir()]
    assert written
    assert not any("s3cret" in text for text in written)


def test_unknown_mode_of_a_parameter(recording):
    """It may have been meant to keep a secret."""
    with recording.test(), step("sign in") as s:
        with pytest.raises(ValueError, match="none of masked, hidden"):
            s.parameter("password", "s3cret", mode="mask")
        s.parameter("shown", "value", mode=allure.parameter_mode.DEFAULT)
    (shown,) = recording.read()["test"]["steps"]
    assert shown["parameters"] == [{"name": "shown", "value": "value"}]


def test_handle_used_by_another_task_and_by_a_thread(recording):
    """What is told to a step is the step's, wherever the teller runs."""

    async def body():
        with step("theirs") as s:

            async def tell():
                with step("other"):
                    s.attach("body", "from a task")

            await asyncio.create_task(tell())
            thread = threading.Thread(target=s.attach, args=("body", "from a thread"))
            thread.start()
            thread.join()

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [{"theirs": ["other", "[from a task]", "[from a thread]"]}]


def test_handle_of_a_step_that_has_ended(recording):
    """An attachment that comes late is a step of its name below it; nothing is lost."""
    with recording.test():
        with step("ended") as s:
            pass
        s.attach("body", "late")
    assert recording.tree() == [{"ended": [{"late": ["[late]"]}]}]


# -- how steps end


def test_status_without_an_exception(recording, either):
    """A soft check: the step is red, the test goes on; an exception still decides."""
    with recording.test():
        with either("checked") as s:
            s.set_status("failed", "three of four")
        with contextlib.suppress(ValueError), either("raised") as s:
            s.set_status("passed")
            raise ValueError
        with either("wrong") as s, pytest.raises(ValueError, match="none of passed, failed"):
            s.set_status("green")
    result = recording.read()["test"]
    assert tree(result) == ["failed: checked", "broken: raised", "wrong"]
    assert result["steps"][0]["statusDetails"] == {"message": "three of four"}


def test_logged_step(recording, either):
    with recording.test(), either("outer"):
        log_step("seen")
        log_step("not seen", "skipped", "there was none")
    outer = recording.read()["test"]["steps"][0]
    assert tree(outer) == ["seen", "skipped: not seen"]
    assert outer["steps"][1]["statusDetails"] == {"message": "there was none"}


@pytest.mark.parametrize(
    ("exception", "status"),
    [
        (AssertionError("no"), "failed"),
        (ValueError("no"), "broken"),
        (KeyboardInterrupt(), "broken"),
    ],
)
def test_status_follows_the_exception(recording, either, exception, status):
    with recording.test(), contextlib.suppress(BaseException), either("ends"):
        raise exception
    (ended,) = recording.read()["test"]["steps"]
    assert ended["status"] == status
    assert type(exception).__name__ in ended["statusDetails"]["message"]
    assert "test_step.py" in ended["statusDetails"]["trace"]


def test_pytest_outcomes_in_steps(recording, either):
    with recording.test():
        with contextlib.suppress(pytest.fail.Exception), either("fails"):
            pytest.fail("on purpose")
        with contextlib.suppress(pytest.skip.Exception), either("skips"):
            pytest.skip("on purpose")
    assert recording.tree() == ["failed: fails", "skipped: skips"]


def test_cancelled(recording, either):
    """It was stopped from outside: that is no failure of its own. What is around it says why."""

    async def wait(reached):
        with either("waits"):
            reached.set()
            await asyncio.Event().wait()

    async def body():
        for reason in ("", "no longer needed"):
            with either("cancels"), contextlib.suppress(asyncio.CancelledError):
                reached = asyncio.Event()
                task = asyncio.create_task(wait(reached))
                await reached.wait()
                task.cancel(*([reason] if reason else []))
                await task
        with contextlib.suppress(asyncio.TimeoutError), either("times out"):
            await asyncio.wait_for(wait(asyncio.Event()), 0.01)

    with recording.test():
        asyncio.run(body())
    result = recording.read()["test"]
    waits = ["skipped: waits"]
    assert tree(result) == [{"cancels": waits}, {"cancels": waits}, {"broken: times out": waits}]
    details = [each["steps"][0]["statusDetails"] for each in result["steps"]]
    assert [each["message"] for each in details] == [
        "Cancelled",
        "Cancelled: no longer needed",
        "Cancelled",
    ]
    assert all("asyncio.Event().wait()" in each["trace"] for each in details)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancelled_by_a_scope_of_anyio(recording, backend):
    async def body():
        with anyio.CancelScope() as scope, step("waits"):
            scope.cancel()
            await anyio.sleep_forever()
        with step("goes on"):
            pass

    with recording.test():
        anyio.run(body, backend=backend)
    result = recording.read()["test"]
    assert tree(result) == ["skipped: waits", "goes on"]
    assert result["steps"][0]["statusDetails"]["message"].startswith("Cancelled")


needs_groups = pytest.mark.skipif(sys.version_info < (3, 11), reason="new in Python 3.11")


@needs_groups
@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (AssertionError("one"), AssertionError("two"), "failed"),
        (AssertionError("one"), ValueError("two"), "broken"),
        (AssertionError("one"), pytest.skip.Exception("two"), "failed"),
        (pytest.skip.Exception("one"), pytest.skip.Exception("two"), "skipped"),
    ],
)
def test_exception_group(recording, either, first, second, status):
    """Each branch has its own error; the step around them says what there was, and where."""

    async def branch(error, mine, other):
        with either(f"branch {error}"):
            other.set()
            await mine.wait()
            raise error

    async def body():
        a, b = asyncio.Event(), asyncio.Event()
        with either("group"):
            async with asyncio.TaskGroup() as group:
                group.create_task(branch(first, a, b))
                group.create_task(branch(second, b, a))

    with recording.test(), contextlib.suppress(BaseExceptionGroup):  # noqa: F821
        asyncio.run(body())
    (group,) = recording.read()["test"]["steps"]
    assert group["status"] == status
    branches = group["steps"]
    assert [each["name"] for each in branches] == ["branch one", "branch two"]
    for branch_, error in zip(branches, (first, second), strict=True):
        assert branch_["statusDetails"]["message"].strip().endswith(str(error))
    lines = group["statusDetails"]["message"].splitlines()
    assert "unhandled errors in a TaskGroup (2 sub-exceptions)" in lines[0]
    assert sorted(line.split(": ")[-1] for line in lines[1:]) == ["one", "two"]
    trace_ = group["statusDetails"]["trace"]
    for error in (": one", ": two"):
        assert "raise error" in trace_.partition(error)[0].rpartition("of the group:")[2]


@needs_groups
def test_large_and_nested_exception_groups(recording):
    inner = ExceptionGroup("inner", [ValueError(n) for n in range(40)])  # noqa: F821
    with recording.test(), contextlib.suppress(BaseException), step("ends"):
        raise ExceptionGroup("outer", [inner])  # noqa: F821
    (ended,) = recording.read()["test"]["steps"]
    for text in ended["statusDetails"].values():
        assert "ValueError: 14" in text
        assert "ValueError: 15" not in text
        assert "... and 25 more" in text


def test_an_attribute_named_exceptions_makes_no_group(recording):
    class Other(Exception):
        exceptions = ("a", "b")

    with recording.test(), contextlib.suppress(Other), step("ends"):
        raise Other
    assert recording.tree() == ["broken: ends"]


def test_exception_whose_text_cannot_be_made(recording):
    class Broken(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    with recording.test(), pytest.raises(Broken), step("ends"):
        raise Broken
    (ended,) = recording.read()["test"]["steps"]
    assert "Broken" in ended["statusDetails"]["message"]


def test_step_that_never_ends_is_shown_as_unfinished(recording):
    with recording.test():
        step("forever").__enter__()
    (shown,) = recording.read()["test"]["steps"]
    assert shown["status"] == "unknown"
    assert shown["statusDetails"]["message"].startswith("Unfinished")


# -- one step object, many uses


def test_entered_again_while_it_runs(recording, either):
    again = either("again")
    with recording.test(), again, again:
        pass
    with recording.test("second"), again:
        pass
    assert recording.tree() == [{"again": ["again"]}]
    assert recording.tree("second") == ["again"]


def test_shared_by_tasks(recording, either):
    """Each task ends its own entry, in whatever order they end."""
    shared = either("shared")

    async def use(name, mine, others):
        with shared:
            with either(name):
                others.set()
                await mine.wait()
            if name == "b":
                raise ValueError(name)

    async def body():
        a, b = asyncio.Event(), asyncio.Event()
        await asyncio.gather(use("a", a, b), use("b", b, a), return_exceptions=True)

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [{"shared": ["a"]}, {"broken: shared": ["b"]}]


def test_entered_in_one_task_and_left_in_another(recording):
    """The step ends, and is not current any more in either task."""
    shared = step("moved")

    async def enter():
        shared.__enter__()

    async def leave():
        shared.__exit__(None, None, None)
        with step("after, in the task that left"):
            pass

    async def body():
        await asyncio.create_task(enter())
        await asyncio.create_task(leave())
        with step("after, in the test"):
            pass

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == ["moved", "after, in the task that left", "after, in the test"]


# -- contexts that are not ours


def test_async_generator_left_early_and_closed_elsewhere(recording, caplog):
    """Nothing is logged, and the consumer is not inside of the step any more."""

    async def numbers():
        with step("inside the generator"):
            yield 1
            yield 2

    async def body():
        generator = numbers()
        async for _ in generator:
            break
        await asyncio.create_task(_close(generator))
        with step("after it was closed"):
            pass

    async def _close(generator):
        await generator.aclose()

    with caplog.at_level(logging.DEBUG), recording.test():
        asyncio.run(body())
    assert recording.tree() == ["inside the generator", "after it was closed"]
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def _with_a_step():
    for n in range(3):
        with step(f"number {n}"):
            yield n


async def _with_a_step_and_clean_up(pause):
    with step("stream"):
        try:
            yield 1
        finally:
            await pause()


@step("decorated")
async def _decorated_stream():
    for n in range(3):
        yield n


@pytest.mark.parametrize(
    ("stream", "title"), [(_with_a_step, "number 0"), (_decorated_stream, "decorated")]
)
@pytest.mark.parametrize("more", [False, True], ids=["at the end", "before more"])
def test_loop_that_is_left_by_break(recording, stream, title, more):
    """The step has passed, whoever closes the generator, in time or when the loop ends."""

    async def main():
        async for _ in stream():
            break
        if more:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            with step("more"):
                await asyncio.sleep(0)

    with recording.test():
        asyncio.run(main())
    assert recording.tree() == [title, "more"] if more else [title]


@pytest.mark.parametrize("library", ["asyncio", "trio"])
@pytest.mark.parametrize("how", ["break", "aclosing"])
def test_generators_that_tidy_up_when_they_are_closed(recording, library, how):
    """Also where the closing is cancelled meanwhile."""
    module = __import__(library)

    async def main():
        stream = _with_a_step_and_clean_up(lambda: module.sleep(0))
        if how == "aclosing":
            async with contextlib.aclosing(stream):
                await stream.asend(None)
        else:
            async for _ in stream:
                break
            del stream

    with recording.test(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # trio's, of what it has to close
        asyncio.run(main()) if library == "asyncio" else module.run(main)
    assert recording.tree() == ["stream"]


def test_plain_generators_that_are_left_early(recording):
    """By break, and by nobody who wants more."""

    @step("decorated")
    def decorated():
        yield 1
        yield 2

    def numbers():
        with step("number"):
            yield 1

    with recording.test():
        for stream in (decorated, numbers):
            for _ in stream():
                break
            kept = stream()
            next(kept)
            del kept
        gc.collect()
    assert recording.tree() == ["decorated", "decorated", "number", "number"]


def test_task_that_is_cancelled_in_a_generator(recording):
    """Is still a cancellation: nobody has left a loop."""

    async def stream(started):
        with step("stream"):
            started.set()
            await asyncio.Event().wait()
            yield 1

    async def consume(started):
        async for _ in stream(started):
            pass

    async def main():
        started = asyncio.Event()
        task = asyncio.create_task(consume(started))
        await started.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with recording.test():
        asyncio.run(main())
    assert recording.tree() == ["skipped: stream"]


def test_async_generator_collected_as_garbage(recording, caplog):
    async def numbers():
        with step("inside the generator"):
            yield 1
            yield 2

    async def body():
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with step("afterwards"):
            pass

    with caplog.at_level(logging.WARNING), recording.test():
        asyncio.run(body())
    assert recording.tree() == ["inside the generator", "afterwards"]
    assert caplog.records == []


def test_task_stays_below_the_step_that_started_it(recording):
    """Also when that step has ended: it is where the work comes from."""

    async def background(go_on):
        await go_on.wait()
        with step("background"):
            pass

    async def body():
        go_on = asyncio.Event()
        with step("start"):
            task = asyncio.create_task(background(go_on))
            await asyncio.sleep(0)
        with step("next"):
            go_on.set()
            await task

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [{"start": ["background"]}, "next"]


async def _as_completed(jobs):
    for next_done in asyncio.as_completed(jobs):
        await next_done


@pytest.mark.parametrize(
    "run_both",
    [
        lambda jobs: asyncio.gather(*(asyncio.wait_for(job, 30) for job in jobs)),
        lambda jobs: asyncio.gather(*(asyncio.shield(job) for job in jobs)),
        _as_completed,
    ],
    ids=["wait_for", "shield", "as_completed"],
)
def test_ways_to_wait(recording, run_both):
    async def branch(n, mine, other):
        with step(f"outer {n}"):
            other.set()
            await mine.wait()
            with step(f"inner {n}"):
                pass

    async def body():
        a, b = asyncio.Event(), asyncio.Event()
        with step("both"):
            await run_both([branch(1, a, b), branch(2, b, a)])

    with recording.test():
        asyncio.run(body())
    (both,) = recording.tree()
    assert sorted(both["both"], key=str) == [{f"outer {n}": [f"inner {n}"]} for n in (1, 2)]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
def test_eager_tasks(recording):
    """They begin inside of `create_task`, before the one who starts them goes on."""

    async def branch(n, mine, other):
        with step(f"outer {n}"):
            other.set()
            await mine.wait()
            with step(f"inner {n}"):
                pass

    async def body():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        a, b = asyncio.Event(), asyncio.Event()
        with step("both"):
            tasks = [asyncio.create_task(branch(1, a, b)), asyncio.create_task(branch(2, b, a))]
            with step("between"):
                await asyncio.gather(*tasks)

    with recording.test():
        asyncio.run(body())
    branches = [{f"outer {n}": [f"inner {n}"]} for n in (1, 2)]
    assert recording.tree() == [{"both": [*branches, "between"]}]


@pytest.mark.parametrize("how", ["generator", "exit stack", "context manager"])
def test_left_elsewhere(recording, caplog, how):
    """Who opened the step is not inside of it any more; who left it is where it was before."""

    @contextlib.asynccontextmanager
    async def managed():
        with step("moved"):
            yield

    async def opened():
        if how == "generator":
            generator = generating()
            await anext(generator)
            return generator.aclose
        if how == "context manager":
            manager = managed()
            await manager.__aenter__()
            return functools.partial(manager.__aexit__, None, None, None)
        stack = contextlib.AsyncExitStack()
        await stack.enter_async_context(step("moved"))
        return stack.aclose

    async def generating():
        with step("moved"):
            yield

    async def leave(close):
        with step("leaving"):
            await close()
            with step("in the one that left"):
                pass

    async def body():
        with step("outer"):
            close = await opened()
            with step("while it is open"):
                pass
            await asyncio.create_task(leave(close))
            with step("after"):
                await asyncio.gather(asyncio.to_thread(in_thread))

    def in_thread():
        with step("in a thread of after"):
            pass

    with caplog.at_level(logging.WARNING), recording.test():
        asyncio.run(body())
    assert caplog.records == []
    inside = ["while it is open", {"leaving": ["in the one that left"]}]
    assert recording.tree() == [{"outer": [{"moved": inside}, {"after": ["in a thread of after"]}]}]


def test_callbacks(recording):
    """`call_soon` and `call_later` run where they were scheduled, also after that step."""

    def work(name):
        with step(name):
            pass

    async def body():
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        with step("schedule"):
            loop.call_soon(work, "soon")
            loop.call_later(0, work, "later")
            loop.call_later(0, done.set)
        await done.wait()

    with recording.test():
        asyncio.run(body())
    assert recording.tree() == [{"schedule": ["soon", "later"]}]


def test_spans_of_users_are_parents_too(recording):
    """A step below a span of the user's is below it, and what is attached there is too."""
    tracer = recording.tracer
    with recording.test(), step("outer"), tracer.start_as_current_span("theirs"):
        with step("inner"):
            pass
        allure.attach("body", "attached")
    result = recording.read()["test"]
    assert tree(result) == [{"outer": [{"theirs": ["inner", {"attached": ["[attached]"]}]}]}]


def test_context_outside_is_as_before(recording):
    before = get_current()
    with recording.test():
        inside = get_current()
        with step("a"), contextlib.suppress(ValueError), step("b"):
            raise ValueError
        assert get_current() is inside
    assert get_current() is before


# -- threads


def test_attachments_and_steps_of_a_bare_thread(recording):
    """No context reaches a bare thread: with one test running, that is where it belongs."""

    def work():
        with step("in the thread"):
            allure.attach("text", "from the thread")
        allure.dynamic.label("who", "thread")

    with recording.test():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert recording.tree() == [{"in the thread": ["[from the thread]"]}]


def test_bare_thread_while_two_tests_run_is_kept_outside(recording):
    """It is not guessed which of two tests it belongs to; nothing is lost either."""
    with recording.test("one"), recording.test("two"), ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: step("somewhere").__enter__().attach("text", "text")).result()
    results = recording.read()
    assert tree(results["one"]) == tree(results["two"]) == []
    names = [a["name"] for g in results.globals for a in g["attachments"]]
    assert sorted(names) == ["Outside of tests", "text"]


def test_many_threads(recording):
    """64 threads with a context of their own each: every step in its branch."""
    import contextvars

    barrier = threading.Barrier(16)

    def work(n):
        with step(f"outer {n}"):
            barrier.wait()
            with step(f"inner {n}"):
                allure.attach(str(n), f"attachment {n}")

    with recording.test():
        threads = []
        for n in range(64):
            context = contextvars.copy_context()
            threads.append(threading.Thread(target=context.run, args=(work, n)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    result = recording.read()["test"]
    assert sorted(map(str, tree(result))) == sorted(
        str({f"outer {n}": [{f"inner {n}": [f"[attachment {n}]"]}]}) for n in range(64)
    )


# -- without a report, and beside other listeners


def test_without_a_report_everything_runs(either):
    @either("step {a}")
    async def coroutine(a):
        with either("inner"):
            return a

    with either("outer"):
        assert asyncio.run(coroutine(1)) == 1
    allure.attach("text", "name")
    allure.dynamic.title("title")


def test_attributes_that_others_read(either):
    made = either("title")
    assert made.title == "title"
    assert made.uuid == made.uuid != either("title").uuid


def test_names_imported_and_steps_made_before_are_taken_over(tmp_path):
    # What tests before this one have left active may still need its own.
    as_before = allure_commons._allure.StepContext.__enter__
    made_before, imported_before = allure.step("made before"), allure.step
    recording = Recording(tmp_path)
    activate(recording.recorder)
    try:
        with recording.test(), made_before, imported_before("imported before"):
            pass
        assert recording.tree() == [{"made before": ["imported before"]}]
    finally:
        deactivate(recording.recorder)
    assert allure_commons._allure.StepContext.__enter__ is as_before


def test_other_listeners_hear_of_steps(recording, either):
    """Those of other packages keep receiving the hooks, with matching uuids."""
    heard = []

    class Listener:
        @allure_commons.hookimpl
        def start_step(self, uuid, title, params):
            heard.append(("start", uuid, title, dict(params)))

        @allure_commons.hookimpl
        def stop_step(self, uuid, exc_type, exc_val, exc_tb):
            heard.append(("stop", uuid, exc_type))

    @either
    def call(a):
        raise ValueError

    listener = Listener()
    allure_commons.plugin_manager.register(listener)
    try:
        with recording.test(), contextlib.suppress(ValueError):
            call(1)
    finally:
        allure_commons.plugin_manager.unregister(listener)
    (start, stop) = heard
    assert start[2:] == ("call", {"a": "1"})
    assert (stop[1], stop[2]) == (start[1], ValueError)


def test_steps_that_others_start_by_the_hooks(recording):
    hook = allure_commons.plugin_manager.hook
    with recording.test():
        hook.start_step(uuid="1", title="by a hook", params={"a": "1"})
        with step("inside"):
            pass
        hook.stop_step(uuid="1", exc_type=None, exc_val=None, exc_tb=None)
        hook.stop_step(uuid="unknown", exc_type=None, exc_val=None, exc_tb=None)
    assert recording.tree() == [{"by a hook": ["inside"]}]


def test_step_is_a_span_for_everybody(recording):
    """Instrumentations and propagators see the step's span as the current one."""
    with recording.test(), step("here") as s:
        current = trace.get_current_span()
        assert current is s.span
        assert current.is_recording()
        assert current.get_span_context().is_valid
        assert current.get_span_context().trace_flags.sampled


async def steps_at_once(number, make):
    async def one(n, fence):
        with make(n):
            await fence.wait()

    fence = asyncio.Event()
    tasks = [asyncio.create_task(one(n, fence)) for n in range(number)]
    await asyncio.sleep(0)
    fence.set()
    await asyncio.gather(*tasks)


def test_10_000_steps_at_the_same_time(recording):
    with recording.test():
        asyncio.run(steps_at_once(10_000, lambda n: step(f"step {n}")))
    names = {s["name"] for s in steps(recording.read()["test"])}
    assert len(names) == 10_000


@pytest.mark.parametrize("kind", ["own", "shared"])
def test_the_work_grows_with_the_number_of_steps(tmp_path, kind):
    """Twice the steps at the same time are twice the work, counted in lines of ours that ran."""

    def lines(number):
        recording = Recording(tmp_path / str(number))
        shared = step("shared")
        count = 0

        def trace_calls(frame, event, _):
            nonlocal count
            if "otel_allure" not in frame.f_code.co_filename:
                return None
            count += event == "line"
            return trace_calls

        activate(recording.recorder)
        before = sys.gettrace()
        try:
            with recording.test():
                sys.settrace(trace_calls)
                own = kind == "own"
                asyncio.run(steps_at_once(number, lambda n: step(str(n)) if own else shared))
            recording.read()
        finally:
            sys.settrace(before)
            deactivate(recording.recorder)
        return count

    lines(10)
    assert lines(2_000) < 2.2 * lines(1_000)


# -- contexts


def test_a_context_of_what_is_over_has_no_span(recording):
    """But all else, as has what is made of it: a server's threads go on with it."""
    names = {"a": 1, "zzz": 2}  # before and after the name of the current span
    test = RunningTest("test", recording.tracer.start_span("test", Context()), Context(names))
    assert test.context.get(SPAN) is test.span
    assert set_value("k", 3, test.context).get(SPAN) is test.span
    test.end()
    made = set_value("k", 3, test.context)
    for context in (test.context, made):
        assert context.get(SPAN) is None
        assert [context.get(name) for name in names] == [1, 2]
    assert made["k"] == 3


def test_what_is_left_attached_in_a_step_stays(recording):
    """And the next step is beside the one in which it was attached."""
    with recording.test(), step("outer"):
        with step("first"):
            token = attach(set_value("k", 1))
        assert get_value("k") == 1
        with step("second"):
            assert get_value("k") == 1
    detach(token)
    assert recording.tree() == [{"outer": ["first", "second"]}]


# -- outcomes


class Group(Exception):
    """As Python's since 3.11, and as the one for versions before."""

    def __init__(self, number: int) -> None:
        super().__init__("several")
        self.exceptions = tuple(KeyError(n) for n in range(number))


@pytest.mark.parametrize(("number", "note"), [(15, None), (16, "... and 1 more")])
def test_of_a_group_so_many_are_shown(number, note):
    trace = trace_of(Group(number))
    told = [line for line in (trace or "").splitlines() if line.endswith(" of the group:")]
    assert told == [f"Exception {n} of the group:" for n in range(1, 16)]
    for text in (trace, message_of(Group(number))):
        assert [line for line in (text or "").splitlines() if "more" in line] == [note] * bool(note)


def test_a_doctest_that_fails_is_a_failed_check():
    runner, parser = doctest.DebugRunner(verbose=False), doctest.DocTestParser()
    with pytest.raises(doctest.DocTestFailure) as raised:
        runner.run(parser.get_doctest(">>> 1 + 1\n3\n", {}, "it", None, 0))
    assert status_of(raised.value) == "failed"
    with pytest.raises(doctest.UnexpectedException) as other:
        runner.run(parser.get_doctest(">>> 1 / 0\n", {}, "it", None, 0))
    assert status_of(other.value) == "broken"


def test_a_generator_that_its_loop_closes_has_not_failed(monkeypatch):
    """`asyncio` runs its `aclose` in a task, and cancels that if the loop ends first."""

    class async_generator_athrow:
        pass

    cancelled = asyncio.CancelledError()
    for coroutine, status in ((async_generator_athrow(), "passed"), (object(), "skipped")):
        task = SimpleNamespace(get_coro=lambda coroutine=coroutine: coroutine)
        monkeypatch.setattr(asyncio, "current_task", lambda task=task: task)
        assert outcome_of(cancelled).status == status
