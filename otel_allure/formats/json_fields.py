"""What the JSON of Jaeger and of Zipkin have in common: ids in hexadecimal, and microseconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MalformedError(ValueError):
    """A span without what makes it one."""


def id_at(record: Mapping[str, Any], name: str, bits: int) -> int:
    """Return an id, which may be shorter than OpenTelemetry's: zeros in front are left out.

    Raises:
        MalformedError: if it is none of at most so many bits.
    """
    text = record.get(name)
    try:
        found = int(text, 16) if isinstance(text, str) else 0
    except ValueError:
        found = 0
    if 0 < found < 1 << bits:
        return found
    raise MalformedError(f"{name} is not 1 to {bits // 4} hexadecimal digits")


def nanoseconds(microseconds: Any) -> int:
    """Return a time or a duration in nanoseconds.

    Raises:
        MalformedError: if it is of a type that has no number.
        ValueError: if it is a text without one, or not finite.
    """
    if isinstance(microseconds, bool) or not isinstance(microseconds, (int, float, str)):
        raise MalformedError("a time is no number")
    return int(microseconds * 1000) if isinstance(microseconds, float) else int(microseconds) * 1000
