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
    mixed = (salt << 64 | span.span_id) * 0x9E3779B97F4A7C15_F39CC0605CEDC835
    digits = f"{(span.trace_id ^ mixed) & (1 << 128) - 1:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
