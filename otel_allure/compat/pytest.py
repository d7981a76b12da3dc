"""pytest, which is imported by its plugins only: not from here."""

from __future__ import annotations

import sys
from typing import Any

from otel_allure.compat import Private

# -- fixtures

_NO_FINALIZERS = "the tear-down of fixtures is not shown"
FINALIZERS = Private(
    "_pytest.fixtures.FixtureDef._finalizers",
    "pytest 3.0",
    "the tear-down of fixtures",
    _NO_FINALIZERS,
)
DIRECT_PARAMETER = Private(
    "_pytest.python.get_direct_param_fixture_func",
    "pytest 8.0",
    "to tell arguments that are parametrized directly from fixtures",
    "arguments that are parametrized directly are shown as fixtures, too",
)
ITEM_OF_REQUEST = Private(
    "_pytest.fixtures.FixtureRequest._pyfuncitem",
    "pytest 3.0",
    "to know the test that a fixture is set up for",
    "what a fixture of wider scope does is shown at no test while it is set up",
)
REQUEST = Private(
    "_pytest.python.Function._request",
    "pytest 3.0",
    "fixtures of wider scope at the tests that use them",
    "fixtures that a test asks for while it runs are not shown at it",
)
FIXTURES_REACHED = Private(
    "_pytest.fixtures.FixtureRequest._fixture_defs",
    "pytest 3.0",
    "to know how far the set-up of a test got that was skipped, or failed",
    "fixtures of wider scope are not shown at tests whose set-up failed",
)
FIXTURE_MANAGER = Private(
    "_pytest.main.Session._fixturemanager",
    "pytest 3.0",
    "fixtures of wider scope at the tests that use them",
    "fixtures of wider scope are not shown",
)

FIXTURE_FUNCTION = Private(
    "_pytest.fixtures.FixtureFunctionDefinition._fixture_function",
    "pytest 8.4",
    "a step above `@pytest.fixture`",
    "a step above `@pytest.fixture` is not shown",
)


def is_fixture(definition: object) -> bool:
    """Whether it is what `@pytest.fixture` makes of a function."""
    pytest = sys.modules.get("pytest")
    kind = getattr(pytest, "fixture", None)
    return kind is not None and type(definition) is type(kind(lambda: None))


# -- what was captured

REPORT_SECTIONS = Private(
    "_pytest.nodes.Item._report_sections",
    "pytest 2.6",
    "what each attempt at a repeated test has printed",
    "what earlier attempts at a test have printed is attached to the last, too",
)
CAPTURING = Private(
    "_pytest.capture.CaptureManager._global_capturing",
    "pytest 3.0",
    "to tell what tests print that run at the same time",
    "what tests print that run at the same time may be attached to another one of them",
)
LOG_HANDLER = Private(
    "_pytest.logging.LoggingPlugin.report_handler",
    "pytest 4.0",
    "pytest's form of log lines, and its level",
    "log lines have pytest's default form, and all levels",
)
LOG_LEVEL = Private(
    "_pytest.logging.LoggingPlugin.log_level",
    "pytest 4.0",
    "pytest's option --log-level",
    "log records below --log-level are shown, too",
)
LOG_FORMAT = Private(
    "_pytest.logging.DEFAULT_LOG_FORMAT",
    "pytest 3.3",
    "to know whether users have a form of log lines of their own",
    "log lines have a form of ours",
)

# -- faulthandler

FAULTHANDLER_FILE = Private(
    "_pytest.faulthandler.fault_handler_stderr_fd_key",
    "pytest 7.3",
    "to quote what faulthandler writes when a process dies",
    "what faulthandler writes when a process dies is in no result",
)

# -- subtests

_NO_SUBTESTS = "subtests are not shown as steps"
SUBTESTS = Private(
    "_pytest.subtests._SubTestContextManager",
    "pytest 9.0",
    "subtests of the fixture as steps",
    _NO_SUBTESTS,
)
UNITTEST_FUNCTION = Private(
    "_pytest.unittest.TestCaseFunction",
    "pytest 2.4",
    "subtests of unittest's as steps",
    _NO_SUBTESTS,
)

# -- options

KNOWN_ARGUMENTS = Private(
    "_pytest.config.Config.known_args_namespace",
    "pytest 3.0",
    "to record while conftest files are imported",
    "what conftest files do while they are imported is not shown",
)
CALL_SPEC = Private(
    "_pytest.python.Function.callspec",
    "pytest 3.0",
    "parameters of tests",
    "tests have no parameters in the report",
)

# -- imports

REWRITTEN = Private(
    "_pytest.assertion.rewrite.AssertionRewritingHook._must_rewrite",
    "pytest 3.0",
    "a quick start",
    "pytest looks for assertions in our own modules, and so starts a tenth of a second later",
)


def import_plainly(package: str) -> None:
    """Have the rest of a package of ours imported as without pytest: it has no assertions.

    pytest would explain those of any plugin, and reads and keeps its modules in a way of its own.
    """
    for finder in sys.meta_path:
        if type(finder).__name__ == "AssertionRewritingHook":
            REWRITTEN.of(finder, set(), kind=set).discard(package)


def loaded(private: Private) -> Any:
    """Return a name of a module that pytest has loaded, None if it has not."""
    return private.of(sys.modules.get(private.name.rpartition(".")[0]))
