"""OpenTelemetry's log records: in a test session, and beside exported spans."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otel_allure import (
    AllureLogRecordExporter,
    AllureLogRecordProcessor,
    AllureSpanExporter,
    AllureSpanProcessor,
)
from otel_allure.testing.results import Results, steps
from tests.test_logs import TIME, attached, logged, logs_of

# -- in a test session

EMIT = """
import allure
import logging
import pytest
import warnings
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber, get_logger, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from otel_allure import AllureLogRecordProcessor

def emit(logger, body, **more):
    logger.emit(severity_number=SeverityNumber.WARN, severity_text="WARN", body=body, **more)

"""

PROVIDERS = {
    "none": "logger = get_logger('app')\n    @",
    "set before": "set_logger_provider(LoggerProvider())\nlogger = get_logger('app')\n    @",
    "set in the test": "@set_logger_provider(LoggerProvider()); logger = get_logger('app')",
    "after its proxy": "logger = get_logger('app')\n    @set_logger_provider(LoggerProvider())",
    "never global": """
provider = LoggerProvider()
provider.add_log_record_processor(AllureLogRecordProcessor())
logger = provider.get_logger("app")
    @""",
    "added by hand too": """
provider = LoggerProvider()
set_logger_provider(provider)
provider.add_log_record_processor(AllureLogRecordProcessor())
logger = get_logger("app")
    @""",
}


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
def test_providers(run, provider):
    """Records are found whoever's provider it is, each once."""
    before, _, within = provider.partition("@")
    done = run(
        f"""{EMIT}
{before.strip()}

def test_it():
    {within.strip() or "pass"}
    emit(logger, "of the test")
    with allure.step("step"):
        emit(logger, "of the step", attributes={{"order.id": 7, "password": "hunter2"}})
""",
        plugins=(),
        passed=1,
    )
    result = done.report["test_it"]
    assert logs_of(done.report, result) == {
        "test_it": ["WARN app: of the test"],
        "step": ["WARN app: of the step order.id=7 password=****"],
    }


def test_after_a_reset(run):
    """Tests may reset the API; what the next one sets is found."""
    done = run(
        f"""{EMIT}
from opentelemetry._logs import _internal
from opentelemetry.util._once import Once

@pytest.mark.parametrize("n", range(2))
def test_it(n):
    _internal._LOGGER_PROVIDER = None
    _internal._LOGGER_PROVIDER_SET_ONCE = Once()

def test_last():
    set_logger_provider(LoggerProvider())
    emit(get_logger("app"), "found")
""",
        plugins=(),
        passed=3,
    )
    assert logged(done.report, done.report["test_last"]) == ["WARN app: found"]


def test_stdlib_is_bridged(run):
    """A record of stdlib's that OpenTelemetry's handler passes on is shown once."""
    done = run(
        f"""{EMIT}
provider = LoggerProvider()
set_logger_provider(provider)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))

def test_it():
    with allure.step("step"):
        logging.getLogger("app").warning("bridged")
        emit(get_logger("app"), "native")
""",
        plugins=(),
        passed=1,
    )
    assert logs_of(done.report, done.report["test_it"]) == {
        "step": ["WARNING bridged", "WARN app: native"]
    }


LOGGED_EXCEPTIONS = {
    "otel": """emit(get_logger("app"), "it broke", attributes={
            "exception.type": "ValueError",
            "exception.message": "no token=abc",
            "exception.stacktrace": "the frames",
        })""",
    "stdlib": """try: raise ValueError("no token=abc")
        except ValueError: logging.exception("it broke")""",
}


@pytest.mark.parametrize("log", LOGGED_EXCEPTIONS.values(), ids=LOGGED_EXCEPTIONS)
def test_an_exception_that_is_logged(run, log):
    """It is message and trace of a span that is an error, where the span tells of none."""
    done = run(
        f"""{EMIT}
def test_it():
    with trace.get_tracer("t").start_as_current_span("call") as span:
        {log}
        span.set_status(trace.StatusCode.ERROR)
    with trace.get_tracer("t").start_as_current_span("no error"):
        {log}
""",
        plugins=(),
        passed=1,
    )
    call, no_error = steps(done.report["test_it"])
    assert call["status"] == "broken"
    assert call["statusDetails"]["message"] == "ValueError: no token=****"
    assert call["statusDetails"]["trace"]
    assert "it broke" in attached(done.report, call)
    assert no_error["status"] == "passed"
    assert "statusDetails" not in no_error


# -- beside exported spans


@pytest.fixture
def exported(tmp_path):
    """Return providers for spans and for logs that write into one directory."""
    spans, logs = TracerProvider(), LoggerProvider()
    spans.add_span_processor(SimpleSpanProcessor(AllureSpanExporter(tmp_path)))
    logs.add_log_record_processor(BatchLogRecordProcessor(AllureLogRecordExporter(tmp_path)))
    yield spans, logs
    logs.shutdown()
    spans.shutdown()


def emit(logs: LoggerProvider, body: str) -> None:
    logs.get_logger("app").emit(severity_number=SeverityNumber.INFO, body=body)


@pytest.mark.parametrize("last", ["spans", "logs"])
def test_shutdown(tmp_path, last):
    """What a queue still holds when the other side has been shut down is not lost."""
    spans, logs = TracerProvider(shutdown_on_exit=False), LoggerProvider(shutdown_on_exit=False)
    spans.add_span_processor(BatchSpanProcessor(AllureSpanExporter(tmp_path)))
    logs.add_log_record_processor(BatchLogRecordProcessor(AllureLogRecordExporter(tmp_path)))
    with spans.get_tracer("t").start_as_current_span("GET /"):
        emit(logs, "of the request")
    for provider in (logs, spans) if last == "spans" else (spans, logs):
        provider.shutdown()
    report = Results(tmp_path)
    assert logged(report, report["GET /"]) == ["INFO app: of the request"]
    assert report.globals == []


@pytest.mark.parametrize("first", ["spans", "logs"])
def test_records_of_a_trace(exported, tmp_path, first):
    """They are in the step of their span, whichever comes first."""
    spans, logs = exported
    tracer = spans.get_tracer("t")
    with tracer.start_as_current_span("GET /"):
        emit(logs, "of the request")
        with tracer.start_as_current_span("query"):
            emit(logs, "of the query")
        if first == "logs":
            logs.force_flush()
    logs.force_flush()
    report = Results(tmp_path)
    assert logs_of(report, report["GET /"]) == {
        "GET /": ["INFO app: of the request"],
        "query": ["INFO app: of the query"],
    }
    assert len(TIME.findall(attached(report, report["GET /"]))) == 1


def test_processors(tmp_path):
    """The processors do the same without queues."""
    spans, logs = TracerProvider(), LoggerProvider()
    spans.add_span_processor(AllureSpanProcessor(tmp_path))
    logs.add_log_record_processor(AllureLogRecordProcessor(tmp_path))
    with spans.get_tracer("t").start_as_current_span("GET /"):
        emit(logs, "of the request")
    report = Results(tmp_path)
    assert logged(report, report["GET /"]) == ["INFO app: of the request"]
    logs.shutdown()
    spans.shutdown()


def test_records_without_a_result(exported, tmp_path):
    """Those outside of spans are the run's; those of spans that were not sampled are left out."""
    _, logs = exported
    emit(logs, "at the start")
    with TracerProvider(sampler=ALWAYS_OFF).get_tracer("t").start_as_current_span("dropped"):
        emit(logs, "not sampled")
    logs.shutdown()
    report = Results(tmp_path)
    (attachment,) = [a for run in report.globals for a in run["attachments"]]
    assert attachment["name"] == "Logs outside of traces"
    assert TIME.sub("", report.body(attachment)).split() == ["INFO", "app:", "at", "the", "start"]
    assert report.results == []


def test_records_of_a_test_session(exported, tmp_path, monkeypatch):
    """They are left to the session, which has them already."""
    from otel_allure.inputs import log_exporter as recorders

    _, logs = exported
    monkeypatch.setattr(recorders, "belongs_to_session", lambda time_ns: True)
    emit(logs, "of a test")
    logs.shutdown()
    assert Results(tmp_path).globals == []


def test_without_spans(tmp_path, caplog):
    """Where nobody exports spans, this is said once."""
    logs = LoggerProvider(shutdown_on_exit=False)
    logs.add_log_record_processor(SimpleLogRecordProcessor(AllureLogRecordExporter(tmp_path)))
    emit(logs, "one")
    emit(logs, "two")
    (record,) = [r for r in caplog.records if r.name == "otel_allure"]
    assert "OTEL_TRACES_EXPORTER=allure" in record.getMessage()
    assert Results(tmp_path).results == []


def test_entry_point():
    (entry,) = entry_points(group="opentelemetry_logs_exporter", name="allure")
    assert entry.load() is AllureLogRecordExporter


def test_by_the_environment(tmp_path):
    """`OTEL_LOGS_EXPORTER=allure` is all that is needed beside the one for traces."""
    program = tmp_path / "program.py"
    program.write_text(
        "import logging\n"
        "from opentelemetry import trace\n"
        "with trace.get_tracer('t').start_as_current_span('work'):\n"
        "    logging.warning('of the work')\n"
    )
    script = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
    environment = {
        **os.environ,
        "OTEL_TRACES_EXPORTER": "allure",
        "OTEL_LOGS_EXPORTER": "allure",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
        "OTEL_EXPORTER_ALLURE_RESULTS_DIR": str(tmp_path / "results"),
    }
    subprocess.run(
        [sys.executable, "-c", script, sys.executable, program], env=environment, check=True
    )
    report = Results(tmp_path / "results")
    assert logged(report, report["work"]) == ["WARN root: of the work"]
