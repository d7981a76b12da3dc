"""Which fixtures are worth a row, and what their tear-downs are called."""

from __future__ import annotations

import textwrap
from types import SimpleNamespace
from typing import Any

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Log, Span
from otel_allure.presentation.presentation import Presentation
from otel_allure.pytest_plugin import plugins_fixtures
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation.to_results import to_container, to_results

MS = 1_000_000
OF_PLUGIN = {c.KIND: c.FIXTURE, c.PHASE_NAME: "before", c.OF_PLUGIN: True}

# -- whose a fixture is


@pytest.mark.parametrize(
    ("name", "module", "test", "expected"),
    [
        ("db", "/project/conftest.py", "/project/test_it.py", False),
        ("_db", "/project/conftest.py", "/project/test_it.py", False),
        ("db", None, "/project/test_it.py", False),
        ("page", "/env/lib/site-packages/playwright/p.py", "/project/test_it.py", True),
        ("loop", "/usr/lib/python3/dist-packages/aio/p.py", "/project/test_it.py", True),
        ("own", "/env/site-packages/shop/conftest.py", "/env/site-packages/shop/test.py", False),
        ("db", "/project/.venv/site-packages/x/y.py", "/project/test_it.py", True),
        ("tmp_path", "/env/site-packages/_pytest/tmpdir.py", "/project/test_it.py", True),
        ("_xunit_setup_method_fixture_It", "/env/site-packages/_pytest/p.py", "/t.py", False),
        ("_unittest_setUpClass_fixture_It", "/env/site-packages/_pytest/u.py", "/t.py", False),
    ],
)
def test_a_fixture_of_an_installed_package_is_a_plugins(name, module, test, expected, monkeypatch):
    plugins_fixtures._package_of_module.cache_clear()
    modules = {} if module is None else {"theirs": SimpleNamespace(__file__=module)}
    monkeypatch.setattr(plugins_fixtures, "sys", SimpleNamespace(modules=modules))
    function = SimpleNamespace(__module__="theirs")
    fixturedef: Any = SimpleNamespace(argname=name, func=function)
    node: Any = SimpleNamespace(path=test)
    assert plugins_fixtures.is_of_plugin(fixturedef, node) is expected
    plugins_fixtures._package_of_module.cache_clear()


# -- what is shown of it


def fixture(name: str = "loop", **fields: Any) -> Span:
    attributes = {**OF_PLUGIN, **fields.pop("attributes", {})}
    return build_span(name, 2, 1, attributes=attributes, **fields)


CALL = build_span("SELECT", 3, 2, attributes={"db.system.name": "sqlite"})
STEP = build_span("step", 3, 2, attributes={c.KIND: c.STEP})
SHOWN: dict[str, tuple[list[Span], bool]] = {
    "nothing": ([fixture()], False),
    "a step": ([fixture(), STEP], True),
    "a call": ([fixture(), CALL], True),
    "an attachment": (
        [
            fixture(
                attributes={c.ATTACHMENT_SOURCES: ["a.txt"], c.ATTACHMENT_NAMES: ["a"]},
            )
        ],
        True,
    ),
    "a failure": ([fixture(attributes={c.STATUS: "broken", c.MESSAGE: "no"})], True),
    "no end": ([fixture(end_ns=None)], True),
    "a long time": ([fixture(start_ns=0, end_ns=2000 * MS)], True),
    "a user's own": ([fixture(attributes={c.OF_PLUGIN: None})], True),
}


def shown(*spans: Span, logs: dict[int, list[Log]] | None = None, **settings: Any) -> list[str]:
    test = build_span("test", 1, end_ns=3000 * MS, attributes={c.KIND: c.TEST})
    presentation = Presentation(Settings(waterfall="off", **settings))
    translated = to_results([test, *spans], presentation, logs or {})
    return [f.name for each in translated.containers for f in each.befores + each.afters]


@pytest.mark.parametrize(("spans", "expected"), SHOWN.values(), ids=list(SHOWN))
def test_a_plugins_fixture_is_shown_if_there_is_something_to_see(spans, expected):
    spans = [
        s._replace(attributes={k: v for k, v in s.attributes.items() if v is not None})
        for s in spans
    ]
    assert shown(*spans) == ["loop"] * expected
    assert shown(*spans, fixtures="allure-pytest") == ["loop"]


def test_one_that_logs_is_shown():
    logs = {2: [Log(TRACE_ID, 2, 0, "INFO", "app", "up")]}
    assert shown(fixture(), logs=logs) == ["loop"]


@pytest.mark.parametrize(("below", "expected"), [([], []), ([STEP], ["db"])])
def test_the_container_of_a_wider_one_is_written_if_something_is_in_it(below, expected):
    life = build_span("db", 1, attributes={c.KIND: c.CONTAINER})
    found = to_container([life, fixture("db"), *below], ["a test"])
    assert [f.name for each in found.containers for f in each.befores] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("db::0", "db"),
        ("db::12", "db"),
        ("db::finalizer", "db"),
        ("db::<lambda>", "db"),
        ("db::close", "db (close)"),
        ("a::b::0", "a::b"),
        ("db", "db"),
        ("::0", "::0"),
    ],
)
def test_what_a_tear_down_is_called(name, expected):
    after = build_span(name, 2, 1, attributes={c.KIND: c.FIXTURE, c.PHASE_NAME: "after"})
    assert shown(after) == [expected]
    assert shown(after, fixtures="allure-pytest") == [name]
    before = after._replace(attributes={c.KIND: c.FIXTURE, c.PHASE_NAME: "before"})
    assert shown(before) == [name]


def test_a_run(run, monkeypatch):
    """Those of pytest and pytest-asyncio say nothing here; an author's class does."""
    monkeypatch.delenv("OTEL_EXPORTER_ALLURE_FIXTURES", raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_FIXTURES", "own")
    source = """
        import pytest

        class TestIt:
            def setup_method(self):
                pass

            async def test_it(self, _database, tmp_path, monkeypatch):
                pass

        @pytest.fixture
        def _database():
            yield
    """
    result = run(textwrap.dedent(source), passed=1)
    containers = result.report.containers
    parts = {f["name"] for each in containers for f in each.get("befores", [])}
    assert set(parts) == {"_database", "setup_method of TestIt"}
    afters = {f["name"] for each in containers for f in each.get("afters", [])}
    assert "_database" in afters
    assert not any("loop" in name or "monkeypatch" in name for name in parts | afters)
