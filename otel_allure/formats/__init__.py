"""Spans as others have them, in OTLP/JSON and in the SDK, to and from ours."""
