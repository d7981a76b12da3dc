"""Anything -> text. Total: what users pass in may raise when it is looked at, or be no text at all.

This is the border of everything that is shown. What is behind it may rely on plain `str`, without
lone surrogates: no encoder takes those, neither ours nor that of a tracing backend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from types import FrameType
from typing import Any

OnError = Callable[[BaseException], object]


def _nobody(error: BaseException) -> None:
    """Tell nobody."""


def counted(number: int, what: str) -> str:
    """Return how many there are of something, for people: `1 test`, `1,000 tests`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def text_of(value: object, on_error: OnError = _nobody) -> str:
    """Return `value` as text: a string as it is, true and false as in JSON, else its `str`.

    Args:
        value: anything. Where its `str` raises, the text says so.
        on_error: told what was raised.
    """
    if type(value) is str:
        return value if value.isascii() else encodable(value)
    return attempt(_plain, value, "str", on_error)


def represented(value: object, on_error: OnError = _nobody) -> str:
    """Return `value` as allure shows arguments: a string in quotes, else its `repr`."""
    return attempt(_represent, value, "repr", on_error)


def attempt(
    show: Callable[[Any], str], value: object, what: str = "str", on_error: OnError = _nobody
) -> str:
    """Return what `show` makes of `value`; if it raises, a text that says so.

    Whatever it raises, code that shows a value is no part of the test: only Ctrl-C is let through,
    and what a signal's handler has raised meanwhile, a timeout for example.
    """
    try:
        return encodable(_exactly(show(value)))
    except BaseException as error:
        if comes_from_outside(error):
            raise
        on_error(error)
        return encodable(f"<{type_name(value)}: its {what} raised {_raised(error)}>")


def is_true(value: object) -> bool:
    """Return what `bool` does; what cannot be asked is something, so it is true."""
    try:
        return bool(value)
    except Exception:
        return True


def encodable(text: str) -> str:
    """Return `text` with lone surrogates, which nothing can encode, as their escapes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def type_name(value: object) -> str:
    """Return the name of a value's type, whatever its metaclass says."""
    return str(type.__dict__["__name__"].__get__(type(value)))


def md5(*values: object) -> str:
    """Return what `allure_commons.utils.md5` does, but of anything."""
    digest = hashlib.md5(usedforsecurity=False)
    for value in values:
        kind = type(value)
        if not issubclass(kind, bytes):
            text = _exactly(value) if issubclass(kind, str) else attempt(repr, value, "repr")
            value = text.encode("utf-8", "surrogatepass")
        digest.update(value)  # type: ignore[arg-type]
    return digest.hexdigest()


# By the type itself: what `isinstance` asks may lie, as mocks with a `spec` do, or raise.


def _plain(value: Any) -> str:
    kind = type(value)
    if issubclass(kind, str):
        return str(value.value) if issubclass(kind, Enum) else _exactly(value)
    return str(value).lower() if kind is bool else str(value)


def _represent(value: Any) -> str:
    kind = type(value)
    if issubclass(kind, str):
        return f"'{value}'"
    return repr(kind if issubclass(kind, (bytes, bytearray)) else value)


def _exactly(text: Any) -> str:
    return text if type(text) is str else str.__str__(text)


def _raised(error: BaseException) -> str:
    try:
        return _exactly(repr(error))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return type_name(error)


def comes_from_outside(error: BaseException) -> bool:
    """Whether it is Ctrl-C, or a signal's handler has raised it: that is called with a frame."""
    if isinstance(error, KeyboardInterrupt):
        return True
    tb = error.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        arguments = map(tb.tb_frame.f_locals.get, code.co_varnames[: code.co_argcount])
        if any(type(argument) is FrameType for argument in arguments):
            return True
        tb = tb.tb_next
    return False
