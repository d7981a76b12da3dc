"""A service in another language: examples/node-service, and the exporters of JavaScript.

`make node` installs what it needs; without that, all of this is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel_allure.inputs.otlp_receiver import OtlpReceiver
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Record, Span
from otel_allure.testing.results import Results, tree

EXAMPLE = Path(__file__).parent.parent / "examples" / "node-service"
pytestmark = pytest.mark.skipif(
    not (EXAMPLE / "node_modules").exists(),
    reason="it is not installed: make node",
)

EXPORT = """
const { Resource, resourceFromAttributes } = require("@opentelemetry/resources");
const { BasicTracerProvider, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
const { OTLPTraceExporter } = require(process.argv[1]);
for (const compression of ["none", "gzip"]) {
  const exporter = new OTLPTraceExporter({ url: process.argv[2], compression });
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const attributes = { n: 1, list: ["a", "b"], big: 2 ** 40 };
  const span = provider.getTracer("t").startSpan(compression, { attributes });
  span.recordException(new Error("oh"));
  span.end();
  provider.shutdown();
}
"""


@pytest.mark.parametrize("kind", ["http", "proto"])
def test_the_exporters_of_javascript(kind):
    taken: list[Record] = []
    diagnostics = Diagnostics(log=False)
    receiver = OtlpReceiver(lambda records: taken.extend(records) or [], Settings(), diagnostics)
    receiver.start()
    try:
        subprocess.run(
            ["node", "-e", EXPORT, f"@opentelemetry/exporter-trace-otlp-{kind}",
             f"{receiver.endpoint}/v1/traces"],
            cwd=EXAMPLE, check=True, timeout=60,
        )  # fmt: skip
    finally:
        receiver.stop()
    spans = [record for record in taken if isinstance(record, Span)]
    assert sorted(span.name for span in spans) == ["gzip", "none"]
    for span in spans:
        assert span.attributes == {"n": 1, "list": ("a", "b"), "big": 2**40}
        assert [event.name for event in span.events] == ["exception"]
    assert diagnostics.lines() == []


def test_a_node_service_is_in_the_steps_of_the_tests(tmp_path):
    """step → the client's call → the service's, in another language → its own call and its SQL."""
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("WATERFALL", "ATTACH_HTTP", "ATTACH_SQL", "ATTACH_TRACE", "JOIN_CALLS"):
        environ[f"OTEL_EXPORTER_ALLURE_{name}"] = "off"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "otel_allure", "-p", "no:cacheprovider",
         f"--alluredir={tmp_path}", "--allure-no-capture"],
        cwd=EXAMPLE, env=environ, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    report = Results(tmp_path)
    for currency, price in (("EUR", 900), ("SEK", 9900)):
        rates = {f"GET /rates/{currency} → 200": ["GET /rates/:currency → 200"]}
        served = {"GET /prices/:id → 200 (prices)": [rates, "SELECT prices"]}
        (step,) = tree(report[f"test_a_price_in_a_currency[{currency}-{price}]"])
        assert step == {
            f"Ask for the price of a cup in {currency}": [{"GET /prices/1 → 200": [served]}]
        }
    assert "nobody knows shells" in str(report["test_a_currency_that_nobody_knows"])
    assert "nothing was received" not in done.stdout
