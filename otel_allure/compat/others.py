"""What has no file of its own: greenlets, logging libraries, plugins of pytest."""

from __future__ import annotations

from otel_allure.compat import Private

EVENTLET_SPAWN = Private(
    "eventlet.greenthread._spawn_n",
    "eventlet 0.9",
    "steps in greenlets of `spawn_n` below the step that spawns them",
    "steps in greenlets of eventlet's `spawn_n` are shown below the test",
)
_IN_GEVENT = "steps in threads of gevent's pools are shown below the test"
GEVENT_RESULT, GEVENT_WORKER, GEVENT_BEFORE = (
    Private(name, since, "work for gevent's threads below the step that asks for it", _IN_GEVENT)
    for name, since in (
        ("gevent.threadpool.ThreadResult", "gevent 1.0"),
        ("gevent.threadpool._WorkerGreenlet", "gevent 20.12"),
        ("gevent.threadpool._WorkerGreenlet._before_run_task", "gevent 20.12"),
    )
)
LOGURU_CORE = Private(
    "loguru._logger.Logger._core",
    "loguru 0.5",
    "what loguru logs, at its place",
    "what loguru logs is shown as pytest captures it, if at all",
)
COOPERATIVE_TEST = Private(
    "pytest_asyncio_cooperative.plugin.test_wrapper",
    "pytest-asyncio-cooperative 0.20",
    "tests of pytest-asyncio-cooperative",
    "steps of pytest-asyncio-cooperative's tests are not shown",
)
COOPERATIVE_FIXTURES = Private(
    "pytest_asyncio_cooperative.plugin.fill_fixtures",
    "pytest-asyncio-cooperative 0.20",
    "phases of pytest-asyncio-cooperative's tests",
    "steps of pytest-asyncio-cooperative's tests are not shown",
)
EXECNET_IO = Private(
    "execnet.gateway.Gateway._io",
    "execnet 1.0",
    "to say how a worker of pytest-xdist ended",
    "results of tests in which a worker has died do not say by which signal or exit code",
)
SUBTESTS_PLUGIN = Private(
    "pytest_subtests.plugin._SubTestContextManager",
    "pytest-subtests 0.13",
    "subtests of pytest-subtests as steps",
    "subtests of pytest-subtests are not shown as steps",
)
