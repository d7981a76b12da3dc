"""Spans and log records <-> lines of JSON."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.spans import Event, Link, Log, Record, Span


def _plain(value: object) -> object:
    """Return what JSON does not know as something that it knows."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (bytes, bytearray)):
        return {_BYTES: b64encode(value).decode()}
    return str(value)


to_json = json.JSONEncoder(default=_plain, skipkeys=True).encode
_BYTES = "\0bytes"


def _with_bytes(record: dict[str, Any]) -> Any:
    return b64decode(record[_BYTES]) if _BYTES in record else record


def read_record(line: bytes, diagnostics: Diagnostics) -> list[Record]:
    """Return what a line says: a record, or none and a problem."""
    with diagnostics.caught("reading what a child process has written"):
        record = json.loads(line, object_hook=_with_bytes)
        if isinstance(record, list):
            span = Span(*record)
            events = [Event(*event) for event in span.events]
            links = [Link(*link) for link in span.links]
            return [span._replace(events=events, links=links)]
        if "log" in record:
            return [Log(*record["log"])]
        diagnostics.add(record["doing"], record["detail"])
    return []


def to_line(record: Record) -> bytes:
    """Return a record as a line."""
    content: object = {"log": record} if isinstance(record, Log) else record
    return f"{to_json(content)}\n".encode()
