"""A log record -> lines of text, with time and level, and nothing secret."""

from __future__ import annotations

from collections.abc import Iterator

from otel_allure.model.spans import Log
from otel_allure.presentation.values import as_text, shortened, text_of
from otel_allure.redaction.redaction import Redaction

_UNTOLD = ("code.", "exception.", "log.", "thread.")  # shown otherwise, or about the place in code

_FORMS = {
    "message": "{time} {level:<8} {logger}: {text}",
    "line": "{time} {text}",
    "complete": "{text}",
}


def log_lines(log: Log, redaction: Redaction) -> str:
    """Return the record as it is shown in a step; times are UTC."""
    if log.form != "message":
        return redaction.text(_line(log, log.text))
    parts = [log.text, *_attributes(log, redaction)]
    text = " ".join(part for part in parts if part)
    trace = text_of(log.attributes, "exception.stacktrace")
    return redaction.text(_line(log, f"{text}\n{trace.rstrip()}" if trace else text))


def _line(log: Log, text: str) -> str:
    return _FORMS[log.form].format(
        time=_time(log.time_ns), level=log.level, logger=log.logger, text=text
    )


def _time(time_ns: int) -> str:
    seconds, ms = divmod(time_ns // 1_000_000 % 86_400_000, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{ms:03d}Z"


def _attributes(log: Log, redaction: Redaction) -> Iterator[str]:
    longest = redaction.settings.max_value
    for name, value in log.attributes.items():
        if not name.startswith(_UNTOLD):
            text = redaction.value(name, as_text(value, redaction)[: 10 * longest])
            yield f"{name}={shortened(text, longest)}"
