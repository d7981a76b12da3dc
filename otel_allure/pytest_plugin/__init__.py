"""The pytest plugin: replaces allure-pytest.

Loaded in every pytest run, so it imports nothing of OpenTelemetry until a report is wanted, by
`--alluredir` or by `allure` in OTEL_TRACES_EXPORTER.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import allure_commons
import pytest

from otel_allure.compat.patches import undo_all
from otel_allure.compat.pytest import KNOWN_ARGUMENTS, import_plainly
from otel_allure.model import conventions as c
from otel_allure.pytest_plugin import decorators, metadata, options, selection
from otel_allure.pytest_plugin.third_party import stand_in

if TYPE_CHECKING:
    from collections import Counter

    from otel_allure.assertions.live import Trace
    from otel_allure.pytest_plugin.crashes import Crashes
    from otel_allure.pytest_plugin.listener import AllureListener
    from otel_allure.pytest_plugin.remote import Receiving

_LISTENER = "allure_listener"
_title_decorator = decorators.TitleDecorator()
_listener = pytest.StashKey["AllureListener"]()
_crashes: pytest.StashKey[Crashes] = pytest.StashKey()
_receiving: pytest.StashKey[Receiving] = pytest.StashKey()
_undo = pytest.StashKey["list[Callable[[], None]]"]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Take the place of allure-pytest, and make `@allure.title` work in conftest files."""
    import_plainly("otel_allure")
    stand_in.take_place(pluginmanager)
    if not allure_commons.plugin_manager.is_registered(_title_decorator):
        allure_commons.plugin_manager.register(_title_decorator)


@pytest.fixture(name="trace")
def trace_fixture(request: pytest.FixtureRequest) -> Trace:
    """Ask for the trace of the test: what it has called, how often, when, and how that ended.

    `trace.sql.at_most(3)`, `trace.no_errors()`, `trace.in_order("reserve", "charge")`; see
    docs/trace-assertions.md.
    """
    from otel_allure.pytest_plugin.traces import trace_of

    return trace_of(request)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Begin to record before any code of the user is imported."""
    _start(early_config, parsed=False)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Set up what the decorators need, and register the listener."""
    mark_decorators = decorators.MarkDecorators(config)
    allure_commons.plugin_manager.register(mark_decorators)
    config.add_cleanup(lambda: allure_commons.plugin_manager.unregister(mark_decorators))
    for mark, meaning in (
        (metadata.LABEL_MARK, "allure label marker"),
        (metadata.LINK_MARK, "allure link marker"),
        (metadata.DESCRIPTION_MARK, "allure description"),
        (metadata.DESCRIPTION_HTML_MARK, "allure description html"),
        (
            f"{metadata.CONTEXT_MARK}(kind)",
            "whether the test finds OpenTelemetry as without a report: 'isolated', or 'shared'",
        ),
    ):
        config.addinivalue_line("markers", f"{mark}: {meaning}")
    config.addinivalue_line("markers", metadata.BUDGET_LINE)

    _start(config)
    if options.wants_traces(config):
        from otel_allure.pytest_plugin.traces import Traces

        Traces.register(config, [])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Say at the very end how many results there are, and how to look at them."""
    try:
        return (yield)
    finally:
        _say_last_line(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin for good: conftest files have had their say about where the report goes."""
    config = session.config
    results_dir = _results_dir(config)
    if results_dir is None:
        _run_all(config.stash.get(_undo, []))
        return
    _start(config)
    listener = config.stash[_listener]
    listener.report.directory.path = Path(results_dir)
    listener.recorder.link_patterns = dict(config.option.allure_link_pattern)
    _prepare_directory(config, listener)
    listener.open_session()
    if listener.report.settings.otel_receiver and not config.option.collectonly:
        receiving = listener.receive()
        if receiving is not None:
            config.stash[_receiving] = receiving


def pytest_collection_modifyitems(items: list[pytest.Item], config: pytest.Config) -> None:
    """Leave out the tests that the options or a test plan leave out, and check marks of ours."""
    selection.select(items, config)
    for item in items if _listener in config.stash else ():
        metadata.otel_context(item, "")
    if any(map(_may_ask, items)) or options.wants_traces(config):
        from otel_allure.pytest_plugin.traces import Traces

        Traces.register(config, items)


def _may_ask(item: pytest.Item) -> bool:
    """Whether a test may want to know its trace."""
    asks = "trace" in getattr(item, "fixturenames", ())
    return asks or item.get_closest_marker(metadata.BUDGET_MARK) is not None


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what could not be reported, and what is not where one would look for it."""
    listener = config.stash.get(_listener, None)
    if listener is None:
        is_typed = options.RECEIVER in config.invocation_params.args
        if is_typed and not config.pluginmanager.has_plugin(options.TRACES_PLUGIN):
            terminalreporter.write_line(
                f"otel-allure: nothing was received: {options.RECEIVER} needs --alluredir"
            )
        return
    outside = listener.recorder.outside
    if outside:
        terminalreporter.write_line(
            f"otel-allure: {len(outside)} steps or spans outside of tests are among the report's"
            f" global attachments, the first is {outside[0]!r}"
        )
    if masked := listener.report.masked:
        values = "value is" if masked == 1 else "values are"
        terminalreporter.write_line(f"otel-allure: {masked} {values} masked in the report")
        if rules := listener.report.rules:
            terminalreporter.write_line(f"otel-allure: masked by {_most(rules)}")
    if listener.looks:
        from otel_allure.pytest_plugin.isolation_hint import hint

        terminalreporter.write_line(f"otel-allure: {hint(listener.looks)}")
    if (receiving := config.stash.get(_receiving, None)) is not None:
        from otel_allure.pytest_plugin import remote

        with listener.diagnostics.caught("summing up what was received"):
            waited = [*listener.waited_elsewhere, *filter(None, [listener.waited])]
            listener.diagnostics.notes += remote.notes(receiving, waited)
    for note in listener.diagnostics.notes:
        terminalreporter.write_line(f"otel-allure: {note}")
    if lines := listener.diagnostics.lines():
        terminalreporter.section("otel-allure: the report is not complete", yellow=True)
        for line in lines:
            terminalreporter.write_line(line)


def _say_last_line(config: pytest.Config) -> None:
    listener = config.stash.get(_listener, None)
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if listener is None or reporter is None or config.option.collectonly:
        return
    if config.get_verbosity() < 0 or getattr(reporter, "no_summary", False):
        return
    with listener.diagnostics.caught("saying where the results are"):
        counts = listener.counts()
        if counts.total():
            from otel_allure.pytest_plugin.last_line import last_line

            directory = listener.report.directory.path
            reporter.write_line(last_line(counts, directory, config.invocation_params.dir))


def _most(rules: Counter[str]) -> str:
    """Say which rules masked most, so that a wrong one is found."""
    shown = ", ".join(f"{rule} {count}" for rule, count in rules.most_common(_MOST_RULES))
    more = len(rules) - _MOST_RULES
    return shown + (f" and {more} more rules" if more > 0 else "")


_MOST_RULES = 10


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_configure_node(node: Any) -> None:
    """Be ready for workers of pytest-xdist that die."""
    config = node.config
    listener = config.stash.get(_listener, None)
    if listener is None:
        return
    crashes = config.stash.get(_crashes, None)
    if crashes is None:
        from otel_allure.pytest_plugin.crashes import Crashes

        with listener.diagnostics.caught("being ready for workers that die"):
            crashes = config.stash[_crashes] = Crashes(listener.report)
            config.pluginmanager.register(crashes)
            config.add_cleanup(crashes.close)
    if crashes is not None:
        crashes.tell(node)
    listener.silent_workers += 1
    if (receiving := config.stash.get(_receiving, None)) is not None:
        from otel_allure.pytest_plugin import remote

        node.workerinput[remote.INPUT] = tuple(receiving.told)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the problems that an xdist worker had, and what it has told of traces."""
    from otel_allure.pytest_plugin import traces

    told = getattr(node, "workeroutput", {}).get(traces.PLUGIN)
    if told is not None:  # this process has not collected the tests, and so not followed them
        traces.Traces.register(node.config, []).take_over(told)
    listener = node.config.stash.get(_listener, None)
    if listener is not None:
        output = getattr(node, "workeroutput", {})
        for doing, detail in output.get("otel_allure_problems", ()):
            listener.diagnostics.add(doing, detail)
        listener.report.services |= output.get("otel_allure_services", {})
        listener.report.masked_elsewhere += output.get("otel_allure_masked", 0)
        listener.report.rules_elsewhere.update(output.get("otel_allure_rules", {}))
        listener.looks += output.get("otel_allure_looks", ())
        if "otel_allure_waited" in output:
            from otel_allure.pytest_plugin.remote import Waited

            listener.waited_elsewhere.append(Waited(*output["otel_allure_waited"]))
        listener.failed |= output.get("otel_allure_failed", {})
        if "otel_allure_counts" in output:
            listener.silent_workers -= 1
            listener.counts_elsewhere.update(output["otel_allure_counts"])


@pytest.fixture
def otel_environment() -> dict[str, str]:
    """What tells a program or a container of the running test, and where to send its spans."""
    from otel_allure.processes.environment import environment

    return environment({})


# -- starting and stopping


def _results_dir(config: pytest.Config, *, parsed: bool = True) -> str | None:
    """Return where the report goes, None if none is wanted.

    Before all options are `parsed`, what is known of the command line has to do.
    """
    known: str | None = getattr(KNOWN_ARGUMENTS.of(config), "allure_report_dir", None)
    given = config.option.allure_report_dir if parsed else known
    if known and not given:
        return None  # a conftest file has said so
    if given:
        return os.path.abspath(given)
    exporters = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if "allure" in (name.strip() for name in exporters.split(",")):
        from otel_allure.inputs.own_report import results_dir_from_environment

        return os.path.abspath(results_dir_from_environment())
    return None


def _start(config: pytest.Config, *, parsed: bool = True) -> None:
    """Begin to record, if a report is wanted and this has not been done."""
    results_dir = _results_dir(config, parsed=parsed)
    if results_dir is None or _listener in config.stash:
        return
    from otel_allure.otel import instrumentation
    from otel_allure.pytest_plugin.listener import AllureListener
    from otel_allure.pytest_plugin.third_party import cooperative

    listener = config.stash[_listener] = AllureListener(config, results_dir)
    config.stash[stand_in.LISTENER] = listener
    listener.start()
    directory = listener.report.directory
    config.pluginmanager.register(listener, _LISTENER)
    allure_commons.plugin_manager.register(listener)  # for those who look for it there
    allure_commons.plugin_manager.register(directory)
    undo = config.stash[_undo] = [
        listener.stop,
        lambda: allure_commons.plugin_manager.unregister(directory),
        lambda: _unregister(allure_commons.plugin_manager, listener),
        lambda: _unregister(config.pluginmanager, listener),
    ]
    config.add_cleanup(lambda: _run_all(undo))
    listener.provider.add_exporters_from_environment()
    try:
        names = listener.recorder.instrumentations = options.instrumentations(config)
        undo.append(instrumentation.activate(names, listener.diagnostics))
    except instrumentation.UnknownInstrumentationError as error:
        raise pytest.UsageError(f"{options.INSTRUMENT}: {error}") from None
    undo.insert(0, cooperative.follow(listener))


def _unregister(manager: Any, plugin: object) -> None:
    """Unregister a plugin, unless others have done it."""
    if manager.is_registered(plugin):
        manager.unregister(plugin)


def _note_earlier_runs(listener: AllureListener) -> None:
    """Note what earlier runs in the same directory have not ended."""
    directory = listener.report.directory
    if not directory.has_results():
        return
    from otel_allure.output.unfinished import left_by_earlier_runs

    with listener.diagnostics.caught("looking at results of earlier runs"):
        if note := left_by_earlier_runs(directory.path):
            listener.diagnostics.notes.append(note)


def _prepare_directory(config: pytest.Config, listener: AllureListener) -> None:
    is_worker = hasattr(config, "workerinput")
    directory = listener.report.directory
    clean = config.option.clean_alluredir and not config.option.collectonly and not is_worker
    if not is_worker:  # the controller has done it, and said what is wrong
        from otel_allure.output.results_directory import ForeignFilesError

        try:
            directory.prepare(clean=clean)
        except OSError as error:
            raise pytest.UsageError(
                f"otel-allure: results cannot be written to {directory.path}: {error}"
            ) from None
        except ForeignFilesError as error:
            shown = ", ".join(error.names[:5]) + (", ..." if len(error.names) > 5 else "")
            raise pytest.UsageError(
                f"otel-allure: --clean-alluredir: {directory.path} is not cleaned, as Allure has"
                f" not written what is in it: {shown}"
            ) from None
        if not config.option.collectonly:
            _note_earlier_runs(listener)
    if is_worker:
        directory.early = None
        listener.worker_output = config.workeroutput  # type: ignore[attr-defined]
        told = config.workerinput  # type: ignore[attr-defined]
        journal = told.get("otel_allure_journal")
        if journal is not None and Path(journal[0]).is_dir():
            listener.keep_journal(journal, told["workerid"])
            listener.keep_fault_dump(Path(journal[0], f"{told['workerid']}.faults"))
    elif os.environ.get(c.FAULTS):
        from otel_allure.pytest_plugin.fault_dumps import told_by_command

        if (path := told_by_command()) is not None:
            listener.keep_fault_dump(path)


def _run_all(undo: list[Callable[[], None]]) -> None:
    """Undo the start, once: the listener stops first, what it writes with goes last."""
    undo.reverse()
    undo_all(undo)
