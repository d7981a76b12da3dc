"""Span and Log as others have filled them -> as their annotations say. Total and pure.

SDKs check what the API is given only in part, and what is set on a span behind its back not at
all. Behind this border nobody has to expect a name that is no text, a time that is none, or a
value that raises when it is looked at. What is sound already is returned as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from otel_allure.model.spans import NOTHING, Attributes, Event, Link, Log, Span
from otel_allure.model.texts import md5, text_of

KINDS = ("internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
DEEPEST = 32
"""Levels of lists and maps in a value; what is deeper is left out, with a mark."""

MOST = 10_000
"""Values in a list or map of odd ones, those below it included; more are left out, with a mark."""

_LEFT_OUT = "…"
_TEXT = frozenset({str})
_SCALARS = frozenset({str, int, float, bool, bytes, type(None)})
_LAST_NS = (1 << 63) - 1


def sound_span(span: Span) -> Span:
    """Return `span` with every field of the type that it is declared to have."""
    try:
        if _is_sound(span):
            return span
    except Exception:  # events that are no list, for example
        pass
    start_ns = _time(span.start_ns) or 0
    end_ns = None if span.end_ns is None else _time(span.end_ns) or start_ns
    parent_id = None if span.parent_id is None else _id(span.parent_id, 64)
    return Span(
        _id(span.trace_id, 128),
        _id(span.span_id, 64),
        parent_id or None,
        bool(parent_id) and span.parent_is_remote is True,
        text_of(span.name),
        _one_of(KINDS, span.kind),
        start_ns,
        end_ns,
        _one_of(STATUSES, span.status),
        "" if span.status_message is None else text_of(span.status_message),
        sound_attributes(span.attributes),
        _all(lambda event: _event(event, start_ns), span.events),
        _all(_link, span.links),
        "" if span.scope is None else text_of(span.scope),
        sound_attributes(span.resource),
    )


def sound_log(log: Log) -> Log:
    """Return `log` with every field of the type that it is declared to have."""
    return Log(
        _id(log.trace_id or 0, 128),
        _id(log.span_id or 0, 64),
        _time(log.time_ns) or 0,
        text_of(log.level),
        text_of(log.logger),
        text_of(log.text),
        sound_attributes(log.attributes),
        log.form,
    )


def sound_attributes(attributes: Any) -> Attributes:
    """Return attributes with texts for names, and values that JSON has a form for."""
    if _has_sound_values(attributes):
        return attributes  # type: ignore[no-any-return]
    try:
        return {text_of(name): sound_value(value) for name, value in dict(attributes or {}).items()}
    except Exception:
        return {"attributes": text_of(attributes)}


def sound_value(value: Any) -> Any:
    """Return a value that is made of texts, numbers, true, false, None, bytes, lists and maps."""
    return _Values().sound(value, DEEPEST)


# -- what is sound already: nearly everything, so this is quick


def _is_sound(span: Span) -> bool:
    trace_id, span_id, parent_id, is_remote, name, kind, start_ns, end_ns, *others = span
    status, message, attributes, events, links, scope, resource = others
    return (
        type(trace_id) is type(span_id) is type(start_ns) is int
        and type(name) is type(kind) is type(status) is type(message) is type(scope) is str
        and (parent_id is None or (type(parent_id) is int and parent_id > 0))
        and type(is_remote) is bool
        and 0 <= start_ns <= _LAST_NS
        and (end_ns is None or (type(end_ns) is int and end_ns <= _LAST_NS))
        and kind in KINDS
        and status in STATUSES
        and _has_sound_values(attributes)
        and _has_sound_values(resource)
        and (type(events) is tuple or type(events) is list)
        and (type(links) is tuple or type(links) is list)
        and not (events and not all(map(_is_sound_event, events)))
        and not (links and not all(map(_is_sound_link, links)))
    )


def _is_sound_event(event: Event) -> bool:
    return (
        type(event.name) is str
        and type(event.time_ns) is int
        and 0 <= event.time_ns <= _LAST_NS
        and _has_sound_values(event.attributes)
    )


def _is_sound_link(link: Link) -> bool:
    return type(link.trace_id) is type(link.span_id) is int and _has_sound_values(link.attributes)


def _has_sound_values(attributes: Any) -> bool:
    if attributes is NOTHING:
        return True
    try:
        if _TEXT.issuperset(map(type, attributes)) and _SCALARS.issuperset(
            map(type, attributes.values())
        ):
            return True  # as most are
        for name, value in attributes.items():
            if type(name) is not str:
                return False
            kind = type(value)
            if kind not in _SCALARS and not (
                (kind is tuple or kind is list) and _SCALARS.issuperset(map(type, value))
            ):
                return False
    except Exception:
        return False
    return True


# -- what is not


class _Values:
    """Makes one value sound. However often a list is in itself, there is an end."""

    def __init__(self) -> None:
        self._left = MOST
        self._around: set[int] = set()  # ids of the lists and maps that the value is in

    def sound(self, value: Any, levels: int) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        try:
            return self._sound(kind, value, levels)
        except Exception:  # a map that cannot be iterated, for example
            return text_of(value)

    def _sound(self, kind: type, value: Any, levels: int) -> Any:
        # By the type itself: what `isinstance` asks may lie, or raise.
        for exact, plain in _EXACTLY.items():
            if issubclass(kind, exact):
                return plain(value)
        is_list, is_map = issubclass(kind, (list, tuple)), issubclass(kind, Mapping)
        if not (is_list or is_map):
            return text_of(value)
        if levels == 0 or id(value) in self._around:
            return _LEFT_OUT
        self._around.add(id(value))
        try:
            return self._entries(kind, value, levels)
        finally:
            self._around.discard(id(value))

    def _entries(self, kind: type, value: Any, levels: int) -> Any:
        if issubclass(kind, Mapping):
            entries = self._some(dict(value).items(), (_LEFT_OUT, _LEFT_OUT))
            return {text_of(name): self.sound(entry, levels - 1) for name, entry in entries}
        some = [self.sound(entry, levels - 1) for entry in self._some(value, _LEFT_OUT)]
        return tuple(some) if issubclass(kind, tuple) else some

    def _some(self, values: Iterable[Any], mark: Any) -> Iterator[Any]:
        for value in values:
            if self._left <= 0:
                yield mark
                break
            self._left -= 1
            yield value


_EXACTLY: dict[type, Callable[[Any], Any]] = {
    str: text_of,
    int: int.__pos__,
    float: float.__pos__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: bytes,
    memoryview: bytes,
}


def _time(value: Any) -> int | None:
    """Return a time in ns, None for what is none; what no clock says is cut to what one can."""
    try:
        return max(0, min(int(value), _LAST_NS))
    except Exception:  # NaN, a text
        return None


def _id(value: Any, bits: int) -> int:
    """Return an id; of what is none, one that is the same each time."""
    if issubclass(type(value), int):
        return int.__pos__(value)
    return int(md5(value), 16) & ((1 << bits) - 1)


def _one_of(known: tuple[str, ...], value: Any) -> str:
    text = text_of(value)
    return text if text in known else known[0]


def _all(plain: Callable[[Any], Any], entries: Any) -> tuple[Any, ...]:
    try:
        return tuple(map(plain, entries or ()))
    except Exception:
        return ()


def _event(event: Any, default_ns: int) -> Event:
    time_ns = _time(getattr(event, "time_ns", None))
    return Event(
        text_of(getattr(event, "name", event)),
        default_ns if time_ns is None else time_ns,
        sound_attributes(getattr(event, "attributes", None)),
    )


def _link(link: Any) -> Link:
    return Link(_id(link.trace_id, 128), _id(link.span_id, 64), sound_attributes(link.attributes))
