"""Ids of results, containers and files: the same each time."""

from __future__ import annotations

import hashlib

from otel_allure.model.spans import Span


def digest_of(*texts: str) -> str:
    """Return the md5 of texts, as allure-pytest makes ids."""
    data = "".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


# What is made of a span beside its own result or container.
ITS_CONTAINER = 1
ITS_LOG = 2
ITS_FILES = 3  # and more


def item_uuid(span: Span, salt: int = 0) -> str:
    """Return the uuid of what is made of `span`: the same each time, so that files are replaced.

    Trace ids are random, so are their results' uuids. Within a trace no two are equal.
    """
    return _uuid(span.trace_id, span.span_id, salt)


def trace_uuid(trace_id: int) -> str:
    """Return the uuid of the result with the root of a program's trace."""
    return _uuid(trace_id, 0, _WHOLE)


def part_uuid(trace_id: int, parent_id: int, number: int) -> str:
    """Return the uuid of the result of a part whose parent is in another program.

    Args:
        trace_id: of its trace.
        parent_id: of the span that it belongs below.
        number: of parts that do, the first one is 0.
    """
    return _uuid(trace_id, parent_id, _PART + number)


_WHOLE = 1 << 32
_PART = 1 << 33


def _uuid(trace_id: int, span_id: int, salt: int) -> str:
    mixed = (salt << 64 | span_id) * 0x9E3779B97F4A7C15_F39CC0605CEDC835
    digits = f"{(trace_id ^ mixed) & (1 << 128) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
