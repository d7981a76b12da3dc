"""What we put in the place of something of others, and take away again.

Where `redirect` cannot help: methods of a class that we have to be asked by, properties, and
functions that others look up anew each time. Tests do the same as we do, and do not always tidy
up: what they have put on top of ours stays, and nothing that goes wrong at the end is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

_NOTHING = object()
Undo = Callable[[], None]


def replace(owner: Any, name: str, value: Any) -> Undo:
    """Set an attribute; return what puts the former back, as long as ours is still there."""
    former = vars(owner).get(name, _NOTHING)
    setattr(owner, name, value)

    def undo() -> None:
        if vars(owner).get(name) is not value:
            return
        if former is _NOTHING:
            delattr(owner, name)
        else:
            setattr(owner, name, former)

    return undo


def undo_all(undo: list[Undo]) -> None:
    """Undo the last first, each one once, whatever fails."""
    while undo:
        with suppress(Exception):
            undo.pop()()
