"""Regular expressions that are compiled when they are first needed: most never are."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, cast


class Lazy:
    """A regular expression as `re.compile` makes it, but not yet.

    What is asked of it is kept: from the second time on, nothing of ours is in the way.

    Args:
        pattern: the expression.
        flags: of `re`.
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern = pattern
        self.flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression itself."""
        return re.compile(self.pattern, self.flags)

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(self.compiled, name)
        return found


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return an expression that is compiled when it is first used; arguments as of `re.compile`."""
    return cast("re.Pattern[str]", Lazy(pattern, flags))
