"""For tests of reports: read results, build spans."""

from otel_allure.testing.results import Results, steps, tree
from otel_allure.testing.spans import TRACE_ID, build_span
from otel_allure.testing.traces import trace_of

__all__ = ["TRACE_ID", "Results", "build_span", "steps", "trace_of", "tree"]
