"""Zipkin's JSON, version 2 -> Span. Times are microseconds, values of tags are texts.

Client and server of one call may share an id there; see `shared_ids`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from otel_allure.formats.json_fields import MalformedError, id_at, nanoseconds
from otel_allure.formats.otlp_reader import OnProblem
from otel_allure.model.sound import STATUSES, sound_span
from otel_allure.model.spans import Attributes, Event, Span

_Record = Mapping[str, Any]


def is_zipkin_span(document: object) -> bool:
    """Whether an object is a span of Zipkin's second version."""
    return (
        isinstance(document, Mapping)
        and isinstance(document.get("traceId"), str)
        and isinstance(document.get("id"), str)
        and "binaryAnnotations" not in document
    )


def from_zipkin(records: Iterable[object], on_problem: OnProblem) -> Iterator[Span]:
    """Yield spans. One without its ids is left out, and told."""
    for record in records:
        try:
            if not isinstance(record, Mapping):
                raise MalformedError(f"of type {type(record).__name__}, not an object")
            yield _span(record)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            on_problem("reading a span from Zipkin's JSON", error)


def _span(record: _Record) -> Span:
    tags = {str(key): value for key, value in (record.get("tags") or {}).items()}
    kind = str(record.get("kind") or "internal").lower()
    parent_id = id_at(record, "parentId", 64) if record.get("parentId") else None
    start_ns = _nanoseconds(record.get("timestamp"))
    duration = record.get("duration")
    status = str(tags.pop("otel.status_code", "")).lower()
    error = tags.pop("error", None)
    if status not in STATUSES:
        status = "unset" if error in (None, "false") else "error"
    scopes = [str(tags.pop(name)) for name in _SCOPES if name in tags]
    for name in _NOT_SHOWN:
        tags.pop(name, None)
    message = str(tags.pop("otel.status_description", "") or error or "")
    return sound_span(
        Span(
            id_at(record, "traceId", 128),
            id_at(record, "id", 64),
            parent_id,
            parent_id is not None and kind in ("server", "consumer"),
            str(record.get("name") or ""),
            kind,
            start_ns,
            None if duration is None and not start_ns else start_ns + _nanoseconds(duration or 0),
            status,
            "" if status != "error" or message == "true" else message,
            {**_remote(record.get("remoteEndpoint"), kind), **tags},
            tuple(_event(each) for each in record.get("annotations") or ()),
            (),
            next(iter(scopes), ""),
            _local(record.get("localEndpoint")),
        )
    )


_SCOPES = ("otel.scope.name", "otel.library.name")
_NOT_SHOWN = ("otel.scope.version", "otel.library.version")


def _event(annotation: _Record) -> Event:
    """Return an event; OpenTelemetry writes `"name": {attributes}` in the place of its name."""
    text = str(annotation.get("value", ""))
    time_ns = _nanoseconds(annotation.get("timestamp"))
    try:
        told = json.loads(text if text.startswith("{") else f"{{{text}}}")
        ((name, attributes),) = told.items()
        if isinstance(attributes, dict):
            return Event(name, time_ns, attributes)
    except (ValueError, AttributeError, RecursionError):
        pass
    return Event(text, time_ns)


def _local(endpoint: object) -> Attributes:
    name = endpoint.get("serviceName") if isinstance(endpoint, Mapping) else None
    return {"service.name": str(name)} if name else {}


def _remote(endpoint: object, kind: str) -> dict[str, Any]:
    if not isinstance(endpoint, Mapping):
        return {}
    side = "client" if kind in ("server", "consumer") else "server"
    address = endpoint.get("ipv4") or endpoint.get("ipv6") or endpoint.get("serviceName")
    told = {
        "peer.service": endpoint.get("serviceName"),
        f"{side}.address": address,
        f"{side}.port": endpoint.get("port"),
    }
    return {name: value for name, value in told.items() if value}


def _nanoseconds(microseconds: Any) -> int:
    return 0 if microseconds is None else nanoseconds(microseconds)
