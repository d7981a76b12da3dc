"""The edges to OpenTelemetry's API and SDK."""
