"""Which log lines belong to which step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from allure_commons.model2 import Attachment, ExecutableItem

from otel_allure.model.spans import Event, Log, Span
from otel_allure.presentation.errors import exception_of
from otel_allure.translation.identity import ITS_LOG, item_uuid
from otel_allure.translation.span_tree import SpanTree

Logs = Mapping[int, Sequence[Log]]
"""Log records by the id of the span that emitted them."""
NO_LOGS: Logs = {}


class LogPlaces:
    """Which step, fixture or result shows which log records: that of the nearest span above."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._items: dict[int, ExecutableItem] = {}  # by span id
        self._spans: dict[int, Span] = {}  # by `id` of what the span has become

    def has(self, span: Span) -> bool:
        """Whether a span has logged something."""
        return bool(self._logs.get(span.span_id))

    def note(self, span: Span, item: ExecutableItem) -> None:
        """Note that what is in `span` is shown in `item`; the first span is the one it is of."""
        if self._logs:
            self._items[span.span_id] = item
            self._spans.setdefault(id(item), span)

    def note_shown_at(self, shown_at: Mapping[int, int]) -> None:
        """Note in whose place, or below which span, those would have been that are not shown."""
        if self._logs:
            self._items.update((span_id, self._items[home]) for span_id, home in shown_at.items())

    def attach(self, tree: SpanTree, lines: Callable[[Log], str], files: dict[str, str]) -> None:
        """Give each item one attachment with its log records, by time."""
        if not self._items:
            return
        shown: dict[int, tuple[ExecutableItem, list[Log]]] = {}
        for span_id, logs in self._logs.items():
            item = self._place(span_id, tree)
            shown.setdefault(id(item), (item, []))[1].extend(logs)
        for key, (item, found) in shown.items():
            source = f"{item_uuid(self._spans[key], ITS_LOG)}-attachment.txt"
            found.sort(key=lambda log: log.time_ns)
            files[source] = "\n".join(map(lines, found))
            item.attachments.append(Attachment(name="log", source=source, type="text/plain"))

    def _place(self, span_id: int | None, tree: SpanTree) -> ExecutableItem:
        seen: set[int] = set()  # spans in a circle have no end
        while span_id is not None and span_id not in self._items and span_id not in seen:
            seen.add(span_id)
            span = tree.complete.get(span_id)
            span_id = None if span is None else span.parent_id
        first = next(iter(self._items.values()))  # of the test, or of the first root
        return first if span_id is None else self._items.get(span_id, first)

    def with_exception(self, span: Span) -> Span:
        """Return `span` with the last exception that it has logged, if it has no other."""
        logs = self._logs.get(span.span_id)
        if not logs or exception_of(span) is not None:
            return span
        for log in reversed(logs):
            if "exception.type" in log.attributes or "exception.message" in log.attributes:
                event = Event("exception", log.time_ns, log.attributes)
                return span._replace(events=[*span.events, event])
        return span
