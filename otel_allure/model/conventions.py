"""Span attribute names that mean something to Allure.

Writers (the pytest plugin, `step`, a service in any language) and the reader (`to_results`)
meet only here. Whoever sets these attributes on a span is understood, in process or over OTLP.
Lists travel as parallel arrays of strings, because OTLP attributes know no nested objects.
"""

from __future__ import annotations

from typing import Final, Literal

SCOPE_NAME: Final = "otel_allure"
"""Instrumentation scope of the spans that this package starts itself."""

KIND: Final = "allure.kind"
"""What the span is to Allure, one of `Kind`. Absent: the span comes from instrumentation."""

Kind = Literal["session", "test", "phase", "container", "fixture", "step"]
SESSION: Final = "session"
"""A run of tests; each of them links to it."""
TEST: Final = "test"
PHASE: Final = "phase"
CONTAINER: Final = "container"
"""A fixture's life, from its set-up to its tear-down; its children are `fixture` spans."""
FIXTURE: Final = "fixture"
STEP: Final = "step"

PHASE_NAME: Final = "allure.phase"
"""`setup`, `call` or `teardown` on a phase; `before` or `after` on a fixture."""

FAILED_IN: Final = "allure.failed_in"
"""Of a test that has failed: the name of the phase that says so."""

CAUSE: Final = "allure.cause"
"""Of a test that a wider fixture has broken: where that broke first, as its message says it."""

CONTAINER_ID: Final = "allure.container_id"
"""On a fixture of a test: uuid of the container that has it to itself; empty: it is not shown."""
OF_PLUGIN: Final = "allure.fixture.of_plugin"
"""On a fixture: whether a plugin has made it."""

STATUS: Final = "allure.status"
"""`passed`, `failed`, `broken`, `skipped` or `unknown`."""

MESSAGE: Final = "allure.message"
TRACE: Final = "allure.trace"
FLAKY: Final = "allure.flaky"
KNOWN: Final = "allure.known"
MUTED: Final = "allure.muted"
ACTUAL: Final = "allure.actual"
"""What a comparison that failed found; shown beside `EXPECTED`."""
EXPECTED: Final = "allure.expected"

FULL_NAME: Final = "allure.full_name"
TITLE_PATH: Final = "allure.title_path"
TEST_CASE_ID: Final = "allure.test_case_id"
HISTORY_ID: Final = "allure.history_id"
DESCRIPTION: Final = "allure.description"
DESCRIPTION_HTML: Final = "allure.description_html"

LABEL_NAMES: Final = "allure.label.names"
LABEL_VALUES: Final = "allure.label.values"
LINK_URLS: Final = "allure.link.urls"
LINK_NAMES: Final = "allure.link.names"
LINK_TYPES: Final = "allure.link.types"
PARAMETER_NAMES: Final = "allure.parameter.names"
PARAMETER_VALUES: Final = "allure.parameter.values"
PARAMETER_MODES: Final = "allure.parameter.modes"
"""`hidden`, `masked` or the empty string, one for each parameter."""
PARAMETER_EXCLUDED: Final = "allure.parameter.excluded"
ATTACHMENT_NAMES: Final = "allure.attachment.names"
ATTACHMENT_SOURCES: Final = "allure.attachment.sources"
"""File names inside the results directory: bodies never travel on a span."""
ATTACHMENT_TYPES: Final = "allure.attachment.types"
FOLDED: Final = "allure.folded"
"""On a step that stands for calls that are alike: how many they are."""

CLOCK_OFFSET: Final = "allure.clock_offset_ms"
"""On a span of another machine, whose clock differs: by how much its times were moved."""
TEST_TRACE: Final = "allure.test_trace"
"""In baggage, and where a service copies baggage to its spans: the id of the test's trace."""
CHECK: Final = "allure.check"
"""On a step that is an assertion about the trace, or a block with a budget: what it expected."""
OFFENDERS: Final = "allure.offenders"
"""On such a step that has failed: ids of the spans that are not as expected, 16 hex digits each."""
HAS_FAILED_CHECKS: Final = "allure.has_failed_checks"
"""On a test: whether there are such steps in it."""

RUN: Final = "allure.run"
"""On the resource of programs that a run has started: which run it was."""

# Marks by which a test is recognised in traces made by others.
TEST_CASE_NAME: Final = "test.case.name"
TEST_CASE_RESULT_STATUS: Final = "test.case.result.status"
TEST_SUITE_NAME: Final = "test.suite.name"
TEST_SUITE_STATUS: Final = "test.suite.run.status"
PYTEST_SPAN_TYPE: Final = "pytest.span_type"
PYTEST_OPENTELEMETRY: Final = "pytest-opentelemetry"
"""Instrumentation scope of a plugin that makes spans of tests, too."""
PYTEST_NODE_ID: Final = "pytest.nodeid"

VARIABLE_PREFIX: Final = "OTEL_EXPORTER_ALLURE_"
"""What our environment variables begin with; see `settings` for most of them."""
RESULTS_DIR: Final = "OTEL_EXPORTER_ALLURE_RESULTS_DIR"
"""Environment variable that says where results go when nobody else does."""
PARENT_REPORT: Final = "OTEL_EXPORTER_ALLURE_PARENT_REPORT"
"""Internal: set by `otel_allure.environment` for child processes, see `processes`."""
WRITTEN: Final = "OTEL_EXPORTER_ALLURE_WRITTEN"
"""Internal: set by `otel-allure run`, a file that takes the paths of what is written."""
JOURNAL: Final = "OTEL_EXPORTER_ALLURE_JOURNAL"
"""Internal: set by `otel-allure run`, a key and a directory for what is in no result yet."""
FAULTS: Final = "OTEL_EXPORTER_ALLURE_FAULTS"
"""Internal: set by `otel-allure run`, its process and a file for what faulthandler writes."""
OTHER_VARIABLES: Final = (RESULTS_DIR, PARENT_REPORT, WRITTEN, JOURNAL, FAULTS)
"""Those that are no settings."""
DEFAULT_RESULTS_DIR: Final = "allure-results"
RESULT: Final = "-result.json"
"""What the name of a result's file ends with."""
