"""The door to what is not public: names of other projects that may be gone with their next version.

One file a project. Each name is a `Private`, which says what it is for and what happens without
it, and is looked up where it is used. One that is missing costs what it is for; it raises nothing,
and the terminal summary says it once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple


@cache
def _last(name: str) -> str:
    return name.rpartition(".")[2]


class Private(NamedTuple):
    """A name that is not public API of its project.

    Attributes:
        name: the whole of it, from the module on.
        since: the oldest version that we have seen it in, and the oldest supported one at most.
        serves: what it is for.
        without: what happens where it is missing.
    """

    name: str
    since: str
    serves: str
    without: str

    @property
    def attribute(self) -> str:
        """The last part of the name."""
        return _last(self.name)

    def of(self, owner: Any, default: Any = None, *, kind: type | None = None) -> Any:
        """Return the attribute that `owner` has by that name, else `default`.

        Args:
            owner: what should have it. For None, which may be switched off, nothing is missing.
            default: returned where it is missing.
            kind: what it should be; anything else is as if it were missing.
        """
        try:
            found = getattr(owner, _last(self.name))
            if kind is None or isinstance(found, kind):
                return found
        except Exception:  # of a property
            pass
        if owner is not None:
            self.is_missing()
        return default

    def imported(self, default: Any = None) -> Any:
        """Return the name of a module, or a module itself, by importing it, else `default`."""
        module, _, attribute = self.name.rpartition(".")
        try:
            try:
                return getattr(importlib.import_module(module), attribute)
            except AttributeError:
                return importlib.import_module(self.name)
        except Exception:
            self.is_missing()
            return default

    def is_missing(self) -> None:
        """Note that it is missing: the summary will say so."""
        _missing[self.name] = self


def found(owner: Any, name: str | Private) -> Any:
    """Return the attribute of that name, public or private, None if there is none."""
    return name.of(owner) if isinstance(name, Private) else getattr(owner, name, None)


_missing: dict[str, Private] = {}


def missing() -> Iterator[tuple[str, str]]:
    """Yield what is known to be missing by now, with what happens without it."""
    for private in list(_missing.values()):
        yield f"{private.name} is missing ({private.serves})", private.without


def tell(first: dict[str, str], add: Callable[[str, object], None]) -> None:
    """Tell of what is missing, once.

    Args:
        first: what has been told.
        add: told of each that has not.
    """
    for doing, without in missing():
        if doing not in first:
            add(doing, without)
