// A page with OpenTelemetry's web SDK: what it does is below the step of the test that opened it.
import { context, propagation, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { FetchInstrumentation } from "@opentelemetry/instrumentation-fetch";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, WebTracerProvider } from "@opentelemetry/sdk-trace-web";

// Browsers have no environment: the address of the page says where spans go, and below which one.
const told = new URLSearchParams(location.search);

const provider = new WebTracerProvider({
  resource: resourceFromAttributes({ "service.name": "page" }),
  spanProcessors: [
    new BatchSpanProcessor(new OTLPTraceExporter({ url: `${told.get("endpoint")}/v1/traces` })),
  ],
});
provider.register();
registerInstrumentations({ instrumentations: [new FetchInstrumentation()] });

const parent = propagation.extract(context.active(), { traceparent: told.get("traceparent") });

async function show() {
  const span = trace.getTracer("page").startSpan("Show the price", {}, parent);
  const inside = trace.setSpan(parent, span);
  const answer = await context.with(inside, () => fetch("/price"));
  document.querySelector("#price").textContent = await answer.text();
  span.end();
  await provider.forceFlush();
}

show();
