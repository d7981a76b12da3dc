"""Log records at their place: in the step, fixture or test that emitted them, and nowhere else."""

from __future__ import annotations

import re

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Log
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.results import Results, steps
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.translation.to_results import to_container, to_results

TIME = re.compile(r"^\d\d:\d\d:\d\d\.\d\d\dZ ", re.MULTILINE)
SOURCE = re.compile(r"\S+:\S+\.py:\d+ ")


def attached(report: Results, item, name: str = "log") -> str | None:
    """Return the text of the one attachment of this name, None if there is none."""
    found = [a for a in item.get("attachments", ()) if a["name"] == name]
    assert len(found) <= 1, found
    return report.body(found[0]) if found else None


def logged(report: Results, item) -> list[str]:
    """Return level and message of each line, without time and place."""
    lines = (attached(report, item) or "").splitlines()
    return [" ".join(SOURCE.sub("", TIME.sub("", line)).split()) for line in lines]


def logs_of(report: Results, result) -> dict[str, list[str]]:
    """Return the lines of a result and its steps, by name, where there are any."""
    found = {item["name"]: logged(report, item) for item in (result, *steps(result))}
    return {name: lines for name, lines in found.items() if lines}


def logs_of_fixtures(report: Results, result) -> dict[str, list[str]]:
    """Return the lines of a result's fixtures and their steps, by name."""
    fixtures = [f for kind in ("befores", "afters") for f in report.fixtures_of(result, kind)]
    return {name: lines for f in fixtures for name, lines in logs_of(report, f).items()}


def logs_outside(report: Results) -> str:
    attachments = [a for run in report.globals for a in run.get("attachments", ())]
    return "".join(report.body(a) for a in attachments if a["name"] == "Outside of tests")


# -- the place


def test_steps_fixtures_and_tests(run):
    """What is logged in a step or a fixture is theirs; the rest is the test's."""
    done = run(
        """
        import allure
        import logging
        import pytest

        log = logging.getLogger("app")

        @pytest.fixture(scope="session")
        def wide():
            log.warning("wide before")
            yield
            log.warning("wide after")

        @pytest.fixture
        def narrow():
            log.warning("narrow before")
            with allure.step("step of the fixture"):
                log.warning("in its step")
            yield
            log.warning("narrow after")

        def test_it(wide, narrow):
            log.warning("first of the test")
            with allure.step("outer"):
                log.warning("first of outer")
                with allure.step("inner"):
                    log.error("of inner")
                log.info("below the level")
                log.warning("last of outer")
            log.warning("last of the test")
        """,
        plugins=(),
        passed=1,
    )
    result = done.report["test_it"]
    assert logs_of(done.report, result) == {
        "test_it": ["WARNING first of the test", "WARNING last of the test"],
        "outer": ["WARNING first of outer", "WARNING last of outer"],
        "inner": ["ERROR of inner"],
    }
    assert logs_of_fixtures(done.report, result) == {
        "wide": ["WARNING wide before"],
        "narrow": ["WARNING narrow before"],
        "step of the fixture": ["WARNING in its step"],
        "narrow::0": ["WARNING narrow after"],
        "wide::0": ["WARNING wide after"],
    }


LIBRARIES = {
    "logging": "import logging; log = logging.getLogger('app').warning",
    "loguru": "from loguru import logger; log = logger.warning",
    "structlog": "import structlog; log = structlog.get_logger().warning",
    "structlog, written": """
import structlog
structlog.configure(logger_factory=structlog.WriteLoggerFactory())
log = structlog.get_logger().warning""",
    "structlog, bytes": """
import structlog
structlog.configure(
    processors=[structlog.processors.LogfmtRenderer(), lambda _, name, text: text.encode()],
    logger_factory=structlog.BytesLoggerFactory(),
)
log = structlog.get_logger().warning""",
    "structlog by stdlib": """
import structlog
structlog.configure(
    processors=[structlog.stdlib.render_to_log_kwargs],
    logger_factory=structlog.stdlib.LoggerFactory(),
)
log = structlog.get_logger().warning""",
}


@pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)
def test_concurrent_steps(run, library):
    """Each line is in the step that emitted it, whoever else runs at the same time."""
    source = """
import allure
import asyncio
import threading

async def branch(n, here, there):
    with allure.step(f"branch {n}"):
        log(f"first of {n}")
        here.set()
        await there.wait()
        log(f"last of {n}")

async def test_gather():
    one, two = asyncio.Event(), asyncio.Event()
    await asyncio.gather(branch(1, one, two), branch(2, two, one))

async def test_tasks():
    one, two = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(branch(1, one, two)), asyncio.create_task(branch(2, two, one))]
    await asyncio.wait(tasks)

def test_threads():
    barrier = threading.Barrier(2, timeout=30)

    def work(n):
        with allure.step(f"branch {n}"):
            barrier.wait()
            log(f"first of {n}")
            barrier.wait()
            log(f"last of {n}")

    threads = [threading.Thread(target=work, args=[n]) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""
    done = run(library + source, passed=3)
    for result in done.report.results:
        by_step = {step["name"]: attached(done.report, step) for step in steps(result)}
        assert by_step.keys() == {"branch 1", "branch 2"}
        for n, text in zip((1, 2), (by_step["branch 1"], by_step["branch 2"]), strict=True):
            assert re.findall(r"(?:first|last) of \d", text) == [f"first of {n}", f"last of {n}"]
            assert len(TIME.findall(text)) == 2
            assert text.lower().count("warning") == 2 or "bytes" in library.lower()
        assert attached(done.report, result) is None


def test_async_fixtures(run):
    """Both halves of an async generator, and of one that is wider than the test."""
    done = run(
        """
        import logging
        import pytest_asyncio

        log = logging.getLogger("app")

        @pytest_asyncio.fixture(loop_scope="module", scope="module")
        async def wide():
            log.warning("wide before")
            yield
            log.warning("wide after")

        @pytest_asyncio.fixture
        async def narrow():
            log.warning("narrow before")
            yield
            log.warning("narrow after")

        async def test_it(wide, narrow):
            log.warning("of the test")
        """,
        passed=1,
    )
    result = done.report["test_it"]
    assert logs_of(done.report, result) == {"test_it": ["WARNING of the test"]}
    assert logs_of_fixtures(done.report, result) == {
        "wide": ["WARNING wide before"],
        "narrow": ["WARNING narrow before"],
        "narrow::finalizer": ["WARNING narrow after"],
        "wide::finalizer": ["WARNING wide after"],
    }


@pytest.mark.parametrize(
    ("plugin", "mark"),
    [
        ("asyncio-cooperative", "asyncio_cooperative"),
        ("asyncio-concurrent", 'asyncio_concurrent(group="g")'),
    ],
)
def test_tests_at_the_same_time(run, plugin, mark):
    """Logs and output of each test are its own, although both run in one loop."""
    done = run(
        f"""
        import allure
        import asyncio
        import logging
        import pytest
        import sys

        log = logging.getLogger("app")
        arrived = []

        async def body(n):
            print("first of", n)
            log.warning(f"of test {{n}}")
            with allure.step("step"):
                arrived.append(n)
                while len(arrived) < 2:
                    await asyncio.sleep(0)
                print("in the step of", n, file=sys.stderr)
                log.warning(f"in the step of {{n}}")
            print("last of", n)

        @pytest.mark.{mark}
        async def test_1():
            await body(1)

        @pytest.mark.{mark}
        async def test_2():
            await body(2)
        """,
        plugins=(plugin,),
        passed=2,
    )
    for n in (1, 2):
        result = done.report[f"test_{n}"]
        assert logs_of(done.report, result) == {
            f"test_{n}": [f"WARNING of test {n}"],
            "step": [f"WARNING in the step of {n}"],
        }
        assert attached(done.report, result, "stdout").split("\n")[:2] == [
            f"first of {n}",
            f"last of {n}",
        ]
        errors = attached(done.report, result, "stderr")
        assert f"in the step of {n}" in errors
        assert f"of {3 - n}" not in errors + attached(done.report, result, "stdout")


def test_workers(run):
    done = run(
        """
        import allure
        import logging
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_it(n):
            logging.warning(f"of test {n}")
            with allure.step("step"):
                logging.warning(f"of step {n}")
        """,
        "-n2",
        plugins=("xdist",),
        passed=4,
    )
    for n in range(4):
        assert logs_of(done.report, done.report[f"test_it[{n}]"]) == {
            f"test_it[{n}]": [f"WARNING of test {n}"],
            "step": [f"WARNING of step {n}"],
        }


def test_spans_of_instrumentation(run):
    """A span's records are in its step; those of one that is not shown in the nearest above."""
    done = run(
        """
        import allure
        import logging
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

        dropped = TracerProvider(sampler=ALWAYS_OFF).get_tracer("dropped")

        def test_it():
            with allure.step("step"):
                for tracer in (trace.get_tracer("shown"), trace.get_tracer("hidden"), dropped):
                    with tracer.start_as_current_span("call"):
                        logging.warning(getattr(tracer, "_instrumenting_module_name", "dropped"))
        """,
        "-o",
        "allure_ignore_scopes=hidden",
        plugins=(),
        passed=1,
    )
    assert logs_of(done.report, done.report["test_it"]) == {
        "step": ["WARNING hidden", "WARNING dropped"],
        "call": ["WARNING shown"],
    }


def test_children(run):
    """What a forked child logs belongs to the step that started it."""
    pytest.importorskip("fcntl")  # no fork on Windows
    done = run(
        """
        import allure
        import logging
        import os

        def test_it():
            with allure.step("step"):
                logging.warning("of the parent")
                child = os.fork()
                if child == 0:
                    logging.warning("of the child")
                    with allure.step("step of the child"):
                        logging.warning("of its step")
                    os._exit(0)
                os.waitpid(child, 0)
        """,
        plugins=(),
        passed=1,
    )
    assert logs_of(done.report, done.report["test_it"]) == {
        "step": ["WARNING of the parent", "WARNING of the child"],
        "step of the child": ["WARNING of its step"],
    }


def test_after_the_test(run):
    """A task that outlives its test logs in the test that then runs, as `caplog` has it."""
    done = run(
        """
        import allure
        import asyncio
        import logging
        import pytest

        tasks = []

        @pytest.mark.asyncio(loop_scope="module")
        async def test_first():
            async def work():
                await asyncio.sleep(0)
                await go.wait()
                logging.warning("late")

            go = asyncio.Event()
            with allure.step("starts it"):
                tasks.append((go, asyncio.create_task(work())))

        @pytest.mark.asyncio(loop_scope="module")
        async def test_second():
            go, task = tasks[0]
            go.set()
            await task
        """,
        passed=2,
    )
    assert logs_of(done.report, done.report["test_first"]) == {}
    (late,) = logs_of(done.report, done.report["test_second"]).values()
    assert late == ["WARNING late"]


def test_outside_of_tests(run):
    done = run(
        """
        import logging

        logging.warning("while collecting")

        def test_it():
            pass
        """,
        plugins=(),
        passed=1,
    )
    assert "WARNING" in logs_outside(done.report)
    assert "while collecting" in logs_outside(done.report)
    assert attached(done.report, done.report["test_it"]) is None


# -- the place, by spans and records alone


def log(span_id: int, text: str, time_ns: int = 0, **fields) -> Log:
    return Log(TRACE_ID, span_id, time_ns, "INFO", "app", text, **fields)


def translated(spans, *logs: Log, **settings) -> dict[str, list[str]]:
    """Return the messages that each item of a trace shows, by its name."""
    by_span: dict[int, list[Log]] = {}
    for each in logs:
        by_span.setdefault(each.span_id, []).append(each)
    made = to_results(spans, Presentation(Settings(**settings)), by_span)
    found, todo = {}, [*made.results, *(f for c in made.containers for f in c.befores)]
    while todo:
        item = todo.pop()
        todo += item.steps
        for attachment in item.attachments:
            if attachment.name == "log":
                assert item.name not in found
                lines = made.files[attachment.source].splitlines()
                found[item.name] = [line.partition("app: ")[2] for line in lines]
    return found


def ours(name: str, kind: str, span_id: int, parent_id: int | None, **fields):
    return build_span(name, span_id, parent_id, attributes={c.KIND: kind}, **fields)


TEST = [
    ours("test", c.TEST, 1, None, end_ns=1_000_000_000),
    ours("call", c.PHASE, 2, 1, end_ns=1_000_000_000),
    ours("step", c.STEP, 3, 2),
    build_span("GET", 4, 3, scope="hidden"),
    build_span("connect", 5, 4, scope="hidden"),
]


def test_lines_are_sorted_by_time():
    """Those of a test, of its phases and of what is not shown are one list."""
    logs = log(2, "third", 30), log(1, "first", 10), log(77, "second", 20)
    assert translated(TEST, *logs) == {"test": ["first", "second", "third"]}


def test_the_nearest_span_that_is_shown():
    logs = log(5, "connect"), log(4, "GET", 1)
    assert translated(TEST, *logs) == {"connect": ["connect"], "GET": ["GET"]}
    assert translated(TEST, *logs, ignore_scopes=("hidden",)) == {"step": ["connect", "GET"]}


def test_spans_in_a_circle():
    """Broken data loses no line either."""
    circle = [build_span("a", 8, 9, scope="hidden"), build_span("b", 9, 8, scope="hidden")]
    found = translated([*TEST, *circle], log(8, "x"), log(9, "y", 1), ignore_scopes=("hidden",))
    assert [line for lines in found.values() for line in lines] == ["x", "y"]


def test_a_wide_fixture():
    """What is logged in none of its halves is in the container, as steps there are."""
    spans = [
        ours("fixture", c.CONTAINER, 1, None, end_ns=9_000_000),
        ours("before", c.FIXTURE, 2, 1),
    ]
    made = to_container(spans, ["uuid"], logs={1: [log(1, "between")], 2: [log(2, "within")]})
    (container,) = made.containers
    shown = {
        item.name: [made.files[attachment.source] for attachment in item.attachments]
        for item in container.befores
    }
    assert shown == {
        "before": ["00:00:00.000Z INFO     app: within"],
        "fixture": ["00:00:00.000Z INFO     app: between"],
    }


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("message", "23:59:59.999Z INFO     app: text key=value"),
        ("line", "23:59:59.999Z text"),
        ("complete", "text"),
    ],
)
def test_forms(form, line):
    attributes = {"key": "value", "code.line.number": 7}
    record = log(1, "text", 86_399_999_000_000, form=form, attributes=attributes)
    assert Presentation().log_lines(record) == line


def test_the_same_logs_give_the_same_files():
    """So a result that is written again replaces them."""
    first, second = (to_results(TEST, logs={3: [log(3, "x")]}).files for _ in range(2))
    assert first.keys() == second.keys()
    assert len(first) >= 1


# -- what lines look like

ONE_STEP = """
import allure
import logging

def test_it():
    logging.warning("of the test")
    with allure.step("step"):
        {}
"""


def step_log(done) -> str:
    (step,) = steps(done.report["test_it"])
    return attached(done.report, step)


def test_an_exception(run):
    done = run(
        ONE_STEP.format(
            "try: 1 / 0\n        except ArithmeticError: logging.exception('it broke')"
        ),
        plugins=(),
        passed=1,
    )
    first, *rest = step_log(done).splitlines()
    assert re.fullmatch(r"[\d:.]+Z ERROR    root:\S+\.py:\d+ it broke", first)
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == "ZeroDivisionError: division by zero"


def test_several_lines(run):
    done = run(ONE_STEP.format("logging.warning('one\\n two\\n\\nthree')"), plugins=(), passed=1)
    first, *rest = step_log(done).split("\n")
    assert first.endswith(" one")
    assert [line.strip() for line in rest] == ["two", "", "three"]
    assert attached(done.report, done.report["test_it"]).endswith("of the test")


def test_the_format_of_pytest(run):
    """Lines look as in the captured log, where users have said how."""
    done = run(
        ONE_STEP.format("logging.warning('of the step')"),
        "--log-format=%(asctime)s|%(levelname)s|%(message)s",
        "--log-date-format=time",
        plugins=(),
        passed=1,
    )
    assert step_log(done) == "time|WARNING|of the step"
    assert attached(done.report, done.report["test_it"]) == "time|WARNING|of the test"


def test_no_colours(run):
    done = run(ONE_STEP.format("logging.warning('\\x1b[1mbold')"), "--color=yes", plugins=())
    assert "\x1b" not in step_log(done)
    assert "\x1b" not in attached(done.report, done.report["test_it"])


@pytest.mark.parametrize(
    ("level", "lines"),
    [("ERROR", ["ERROR e"]), ("INFO", ["INFO i", "ERROR e"]), (None, ["ERROR e"])],
)
def test_the_level_of_pytest(run, level, lines):
    """`--log-level` lets more through, and less."""
    done = run(
        ONE_STEP.format("logging.debug('d'); logging.info('i'); logging.error('e')"),
        *([f"--log-level={level}"] if level else []),
        plugins=(),
        passed=1,
    )
    assert logs_of(done.report, done.report["test_it"])["step"] == lines


def test_secrets(run):
    done = run(
        ONE_STEP.format("logging.warning('password=hunter2')").replace("of the test", "pwd=abc123"),
        plugins=(),
        passed=1,
    )
    for text in (step_log(done), attached(done.report, done.report["test_it"])):
        assert "****" in text
        assert "hunter2" not in text
        assert "abc123" not in text


def test_many(run):
    """Every one of 10,000 records is there, in one attachment, and the test's own stay apart."""
    done = run(ONE_STEP.format("for n in range(10_000): logging.warning(n)"), plugins=(), passed=1)
    lines = step_log(done).splitlines()
    assert [int(line.split()[-1]) for line in lines] == list(range(10_000))
    assert logged(done.report, done.report["test_it"]) == ["WARNING of the test"]


# -- nothing changes for others

OF_CAPLOG = """
import allure
import logging

log = logging.getLogger("app")

def test_it(caplog):
    with allure.step("step"):
        log.info("nobody hears this")
        with caplog.at_level("DEBUG"):
            log.debug("at level")
    assert caplog.messages == ["at level"]
    caplog.clear()
    caplog.set_level("INFO", "app")
    log.info("%s", "set level")
    assert caplog.record_tuples == [("app", 20, "set level")]
"""


def test_caplog(run):
    """It works as without us, and what it is told to forget is in the report all the same."""
    done = run(OF_CAPLOG, plugins=(), passed=1)
    assert logs_of(done.report, done.report["test_it"]) == {
        "step": ["DEBUG at level"],
        "test_it": ["INFO set level"],
    }


@pytest.mark.parametrize("alluredir", [True, False], ids=["with a report", "without"])
def test_wrong_arguments(run, alluredir):
    """pytest fails the test, with or without us."""
    done = run(
        ONE_STEP.format("logging.warning('%d items', 'two')"),
        plugins=(),
        alluredir=alluredir,
        failed=1,
    )
    done.outcome.stdout.fnmatch_lines(["E *TypeError: %d format: a real number is required*"])
    done.outcome.stdout.no_fnmatch_line("*otel-allure:*")
    if alluredir:
        assert "%d items (arguments: ('two',))" in step_log(done)


CONFIGURED = {
    "dictConfig": """
        logging.config.dictConfig({
            "version": 1,
            "handlers": {"own": {"class": "logging.StreamHandler"}},
            "root": {"level": "INFO", "handlers": ["own"]},
            "disable_existing_loggers": False,
        })""",
    "basicConfig": "logging.basicConfig(force=True, level='INFO')",
    "no propagation": "log.propagate = False; log.setLevel('INFO')",
}


@pytest.mark.parametrize("configure", CONFIGURED.values(), ids=CONFIGURED)
def test_logging_configured_within_a_test(run, configure):
    """An application may set up its logging as it likes."""
    done = run(
        f"""
        import allure
        import logging.config

        log = logging.getLogger("app")

        def test_it():
            {configure.strip()}
            log.info("of the test")
            with allure.step("step"):
                log.info("of the step")
        """,
        plugins=(),
        passed=1,
    )
    assert logs_of(done.report, done.report["test_it"]) == {
        "test_it": ["INFO of the test"],
        "step": ["INFO of the step"],
    }


def test_others_are_told_the_same(run):
    """Handlers are those of the user, and find records as they were emitted."""
    done = run(
        """
        import logging

        class Formatter(logging.Formatter):
            def formatException(self, info):
                return "in one line"

        class Handler(logging.Handler):
            def emit(self, record):
                texts.append(self.format(record))
                keys.append(sorted(vars(record)))

        texts, keys = [], []
        log = logging.getLogger("app")
        handler = Handler()
        handler.setFormatter(Formatter())
        log.addHandler(handler)

        def test_it():
            try:
                raise ValueError
            except ValueError:
                log.exception("broke")
            assert texts == ["broke\\nin one line"]
            made = vars(log.makeRecord("n", 10, "f", 1, "m", (), None))
            assert set(keys[0]) == {*made, "message"}
            assert not any("otel_allure" in type(h).__module__ for h in logging.root.handlers)
        """,
        plugins=(),
        passed=1,
    )
    assert len(done.report.results) == 1


WALKS = {
    "a handler": "handler.emit = lambda record: seen.append(callers())",
    "a formatter": "handler.format = lambda record: seen.append(callers()) or ''",
    "a filter of a handler": "handler.filter = lambda record: seen.append(callers()) or True",
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_who_has_logged_is_found_on_the_stack(run, walk):
    """From a handler outwards there are frames of logging, and then the one that has logged.

    structlog and loguru's recipes look for it: by the module's name, or by its file.
    """
    run(
        f"""
        import logging
        import sys

        handler = logging.StreamHandler()
        seen = []

        def callers():
            frame = sys._getframe(2)
            while frame.f_code.co_filename == logging.__file__:
                assert frame.f_globals["__name__"] == "logging"
                frame = frame.f_back
            return frame.f_code.co_name

        def test_it():
            {walk}
            log = logging.getLogger("app")
            log.addHandler(handler)
            log.warning("here")
            log.removeHandler(handler)
            assert seen == ["test_it"]
        """,
        plugins=(),
        passed=1,
    )


def test_everything_is_put_back(pytester, monkeypatch):
    import logging

    import structlog
    from loguru import logger

    before = (
        dict(vars(logging.Logger)),
        dict(vars(structlog.PrintLogger)),
        len(logger._core.handlers),
    )
    pytester.makepyfile("def test_it(): pass")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    done = pytester.runpytest_inprocess("-p", "otel_allure", "--alluredir=results")
    done.assert_outcomes(passed=1)
    after = (
        dict(vars(logging.Logger)),
        dict(vars(structlog.PrintLogger)),
        len(logger._core.handlers),
    )
    assert after == before


def test_a_nested_run(run):
    """The records of a run within a test are in its report; ours has what pytest captured."""
    done = run(
        """
        import logging

        pytest_plugins = ["pytester"]

        def test_outer(pytester):
            logging.warning("of the outer")
            pytester.makepyfile('''
                import allure
                import logging

                def test_inner():
                    with allure.step("step"):
                        logging.warning("of the inner")
            ''')
            pytester.runpytest_inprocess("--alluredir=inner", "-p", "otel_allure")
            from otel_allure.testing.results import Results, steps

            report = Results(pytester.path / "inner")
            (step,) = steps(report["test_inner"])
            assert report.body(step["attachments"][0]).endswith("of the inner")
            logging.warning("of the outer again")
        """,
        plugins=(),
        passed=1,
    )
    lines = logged(done.report, done.report["test_outer"])
    assert [line for line in lines if "outer" in line] == [
        "WARNING of the outer",
        "WARNING of the outer again",
    ]


# -- switches


def test_no_capture(run):
    done = run(ONE_STEP.format("logging.warning('x')"), "--allure-no-capture", plugins=(), passed=1)
    assert logs_of(done.report, done.report["test_it"]) == {}


def test_without_pytests_logging(run):
    done = run(ONE_STEP.format("logging.warning('x')"), "-p", "no:logging", plugins=(), passed=1)
    assert logs_of(done.report, done.report["test_it"])["step"] == ["WARNING x"]


DIFFERENTIAL = """
import allure
import logging
import pytest
import sys

@pytest.fixture
def resource():
    logging.warning("before")
    yield
    logging.warning("after")

def test_it(resource):
    logging.warning("  of the test\\n")
    print("printed")
    with allure.step("step"):
        logging.error("of the step")
    print("error", file=sys.stderr)
"""


def attachments_of(report: Results) -> dict[str, str]:
    result = report["test_it"]
    assert not any(step.get("attachments") for step in steps(result))
    return {a["name"]: report.body(a) for a in result["attachments"]}


def test_as_allure_pytest_does(run, pytester):
    """With the setting off, everything is the test's, byte for byte."""
    ours = run(DIFFERENTIAL, "-o", "allure_attach_logs=false", plugins=(), passed=1)
    theirs = pytester.path / "theirs"
    options = ["-p", "allure_pytest", "-p", "no:cacheprovider", f"--alluredir={theirs}"]
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
    assert attachments_of(ours.report) == attachments_of(Results(theirs))


def test_a_test_without_steps_is_as_always(run, pytester):
    """What pytest has captured is attached as it is."""
    source = "import logging\ndef test_it():\n    logging.warning('  x')\n    logging.error('y\\n')"
    ours = run(source, plugins=(), passed=1)
    theirs = pytester.path / "theirs"
    options = ["-p", "allure_pytest", "-p", "no:cacheprovider", f"--alluredir={theirs}"]
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
    assert attachments_of(ours.report) == attachments_of(Results(theirs))


def test_what_other_plugins_have_captured(run, pytester):
    """It is kept: nobody else has it."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(item):
            yield
            item.add_report_section("call", "log", "of another logging library")
        """
    )
    done = run(ONE_STEP.format("logging.warning('of the step')"), plugins=(), passed=1)
    assert logs_of(done.report, done.report["test_it"]) == {
        "test_it": ["WARNING of the test", "of another logging library"],
        "step": ["WARNING of the step"],
    }


# -- loguru

LOGURU = """
import allure
import logging
import sys
from loguru import logger

{}

def test_it():
    with allure.step("step"):
        {}
"""

PROPAGATE = """
class PropagateHandler(logging.Handler):
    def emit(self, record):
        logging.getLogger(record.name).handle(record)
"""

RECIPES = {
    "loguru to logging": (
        f"{PROPAGATE}\nlogger.add(PropagateHandler(), format='{{message}}')",
        "logger.warning('once')",
    ),
    "loguru to logging, from within the test": (
        PROPAGATE,
        "logger.add(PropagateHandler(), format='{message}'); logger.warning('once')",
    ),
    "logging to loguru": (
        """
class InterceptHandler(logging.Handler):
    def emit(self, record):
        frame, depth = sys._getframe(6), 6
        while frame and frame.f_code.co_filename == logging.__file__:
            frame, depth = frame.f_back, depth + 1
        logger.opt(depth=depth, exception=record.exc_info).log(
            record.levelname, record.getMessage()
        )

logging.getLogger().addHandler(InterceptHandler())""",
        "logging.getLogger('app').warning('%s', 'once')",
    ),
}


@pytest.mark.parametrize(("setup", "call"), RECIPES.values(), ids=RECIPES)
def test_bridges_of_loguru(run, setup, call):
    """A record that comes by both ways is shown once."""
    twice = LOGURU.format(setup, f"{call}; {call}")
    done = run(twice, plugins=(), passed=1)
    assert logs_of(done.report, done.report["test_it"])["step"] == ["WARNING once"] * 2


def test_the_same_message_by_both(run):
    """They are two records."""
    done = run(
        LOGURU.format("", "logging.warning('same')\n        logger.warning('same')"),
        plugins=(),
        passed=1,
    )
    assert logs_of(done.report, done.report["test_it"])["step"] == ["WARNING same"] * 2


def test_levels_of_loguru(run):
    """Nothing is emitted that the user's sinks would not get, and sinks may be removed."""
    done = run(
        LOGURU.format(
            "logger.remove()\nlogger.add(sys.stderr, level='INFO')",
            "logger.opt(lazy=True).debug('{}', lambda: 1 / 0)\n"
            "        logger.info('{}', 'shown')\n"
            "        logger.success('level of its own')\n"
            "        logger.remove()\n\n"
            "def test_removed():\n    logger.error('nobody listens')\n"
            "    logger.add(sys.stderr)\n\n"
            "def test_again():\n    logger.warning('again')",
        ),
        plugins=(),
        passed=3,
    )
    report = done.report
    assert logs_of(report, report["test_it"])["step"] == ["INFO shown", "SUCCESS level of its own"]
    assert attached(report, report["test_removed"]) is None
    assert logs_of(report, report["test_again"]) == {"test_again": ["WARNING again"]}


def test_an_exception_of_loguru(run):
    """Its traceback is there, without the values of variables, which may be secret."""
    done = run(
        LOGURU.format(
            "",
            "secret = 'hunter2'\n        try: int(secret)\n"
            "        except ValueError: logger.exception('broke')",
        ),
        plugins=(),
        passed=1,
    )
    assert "broke\nTraceback" in step_log(done)
    assert "└" not in step_log(done)


def test_values_that_cannot_be_shown_harm_nobody(run):
    """Without a report nobody shows them: nothing listens to that logger."""
    report = run(
        """
        import logging
        import pytest

        logger = logging.getLogger("quiet")
        logger.propagate = False
        logger.addHandler(logging.NullHandler())


        class Strict:
            def __str__(self):
                pytest.fail("must not be shown")

            __repr__ = __str__


        class Leaving:
            def __repr__(self):
                raise SystemExit(3)


        def test_it():
            logger.warning("a %s", Strict())
            logger.warning("b %r", Leaving())
        """,
        "-p",
        "no:logging",
        passed=1,
    ).report
    (log,) = [a for a in report["test_it"]["attachments"] if a["name"] == "log"]
    text = report.body(log)
    assert "its repr raised must not be shown" in text
    assert "b %r" in text


SHOWN = """
    import logging
    import pytest
    {imports}

    class Value:
        shown = 0

        def __str__(self):
            Value.shown += 1
            return "a value"

    class Error(Exception):
        __str__ = Value.__str__

    def logger(handler=None, propagate=True):
        logger = logging.getLogger("app")
        logger.setLevel("INFO")
        logger.propagate = propagate
        if handler is not None:
            logger.addHandler(handler)
        return logger

    def fails(logger):
        try:
            raise Error
        except Error:
            logger.exception("failed")

    @pytest.mark.parametrize("case", [
        lambda: logger().info("%s", Value()),
        lambda: logger().info(Value()),
        lambda: logger(logging.NullHandler(), False).info("%s", Value()),
        lambda: logger(None, False).info("%s", Value()),
        lambda: logger().debug("%s", Value()),
        lambda: fails(logger()),
    ])
    def test_it(case):
        case()
        print(f"shown: {{Value.shown}}")
        Value.shown = 0
"""


@pytest.mark.parametrize("loguru", ["", "import loguru"])
@pytest.mark.parametrize("level", [None, "WARNING"])
def test_how_often_values_are_shown(run, level, loguru):
    """Once more than without a report, as by any handler; not at all below pytest's level."""
    if loguru:
        pytest.importorskip("loguru")
    options = ["-p", "no:randomly", "-s", *([f"--log-level={level}"] if level else [])]
    source = SHOWN.format(imports=loguru)
    of_both = []
    for alluredir in (False, True):
        done = run(source, *options, plugins=(), alluredir=alluredir, passed=6)
        shown = [line.partition("shown: ")[2] for line in done.outcome.outlines]
        of_both.append([int(number) for number in shown if number])
    more = [ours - plain for plain, ours in zip(*of_both, strict=True)]
    of_info = 0 if level else 1
    assert more == [of_info, of_info, of_info, of_info, 0, 2]  # type and message, then the trace
