"""Forked children: their steps come back into the test that forked them."""

from __future__ import annotations

import os

import pytest

from otel_allure.testing import tree

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_multiprocessing(run):
    """Steps, attachments and failures of children are below the step that started them."""
    done = run(
        """
        import allure
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        fork = multiprocessing.get_context("fork")

        def work(n):
            with allure.step(f"outer {n}"):
                with allure.step(f"inner {n}"):
                    allure.attach(str(n), f"attachment {n}")
                    assert n != 2, "two"

        def test_process():
            with allure.step("start"):
                for n in (1, 2):
                    process = fork.Process(target=work, args=(n,))
                    process.start()
                    process.join()
            with allure.step("after"):
                pass

        def test_pool():
            with ProcessPoolExecutor(1, mp_context=fork) as pool, allure.step("map"):
                list(pool.map(work, [1, 3]))
        """,
        "--allure-no-capture",  # a failing process prints its traceback
        plugins=(),
        passed=2,
    )
    process, pool = done.report["test_process"], done.report["test_pool"]
    assert tree(process) == [
        {
            "start": [
                {"outer 1": [{"inner 1": ["[attachment 1]"]}]},
                {"failed: outer 2": [{"failed: inner 2": ["[attachment 2]"]}]},
            ]
        },
        "after",
    ]
    assert tree(pool) == [
        {"map": [{f"outer {n}": [{f"inner {n}": [f"[attachment {n}]"]}]} for n in (1, 3)]}
    ]
    (inner,) = process["steps"][0]["steps"][0]["steps"]
    assert done.report.body(inner["attachments"][0]) == "1"


def test_bare_fork(run):
    """A step that is open at the fork ends in both processes, and is there once."""
    done = run(
        """
        import allure
        import os

        def test_fork():
            with allure.step("parent"):
                pid = os.fork()
                if not pid:
                    with allure.step("child"):
                        pass
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
            with allure.step("after"):
                pass
        """,
        plugins=(),
        passed=1,
    )
    assert tree(done.report["test_fork"]) == [{"parent": ["child"]}, "after"]
    assert len(done.report.results) == 1
