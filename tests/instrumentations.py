"""Programs of tests that need no instrumentation."""

from __future__ import annotations

NONE = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}
"""`otel-allure run` would import all that are installed: three seconds of one core."""
