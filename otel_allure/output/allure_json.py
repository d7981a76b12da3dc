"""Names of files, and what is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from types import BuiltinFunctionType

from otel_allure.compat import kept
from otel_allure.model.conventions import RESULT


def as_seen(source: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield a file's content as the test sees it: from a faked file system, if there is one.

    From the real one, where a mock stands in the place of `open`.
    """
    try:
        with open(source, "rb") as file:  # noqa: PTH123 -- whatever `open` is by now
            chunk = file.read(kept.CHUNK)
            if isinstance(chunk, bytes):
                while chunk:
                    yield chunk
                    chunk = file.read(kept.CHUNK)
                return
    except Exception:
        if isinstance(open, BuiltinFunctionType):
            raise
    yield from kept.read(str(source))


_MASKS = re.compile(rb"(?<!\*)\*{4}(?!\*)|__ALLURE_REDACTED__")


def masked_in(data: bytes) -> int:
    """Return how many values are masked in the content of a file."""
    if b"****" not in data and b"__ALLURE_REDACTED__" not in data:
        return 0
    return len(_MASKS.findall(data))


def result_file_name(uuid: str) -> str:
    """Return the name of a result's file."""
    return f"{uuid}{RESULT}"


def container_file_name(uuid: str) -> str:
    """Return the name of a container's file."""
    return f"{uuid}-container.json"


def attachment_file_name(extension: str) -> str:
    """Return a new name for an attachment's body."""
    return f"{new_uuid()}-attachment.{extension}"


def new_uuid() -> str:
    """Return a random uuid, from the operating system: seeding `random` does not repeat it."""
    digits = kept.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
