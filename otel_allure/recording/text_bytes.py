"""Bytes that are a text, in whatever encoding -> that text, and back byte for byte."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Callable

_TEXTS = re.compile(
    r"text/|message/|multipart/form-data\b"
    r"|(?:application|image|model)/(?:.*[+.-])?(?:json|ndjson|xml|yaml|toml|javascript|ecmascript|"
    r"typescript|graphql|sql|sh|httpd-php|www-form-urlencoded)\b",
    re.IGNORECASE,
)
_BOMS = (  # UTF-32 first: its mark begins with that of UTF-16
    (BOM_UTF32_LE, "utf-32-le"),
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF16_LE, "utf-16-le"),
    (BOM_UTF16_BE, "utf-16-be"),
)


def is_text(media_type: str) -> bool:
    """Whether bytes of this type are a text."""
    return _TEXTS.match(media_type) is not None


def changed_text(data: bytes, change: Callable[[str], str]) -> bytes:
    """Return `data` with its text changed; as it is where that changes nothing.

    Bytes that no encoding explains are kept. Whatever else they are, ASCII is the same in UTF-8,
    Latin-1 and most others, and in it are the names by which secrets are found.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return bom + _changed(data[len(bom) :], encoding, change)
    if b"\0" in data:  # UTF-16 without a mark: read in the wrong order, it has no ASCII
        for encoding in ("utf-16-le", "utf-16-be"):
            data = _changed(data, encoding, change)
    return _changed(data, "utf-8", change)


def _changed(data: bytes, encoding: str, change: Callable[[str], str]) -> bytes:
    end = len(data) - len(data) % _WIDTHS.get(encoding, 1)
    errors = "surrogatepass" if encoding in _WIDTHS else "surrogateescape"
    try:
        text = data[:end].decode(encoding, errors)
    except UnicodeDecodeError:  # what its mark says is not true
        return data if encoding == "utf-8" else _changed(data, "utf-8", change)
    changed = change(text)
    return data if changed == text else changed.encode(encoding, errors) + data[end:]


_WIDTHS = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}
