"""Random concurrent programs, run for real: the report has the tree that the program has.

A program is a tree of steps and instrumented spans. Each has a form (how it is entered), and a way
to run what is below it: in tasks, threads, executors, callbacks, generators, loops of other
threads, after the test is over. While it runs it notes, by plain arguments, which step it is in
and how each one ends; the report has to find the same out from the context.

A program that fails is shrunk by hypothesis and printed as an expression: `run_program` runs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import allure
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_allure import step
from otel_allure.inputs.span_processor import AllureSpanProcessor
from otel_allure.recording import threads
from otel_allure.recording.activation import activate, deactivate

from .test_step import Recording

PROGRAMS = 1_200

FORMS = [
    "with",
    "async with",
    "decorated",
    "shared",
    "shared allure",
    "handle",
    "span",
    "elsewhere",
]
ASYNC_WAYS = [
    "in_turn",
    "gather",
    "tasks",
    "task_group",
    "wait_for",
    "shield",
    "as_completed",
    "to_thread",
    "executor",
    "call_soon",
    "threadsafe",
    "generator",
    "held",
    "background",
]
SYNC_WAYS = ["in_turn", "threads", "pool", "generator", "held", "own_loop", "background"]
ENDS = ["returns", "assert", "raise", "cancel", "soft"]


@dataclass
class Node:
    """A step of a program. Zeros are the simplest there is."""

    way: int = 0
    form: int = 0
    ends: int = 0
    attachments: int = 0
    pauses: int = 0
    propagates: bool = False
    below: list[Node] = field(default_factory=list)
    name: str = ""

    def __repr__(self) -> str:
        shown = [f"{k}={v!r}" for k, v in vars(self).items() if v and k != "name"]
        return f"Node({', '.join(shown)})"

    @property
    def end(self) -> str:
        return ENDS[self.ends]

    def named(self, name: str) -> Node:
        self.name = name
        for n, child in enumerate(self.below):
            child.named(f"{name}.{n}")
        return self


def decoded(code: int, below: list[Node]) -> Node:
    """Return the node that a number stands for: to draw one number is quicker than to draw six."""
    fields = []
    for size in (len(ASYNC_WAYS), len(FORMS), len(ENDS), 3, 3, 2):
        code, value = divmod(code, size)
        fields.append(value)
    return Node(*fields[:5], bool(fields[5]), below)


codes = st.integers(0, len(ASYNC_WAYS) * len(FORMS) * len(ENDS) * 18 - 1)
nodes = st.recursive(
    st.builds(decoded, codes, st.just([])),
    lambda below: st.builds(decoded, codes, st.lists(below, min_size=1, max_size=4)),
    max_leaves=6,
)


@dataclass
class Noted:
    """What the program notes of a step while it runs."""

    name: str
    status: str = "passed"
    attachments: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    below: list[Noted] = field(default_factory=list)
    above: Noted | None = None
    left_elsewhere: bool = False

    def add(self, name: str, form: str = "with") -> Noted:
        """Note a step that begins.

        Steps of whoever still holds one that was left elsewhere look past it; the SDK does not.
        """
        if self.left_elsewhere and form != "span":
            assert self.above is not None
            return self.above.add(name)
        added = Noted(name, above=self)
        self.below.append(added)
        return added

    def ends_with(self, error: BaseException) -> None:
        self.status = status_of(error)

    def canonical(self) -> Any:
        below = sorted((each.canonical() for each in self.below), key=str)
        return (self.name, self.status, sorted(self.attachments), sorted(self.parameters), below)


def canonical(item: dict[str, Any]) -> Any:
    below = sorted((canonical(each) for each in item.get("steps", ())), key=str)
    attachments = sorted(a["name"] for a in item.get("attachments", ()))
    parameters = sorted(p["value"] for p in item.get("parameters", ()) if p["name"] == "told")
    return (item["name"], item["status"], attachments, parameters, below)


def status_of(error: BaseException) -> str:
    """The rule of the report, said in another way."""
    leaves = [leaf for leaf in leaves_of(error) if not isinstance(leaf, asyncio.CancelledError)]
    if isinstance(error, GeneratorExit):
        return "passed"
    if not leaves:
        return "skipped"
    return "failed" if all(isinstance(leaf, AssertionError) for leaf in leaves) else "broken"


def leaves_of(error: BaseException) -> list[BaseException]:
    inner = getattr(error, "exceptions", None)
    return [error] if inner is None else [leaf for each in inner for leaf in leaves_of(each)]


class Program:
    """Runs nodes; every step can be entered in several forms, all of which must be the same."""

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer
        self.shared = {"shared": step("shared"), "shared allure": allure.step("shared")}
        self.loop: asyncio.AbstractEventLoop | None = None
        self.go_on, self.go_on_threads = asyncio.Event(), threading.Event()
        self.later: list[Any] = []  # tasks, threads and jobs that outlive their step
        self.seen: Counter[str] = Counter()
        self.next = Noted("the next")

    # -- a step, in tasks

    async def run(self, node: Node, noted: Noted, inside: asyncio.Event | None = None) -> None:
        if FORMS[node.form] == "elsewhere":
            await joined(self.run_here(node, noted, inside))
        else:
            await self.run_here(node, noted, inside)

    async def run_here(self, node: Node, noted: Noted, inside: asyncio.Event | None) -> None:
        form = FORMS[node.form]
        self.seen[form] += 1
        own = noted.add("shared" if form.startswith("shared") else node.name, form)

        async def body(handle: Any = None) -> None:
            try:
                await self.body(node, own, form, handle, inside)
            except BaseException as error:
                own.ends_with(error)
                raise

        if form == "async with":
            async with step(own.name) as handle:
                await body(handle)
        elif form == "decorated":

            @allure.step(own.name)
            async def decorated() -> None:
                await body()

            await decorated()
        elif form == "elsewhere":
            await self.left_by_a_task(own, noted, body)
        else:
            with self.entered(form, own) as handle:
                await body(handle)

    def entered(self, form: str, own: Noted) -> Any:
        if form.startswith("shared"):
            return self.shared[form]
        if form == "span":
            return self.span(own)
        return (step if form == "handle" else allure.step)(own.name)

    @contextlib.contextmanager
    def span(self, own: Noted) -> Any:
        """A span as an instrumentation makes it; it says nothing of errors."""
        try:
            with self.tracer.start_as_current_span(
                own.name, record_exception=False, set_status_on_exception=False
            ):
                yield None
        finally:
            own.status = "passed"

    async def left_by_a_task(self, own: Noted, noted: Noted, body: Callable[..., Any]) -> None:
        moved = step(own.name)
        handle = moved.__enter__()
        error: BaseException | None = None
        try:
            await body(handle)
        except BaseException as raised:
            error = raised

        async def leave() -> None:
            moved.__exit__(type(error), error, None)
            own.left_elsewhere = True

        await joined(leave(), passes_on=False)
        self.log(noted, f"after {own.name}")
        if error is not None:
            raise error

    async def body(
        self, node: Node, own: Noted, form: str, handle: Any, inside: asyncio.Event | None
    ) -> None:
        self.attach(node, own, form)
        for _ in range(node.pauses):
            await asyncio.sleep(0)
        way = ASYNC_WAYS[node.way]
        if way in ("background", "executor") and asyncio.get_running_loop() is not self.loop:
            way = "gather"
        self.seen[way] += len(node.below)
        errors = await getattr(self, f"run_{way}")(node, own)
        self.finish(node, own, handle, errors)
        if node.end == "cancel" and inside is not None:
            inside.set()
            await asyncio.Event().wait()

    # -- what is below it, in tasks

    async def run_in_turn(self, node: Node, own: Noted) -> list[Exception]:
        return [e for child in node.below if (e := await caught(self.run(child, own)))]

    async def run_gather(self, node: Node, own: Noted) -> list[Exception]:
        runs, cancellers = self.started(node, own)
        try:
            return errors_in(await asyncio.gather(*runs, return_exceptions=True))
        finally:
            for canceller in cancellers:
                canceller.cancel()

    def started(self, node: Node, own: Noted) -> tuple[list[Any], list[Any]]:
        """Start what is below; what wants to be cancelled is, when it has come to its end."""
        events = [asyncio.Event() for _ in node.below]
        pairs = list(zip(node.below, events, strict=True))
        runs = [asyncio.ensure_future(self.run(child, own, event)) for child, event in pairs]
        cancellers = [
            asyncio.ensure_future(cancel_when(event, run))
            for (child, event), run in zip(pairs, runs, strict=True)
            if child.end == "cancel"
        ]
        return runs, cancellers

    async def run_tasks(self, node: Node, own: Noted) -> list[Exception]:
        runs, _ = self.started(node, own)
        if runs:
            await asyncio.wait(runs)
        return errors_in(run.exception() for run in runs if not run.cancelled())

    async def run_task_group(self, node: Node, own: Noted) -> list[Exception]:
        """The first error cancels the others wherever they are, and all that is below them."""
        if not hasattr(asyncio, "TaskGroup"):
            return await self.run_gather(node, own)
        try:
            async with asyncio.TaskGroup() as group:
                for child in node.below:
                    group.create_task(self.run(child, own))
        except Exception as error:
            return [error]
        return []

    async def run_wait_for(self, node: Node, own: Noted) -> list[Exception]:
        tasks = [asyncio.ensure_future(self.run(child, own)) for child in node.below]
        runs = [asyncio.wait_for(task, 60) for task in tasks]
        return errors_in(await asyncio.gather(*runs, return_exceptions=True))

    async def run_shield(self, node: Node, own: Noted) -> list[Exception]:
        runs = [asyncio.shield(self.run(child, own)) for child in node.below]
        return errors_in(await asyncio.gather(*runs, return_exceptions=True))

    async def run_as_completed(self, node: Node, own: Noted) -> list[Exception]:
        runs = asyncio.as_completed([self.run(child, own) for child in node.below])
        return [e for run in runs if (e := await caught(run))]

    async def run_to_thread(self, node: Node, own: Noted) -> list[Exception]:
        runs = [asyncio.to_thread(self.caught_sync, child, own) for child in node.below]
        return errors_in(await joined(gathered(runs), passes_on=False))

    async def run_executor(self, node: Node, own: Noted) -> list[Exception]:
        """In a pool whose workers were started by other tests."""
        jobs = [POOL.submit(self.caught_sync, child, own) for child in node.below]
        runs = [asyncio.wrap_future(job) for job in jobs]
        return errors_in(await joined(gathered(runs), passes_on=False))

    async def run_call_soon(self, node: Node, own: Noted) -> list[Exception]:
        loop = asyncio.get_running_loop()
        return await self.called_back(node, own, loop.call_soon)

    async def run_threadsafe(self, node: Node, own: Noted) -> list[Exception]:
        """In callbacks of this loop, which other threads ask for."""
        loop = asyncio.get_running_loop()

        def ask(callback: Callable[[], None]) -> None:
            threading.Thread(target=loop.call_soon_threadsafe, args=(callback,)).start()

        return await self.called_back(node, own, ask)

    async def called_back(self, node: Node, own: Noted, ask: Any) -> list[Exception]:
        errors: list[Exception | None] = []
        done = [asyncio.Event() for _ in node.below]

        def callback(child: Node, event: asyncio.Event) -> None:
            errors.append(self.caught_sync(child, own))
            event.set()

        for child, event in zip(node.below, done, strict=True):
            ask(lambda child=child, event=event: callback(child, event))
        await joined(gathered([event.wait() for event in done]), passes_on=False)
        return errors_in(errors)

    async def run_generator(self, node: Node, own: Noted) -> list[Exception]:
        """In a decorated async generator: a step, but not that of its consumer."""
        inner = own.add(f"{node.name} generator")

        @step(inner.name)
        async def generator() -> Any:
            try:
                for child in node.below:
                    yield await caught(self.run(child, inner))
            except BaseException as error:
                inner.ends_with(error)
                raise

        errors = []
        async with contextlib.aclosing(generator()) as each:
            async for error in each:
                self.log(own, f"{node.name} consumer")
                errors.append(error)
        return errors_in(errors)

    async def run_held(self, node: Node, own: Noted) -> list[Exception]:
        """While a plain generator holds a step open, which is left early and closed elsewhere."""
        return await joined(self.held(node, own))  # type: ignore[no-any-return]

    async def held(self, node: Node, own: Noted) -> list[Exception]:
        inner = own.add(f"{node.name} held")

        async def generator() -> Any:
            with step(inner.name):
                for child in node.below:
                    yield await caught(self.run(child, inner))
                yield None

        each = generator()
        errors: list[Exception | None] = []
        try:
            for _ in node.below or [None]:
                errors.append(await anext(each))
                self.log(inner, f"{node.name} consumer")
        except asyncio.CancelledError as error:
            inner.ends_with(error)
            raise
        else:
            await joined(each.aclose(), passes_on=False)
            inner.left_elsewhere = True
        self.log(own, f"{node.name} after")
        return errors_in(errors)

    async def run_background(self, node: Node, own: Noted) -> list[Exception]:
        """In tasks that go on when the test is over."""

        async def later(child: Node) -> None:
            await self.go_on.wait()
            await caught(self.run(child, self.place_later(own)))

        self.later += [asyncio.ensure_future(later(child)) for child in node.below]
        return []

    # -- the same in threads

    def run_sync(self, node: Node, noted: Noted) -> None:
        form = FORMS[node.form]
        self.seen[f"{form} in a thread"] += 1
        own = noted.add("shared" if form.startswith("shared") else node.name, form)

        def body(handle: Any = None) -> None:
            try:
                self.body_sync(node, own, form, handle)
            except BaseException as error:
                own.ends_with(error)
                raise

        if form == "decorated":
            step(own.name)(lambda: body())()
        elif form == "elsewhere":
            self.in_thread(self.left_by_a_thread, own, noted, body)
        else:
            with self.entered(form, own) as handle:
                body(handle)

    def in_thread(self, function: Callable[..., Any], *args: Any) -> Any:
        outcome: futures.Future[Any] = futures.Future()

        def work() -> None:
            try:
                outcome.set_result(function(*args))
            except BaseException as error:
                outcome.set_exception(error)

        threading.Thread(target=work).start()
        return outcome.result(60)

    def left_by_a_thread(self, own: Noted, noted: Noted, body: Callable[..., Any]) -> None:
        with contextlib.ExitStack() as stack:
            handle = stack.enter_context(step(own.name))
            error = None
            try:
                body(handle)
            except Exception as raised:
                error = raised
            exit_stack = stack.pop_all()
            self.in_thread(exit_stack.__exit__, type(error) if error else None, error, None)
            own.left_elsewhere = True
        self.log(noted, f"after {own.name}")
        if error is not None:
            raise error

    def body_sync(self, node: Node, own: Noted, form: str, handle: Any) -> None:
        self.attach(node, own, form)
        way = SYNC_WAYS[node.way % len(SYNC_WAYS)]
        self.seen[f"{way} in a thread"] += len(node.below)
        self.finish(node, own, handle, getattr(self, f"sync_{way}")(node, own))

    def caught_sync(self, child: Node, own: Noted) -> Exception | None:
        try:
            self.run_sync(child, own)
        except Exception as error:
            return error
        return None

    def sync_in_turn(self, node: Node, own: Noted) -> list[Exception]:
        return errors_in([self.caught_sync(child, own) for child in node.below])

    def sync_threads(self, node: Node, own: Noted) -> list[Exception]:
        barrier = threading.Barrier(len(node.below) or 1)
        errors: list[Exception | None] = []

        def work(child: Node) -> None:
            barrier.wait(60)
            errors.append(self.caught_sync(child, own))

        workers = [threading.Thread(target=work, args=(child,)) for child in node.below]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return errors_in(errors)

    def sync_pool(self, node: Node, own: Noted) -> list[Exception]:
        with futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self.caught_sync, child, own) for child in node.below]
            return errors_in([job.result() for job in jobs])

    def sync_generator(self, node: Node, own: Noted) -> list[Exception]:
        inner = own.add(f"{node.name} generator")

        @step(inner.name)
        def generator() -> Any:
            for child in node.below:
                yield self.caught_sync(child, inner)

        errors = []
        for error in generator():
            self.log(own, f"{node.name} consumer")
            errors.append(error)
        return errors_in(errors)

    def sync_held(self, node: Node, own: Noted) -> list[Exception]:
        return self.in_thread(self.held_sync, node, own)  # type: ignore[no-any-return]

    def held_sync(self, node: Node, own: Noted) -> list[Exception]:
        inner = own.add(f"{node.name} held")

        def generator() -> Any:
            with step(inner.name):
                for child in node.below:
                    yield self.caught_sync(child, inner)
                yield None

        each = generator()
        errors = []
        for _ in node.below or [None]:
            errors.append(next(each))
            self.log(inner, f"{node.name} consumer")
        self.in_thread(each.close)
        inner.left_elsewhere = True
        self.log(own, f"{node.name} after")
        return errors_in(errors)

    def sync_own_loop(self, node: Node, own: Noted) -> list[Exception]:
        """In tasks of a loop that another thread has."""
        return self.in_thread(asyncio.run, self.run_gather(node, own))  # type: ignore[no-any-return]

    def sync_background(self, node: Node, own: Noted) -> list[Exception]:
        def later(child: Node) -> None:
            self.go_on_threads.wait(60)
            self.caught_sync(child, self.place_later(own))

        for child in node.below:
            thread = threading.Thread(target=later, args=(child,))
            thread.start()
            self.later.append(thread)
        return []

    # -- in both

    @staticmethod
    def log(noted: Noted, name: str) -> None:
        noted.add(name)
        with step(name):
            pass

    def attach(self, node: Node, own: Noted, form: str) -> None:
        for n in range(node.attachments):
            name = f"{node.name} attachment {n}"
            allure.attach("body", name)
            # A span that is not ours has no attachments; a step of their name is in their place.
            (own.add(name) if form == "span" else own).attachments.append(name)

    def finish(self, node: Node, own: Noted, handle: Any, errors: list[Exception]) -> None:
        """Use the handle of the step from inside of another one, and end as the node does."""
        self.seen[node.end] += 1
        if handle is not None:
            with step("inner"):
                own.add("inner")
                handle.parameter("told", own.name)
                own.parameters.append(own.name)
                handle.attach("body", "by handle")
                own.attachments.append("by handle")
                if own.name != "shared":
                    handle.title = own.name = f"{own.name} renamed"
                if node.end == "soft":
                    handle.set_status("failed", "soft")
                    own.status = "failed"
        if errors and node.propagates:
            raise errors[0]
        if node.end == "assert":
            raise AssertionError(node.name)
        if node.end == "raise":
            raise ValueError(node.name)

    # -- the whole

    async def main(self, roots: list[Node], noted: Noted) -> None:
        self.loop = asyncio.get_running_loop()
        await asyncio.gather(*(caught(self.run(root, noted)) for root in roots))

    def place_later(self, own: Noted) -> Noted:
        """Return where work belongs that `own` has started, once the next test runs.

        What started it is over with its test; in the next test, it is not.
        """
        root = own
        while root.above is not None:
            root = root.above
        return own if root is self.next else self.next

    async def rest(self) -> None:
        """Let end what outlives the test."""
        self.go_on.set()
        self.go_on_threads.set()
        await self.later_ones()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others.difference(KEPT):  # what nobody is there to cancel any more
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self.later_ones()  # threads of those for which the others waited

    async def later_ones(self) -> None:
        while self.later:  # they may start more
            each = self.later.pop(0)
            if isinstance(each, threading.Thread):
                await asyncio.to_thread(each.join)
            else:
                await asyncio.wait([each])


KEPT: weakref.WeakSet[Any] = weakref.WeakSet()
"""Tasks that end by themselves: to cancel one would not end the thread that it waits for."""


async def joined(coroutine: Any, *, passes_on: bool = True) -> Any:
    """Run in a task of its own, and wait for it also when cancelled, which may be passed on."""
    task = asyncio.ensure_future(coroutine)
    if not passes_on:
        KEPT.add(task)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if passes_on:
            task.cancel()
        await asyncio.wait([task])
        raise


async def gathered(runs: list[Any]) -> Any:
    tasks = [asyncio.ensure_future(run) for run in runs]
    KEPT.update(tasks)
    return await asyncio.gather(*tasks)


async def cancel_when(event: asyncio.Event, task: asyncio.Future[None]) -> None:
    await event.wait()
    task.cancel()


async def caught(coroutine: Any) -> Exception | None:
    try:
        await coroutine
    except Exception as error:
        return error
    return None


def errors_in(outcomes: Any) -> list[Exception]:
    return [each for each in outcomes if isinstance(each, Exception)]


POOL = futures.ThreadPoolExecutor(4)


def run_program(roots: list[Node], directory: Path, *, eager: bool = False) -> Counter[str]:
    """Run a program, compare, and return what occurred in it."""
    recording = Recording(directory)
    provider = TracerProvider(resource=Resource.get_empty(), shutdown_on_exit=False)
    provider.add_span_processor(AllureSpanProcessor(report=recording.report))
    expected = Noted("test")
    loop = asyncio.new_event_loop()
    if eager and hasattr(asyncio, "eager_task_factory"):
        loop.set_task_factory(asyncio.eager_task_factory)
    program = Program(provider.get_tracer("instrumentation"))
    activate(recording.recorder)
    undo = threads.hand_over_contexts()
    try:
        with recording.test():
            roots = [root.named(str(n)) for n, root in enumerate(roots)]
            loop.run_until_complete(program.main(roots, expected))
        with recording.test("the next"):
            loop.run_until_complete(program.rest())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        results = recording.read()
    finally:
        undo()
        deactivate(recording.recorder)
        loop.close()
        for path in directory.iterdir():
            path.unlink()
    assert canonical(results["test"]) == expected.canonical()
    assert canonical(results["the next"]) == program.next.canonical()
    assert len(results.results) == 2
    return program.seen


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


def test_report_has_the_tree_that_the_program_has(directory):
    seen: Counter[str] = Counter()

    @settings(
        max_examples=PROGRAMS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=True,
    )
    @given(roots=st.lists(nodes, min_size=1, max_size=3), eager=st.booleans())
    def one(roots: list[Node], eager: bool) -> None:
        note(f"run_program({roots}, directory, eager={eager})")
        seen.update(run_program(roots, directory, eager=eager))

    outermost = Recording(directory)
    activate(outermost.recorder)  # registers hooks once, not for every program
    try:
        one()
    finally:
        deactivate(outermost.recorder)
    both = [*ASYNC_WAYS, *FORMS, *(f"{kind} in a thread" for kind in (*SYNC_WAYS, *FORMS)), *ENDS]
    assert [kind for kind in both if seen[kind] < PROGRAMS / 200] == []
