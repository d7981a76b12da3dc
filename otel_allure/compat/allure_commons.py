"""allure_commons, whose modules are public where they have no underscore."""

from __future__ import annotations

from otel_allure.compat import Private

STEP_CONTEXT = Private(
    "allure_commons._allure.StepContext",
    "allure-python-commons 2.0",
    "`allure.step` as a span",
    "`allure.step` makes steps all the same, but they do not follow tasks and threads",
)
