"""Random concurrent programs, run for real: the report has the tree that the program has.

A program is a tree of steps, each with a way to run its children: one after the other, in tasks,
in threads, in a pool. While it runs it notes which step it is in, and how each one ends, by plain
arguments; the report has to find the same out from the context.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import allure
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otel_allure import recorder as recorders
from otel_allure import step, threads

from .test_step import Recording

ASYNC_WAYS = ["in turn", "gather", "tasks", "to_thread", "async generator"]
SYNC_WAYS = ["in turn", "threads", "pool", "generator"]


@dataclass
class Node:
    """A step of a program."""

    way: int
    form: int
    attachments: int
    pauses: int
    fails: str
    propagates: bool
    children: list[Node]
    name: str = ""


@dataclass
class Noted:
    """What the program notes of a step while it runs."""

    name: str
    status: str = "passed"
    attachments: list[str] = field(default_factory=list)
    children: list[Noted] = field(default_factory=list)

    def canonical(self) -> Any:
        children = sorted((child.canonical() for child in self.children), key=str)
        return (self.name, self.status, sorted(self.attachments), children)


def canonical(item: dict[str, Any]) -> Any:
    children = sorted((canonical(s) for s in item.get("steps", ())), key=str)
    attachments = sorted(a["name"] for a in item.get("attachments", ()))
    return (item["name"], item["status"], attachments, children)


def nodes_with(children: st.SearchStrategy[list[Node]]) -> st.SearchStrategy[Node]:
    return st.builds(
        Node,
        way=st.integers(0, 9),
        form=st.integers(0, 4),
        attachments=st.integers(0, 2),
        pauses=st.integers(0, 2),
        fails=st.sampled_from(["", "", "", "assert", "raise", "cancel"]),
        propagates=st.booleans(),
        children=children,
    )


nodes = st.recursive(
    nodes_with(st.just([])),
    lambda children: nodes_with(st.lists(children, max_size=4)),
    max_leaves=14,
)


def named(node: Node, name: str = "0") -> Node:
    node.name = name
    for n, child in enumerate(node.children):
        named(child, f"{name}.{n}")
    return node


class Program:
    """Runs nodes; every step can be entered in several forms, all of which must be the same."""

    def __init__(self) -> None:
        self.shared = [allure.step("shared"), step("shared")]

    # -- in tasks

    async def run(self, node: Node, noted: Noted, inside: asyncio.Event | None = None) -> None:
        own = Noted(self.title(node))
        noted.children.append(own)

        async def body() -> None:
            try:
                await self.body(node, own, inside)
            except BaseException as error:
                own.status = "failed" if isinstance(error, AssertionError) else "broken"
                raise

        if node.form == 0:
            with allure.step(own.name):
                await body()
        elif node.form == 1:
            async with step(own.name):
                await body()
        elif node.form == 2:
            await allure.step(own.name)(body)()
        else:
            with self.shared[node.form - 3]:
                await body()

    @staticmethod
    def title(node: Node) -> str:
        return "shared" if node.form >= 3 else node.name

    async def body(self, node: Node, own: Noted, inside: asyncio.Event | None) -> None:
        for n in range(node.attachments):
            self.attach(node, own, n)
        for _ in range(node.pauses):
            await asyncio.sleep(0)
        errors = await self.children(node, own)
        self.end(node, errors)
        if node.fails == "cancel" and inside is not None:
            inside.set()
            await asyncio.Event().wait()

    async def children(self, node: Node, own: Noted) -> list[BaseException]:
        way = ASYNC_WAYS[node.way % len(ASYNC_WAYS)]
        if way == "in turn":
            return [e for c in node.children if (e := await caught(self.run(c, own)))]
        if way == "to_thread":
            jobs = [asyncio.to_thread(caught_sync, self.run_sync, c, own) for c in node.children]
            return [e for e in await asyncio.gather(*jobs) if e]
        if way == "async generator":
            return [e async for e in self.generated(node, own) if e]
        events = [asyncio.Event() for _ in node.children]
        tasks = [
            asyncio.ensure_future(self.run(c, own, e))
            for c, e in zip(node.children, events, strict=True)
        ]
        if way == "tasks":
            for child, task, event in zip(node.children, tasks, events, strict=True):
                if child.fails == "cancel":
                    waiting = asyncio.ensure_future(event.wait())
                    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    task.cancel()
        else:
            for event, task, child in zip(events, tuple(tasks), node.children, strict=True):
                if child.fails == "cancel":
                    tasks.append(asyncio.ensure_future(cancel_when(event, task)))
        done = await asyncio.gather(*tasks[: len(events)], return_exceptions=True)
        for canceller in tasks[len(events) :]:
            canceller.cancel()
        return [e for e in done if isinstance(e, Exception)]

    async def generated(self, node: Node, own: Noted) -> Any:
        """Run the children inside of a decorated async generator, which is a step of its own."""
        title = f"{node.name} generator"
        inner = Noted(title)
        own.children.append(inner)

        @step(title)
        async def generator() -> Any:
            for child in node.children:
                yield await caught(self.run(child, inner))

        async for error in generator():
            with step(f"{node.name} consumer"):
                own.children.append(Noted(f"{node.name} consumer"))
                yield error

    # -- in threads

    def run_sync(self, node: Node, noted: Noted) -> None:
        own = Noted(self.title(node))
        noted.children.append(own)

        def body() -> None:
            try:
                self.body_sync(node, own)
            except BaseException as error:
                own.status = "failed" if isinstance(error, AssertionError) else "broken"
                raise

        if node.form == 2:
            step(own.name)(body)()
        elif node.form < 2:
            with allure.step(own.name):
                body()
        else:
            with self.shared[node.form - 3]:
                body()

    def body_sync(self, node: Node, own: Noted) -> None:
        for n in range(node.attachments):
            self.attach(node, own, n)
        self.end(node, self.children_sync(node, own))

    def children_sync(self, node: Node, own: Noted) -> list[BaseException]:
        way = SYNC_WAYS[node.way % len(SYNC_WAYS)]
        errors: list[BaseException | None] = []
        if way == "in turn":
            errors = [caught_sync(self.run_sync, child, own) for child in node.children]
        elif way == "pool":
            with ThreadPoolExecutor(2) as pool:
                jobs = [pool.submit(caught_sync, self.run_sync, c, own) for c in node.children]
                errors = [job.result() for job in jobs]
        elif way == "generator":
            inner = Noted(f"{node.name} generator")
            own.children.append(inner)

            @step(inner.name)
            def generator() -> Any:
                for child in node.children:
                    yield caught_sync(self.run_sync, child, inner)

            errors = list(generator())
        else:
            barrier = threading.Barrier(len(node.children) or 1)

            def work(child: Node) -> None:
                barrier.wait(30)
                errors.append(caught_sync(self.run_sync, child, own))

            workers = [threading.Thread(target=work, args=(child,)) for child in node.children]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        return [error for error in errors if error]

    # -- in both

    @staticmethod
    def attach(node: Node, own: Noted, n: int) -> None:
        name = f"{node.name} attachment {n}"
        own.attachments.append(name)
        allure.attach("body", name)

    @staticmethod
    def end(node: Node, errors: list[BaseException]) -> None:
        if errors and node.propagates:
            raise errors[0]
        if node.fails == "assert":
            raise AssertionError(node.name)
        if node.fails == "raise":
            raise ValueError(node.name)


async def cancel_when(event: asyncio.Event, task: asyncio.Future[None]) -> None:
    await event.wait()
    task.cancel()


async def caught(coroutine: Any) -> Exception | None:
    try:
        await coroutine
    except Exception as error:
        return error
    return None


def caught_sync(function: Any, *args: Any) -> Exception | None:
    try:
        function(*args)
    except Exception as error:
        return error
    return None


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@settings(
    max_examples=1500,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(program=st.lists(nodes, min_size=1, max_size=3))
def test_report_has_the_tree_that_the_program_has(directory, program):
    expected = Noted("test")

    async def main() -> None:
        run = Program()
        roots = [named(node, str(n)) for n, node in enumerate(program)]
        await asyncio.gather(*(caught(run.run(root, expected)) for root in roots))

    recording = Recording(directory)
    recorders.activate(recording.recorder)
    undo = threads.hand_over_contexts()
    try:
        with recording.test():
            asyncio.run(main())
        (result,) = [r for r in recording.read().results if r["name"] == "test"]
    finally:
        undo()
        recorders.deactivate(recording.recorder)
        for path in directory.iterdir():
            path.unlink()
    assert canonical(result) == expected.canonical()
