"""`AllureSpanProcessor`: where its spans go, and that none of them is lost."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import allure_commons
import pytest
from allure_commons._allure import StepContext
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_allure.inputs.span_exporter import AllureSpanExporter
from otel_allure.inputs.span_processor import AllureSpanProcessor
from otel_allure.recording import active as recorders
from otel_allure.recording.active import active_recorder
from otel_allure.testing.results import Results, tree

pytestmark = pytest.mark.usefixtures("only_steps")


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the test sessions of this process, which processors would join."""
    monkeypatch.setattr(recorders, "stack", [])
    monkeypatch.setattr(recorders, "past_sessions", [])


def provider_with(*processors: Any) -> TracerProvider:
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


# -- in a test session

OF_PRIVATE_PROVIDERS = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from otel_allure import AllureSpanProcessor

def provider_with(*processors):
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider

early = AllureSpanProcessor("elsewhere")

def test_private():
    provider = provider_with(AllureSpanProcessor(), early)
    with provider.get_tracer("app").start_as_current_span("private"):
        provider.get_tracer("app").start_span("open")
    provider.force_flush()
    provider.shutdown()

def test_global_too():
    provider = provider_with(AllureSpanProcessor())
    trace.set_tracer_provider(provider)
    with provider.get_tracer("app").start_as_current_span("once"):
        provider.get_tracer("app").start_span("inner").end()

def test_added_late():
    provider = provider_with()
    outer = provider.get_tracer("app").start_span("began before")
    provider.add_span_processor(AllureSpanProcessor())
    outer.end()
"""


def test_a_private_provider_in_a_test_session(run, pytester):
    """What it hands over is in the session's report, once; no other report is opened."""
    done = run(OF_PRIVATE_PROVIDERS, passed=3)
    shown = {result["name"]: tree(result) for result in done.report.results}
    assert shown == {
        "test_private": [{"private": ["unknown: open"]}],
        "test_global_too": [{"once": ["inner"]}],
        "test_added_late": ["began before"],
    }
    assert done.report.globals == []
    assert not (pytester.path / "allure-results").exists()
    assert not (pytester.path / "elsewhere").exists()


# -- spans that had begun before


def test_a_span_that_began_before_its_processor_was_added(alone, tmp_path):
    """It is shown, with what was started in it later; twice the same processor makes no two."""
    provider = provider_with()
    tracer = provider.get_tracer("app")
    outer = tracer.start_as_current_span("outer")
    processor = AllureSpanProcessor(tmp_path)
    with outer:
        provider.add_span_processor(processor)
        provider.add_span_processor(processor)
        tracer.start_span("inner").end()
    provider.shutdown()
    (result,) = Results(tmp_path).results
    assert (result["name"], tree(result)) == ("outer", ["inner"])


# -- what another thread does meanwhile


def test_a_shutdown_while_a_span_ends(alone, tmp_path):
    """Until the report has taken it, the span counts as open: whoever looks last shows it."""
    processor = AllureSpanProcessor(tmp_path)
    tracer = provider_with(processor).get_tracer("app")
    is_taken, may_go_on = threading.Event(), threading.Event()
    add = processor.report.add

    def slow(records: Any) -> None:
        is_taken.set()
        assert may_go_on.wait(30)
        add(records)

    processor.report.add = slow  # type: ignore[method-assign]
    root = tracer.start_span("root")
    thread = threading.Thread(target=root.end)
    thread.start()
    assert is_taken.wait(30)
    processor.shutdown()
    early = Results(tmp_path).results
    may_go_on.set()
    thread.join(30)
    late = Results(tmp_path).results
    assert [[result["name"] for result in each] for each in (early, late)] == [["root"], ["root"]]


# -- what it does to the process

MAKERS = {
    "exporter": lambda path: SimpleSpanProcessor(AllureSpanExporter(path)),
    "processor": AllureSpanProcessor,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("ends", ["shutdown", "thrown away"])
def test_import_allure_is_as_before(alone, tmp_path, make, ends):
    """Whoever made it, `import allure` is what it was when that is shut down, or is gone."""
    plugins = allure_commons.plugin_manager.get_plugins()
    methods = dict(vars(StepContext))
    made = make(tmp_path)
    assert vars(StepContext) != methods
    if ends == "shutdown":
        made.shutdown()
    del made
    gc.collect()
    assert vars(StepContext) == methods
    assert allure_commons.plugin_manager.get_plugins() == plugins
    assert active_recorder() is None


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_run_is_described(alone, tmp_path, monkeypatch, make):
    """Exporter and processor tell of the environment alike, if there are results."""
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_ENVIRONMENT", "on")
    about = Path(tmp_path / "environment.properties")
    provider_with(make(tmp_path)).shutdown()
    assert not about.exists()
    provider = provider_with(make(tmp_path))
    provider.get_tracer("app").start_span("root").end()
    provider.shutdown()
    assert "otel-allure" in about.read_text()
