"""Python's own library."""

from __future__ import annotations

from typing import Any

from otel_allure.compat import Private

_THREADS = "steps in threads are shown below the test, not below the step that started the thread"
THREAD_BEGINS = Private(
    "threading.Thread._set_ident",
    "Python 3.3",
    "threads below the step that starts them",
    _THREADS,
)
THREAD_TARGET = Private(
    "threading.Thread._target",
    "Python 3.3",
    "to tell workers of a pool from other threads",
    "what a pool calls back after its work may be shown below the step that began the pool",
)
WORK_ITEM = Private(
    "concurrent.futures.thread._WorkItem",
    "Python 3.2",
    "work of a ThreadPoolExecutor below the step that submits it",
    "steps in a ThreadPoolExecutor are shown below the test, not below the step that submits them",
)
PROCESS_WORK_ITEM = Private(
    "concurrent.futures.process._WorkItem",
    "Python 3.2",
    "work of a ProcessPoolExecutor below the step that submits it",
    "steps in a ProcessPoolExecutor are shown below the step that began it",
)
POOL_TASKS = Private(
    "multiprocessing.pool.Pool._guarded_task_generation",
    "Python 3.7",
    "work of a multiprocessing.Pool below the step that maps it",
    "steps in a pool's `map` are shown below the step that began the pool",
)
AFTER_FORK = Private(
    "multiprocessing.util.register_after_fork",
    "Python 2.6",
    "spans that a child process of multiprocessing has not sent when it ends",
    "the last spans of a child process of multiprocessing may be lost",
)
FINALIZE = Private(
    "multiprocessing.util.Finalize",
    "Python 2.6",
    "spans that a child process of multiprocessing has not sent when it ends",
    "the last spans of a child process of multiprocessing may be lost",
)
CALL_HANDLERS = Private(
    "logging.Logger.callHandlers",
    "Python 2.3",
    "log records at their place",
    "what is logged is shown as pytest captures it, for the whole test",
)
SUBTEST = Private(
    "unittest.TestCase._subtest",
    "Python 3.4",
    "outcomes of unittest's subtests",
    "failed subtests of unittest's have a step each, but the test is what tells that they failed",
)


def at_exit_of_child(owner: Any, call: Any) -> None:
    """Have `call(owner)` called when a child of multiprocessing that is forked from here ends.

    Such children end without `atexit`, and forget their finalizers when they begin; what is
    registered here runs after that.
    """
    register, finalize = AFTER_FORK.imported(), FINALIZE.imported()
    if register is not None and finalize is not None:
        register(owner, lambda each: finalize(each, lambda: call(each), exitpriority=10))
