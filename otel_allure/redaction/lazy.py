"""Regular expressions that are compiled when they are first needed: most never are."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cached_property


class Lazy:
    """A regular expression as `re.compile` makes it, but not yet.

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

    def match(self, text: str, pos: int = 0, endpos: int = sys.maxsize) -> re.Match[str] | None:
        """Match at a place, as `re.Pattern.match` does."""
        return self.compiled.match(text, pos, endpos)

    def search(self, text: str, pos: int = 0, endpos: int = sys.maxsize) -> re.Match[str] | None:
        """Look for the first match, as `re.Pattern.search` does."""
        return self.compiled.search(text, pos, endpos)

    def finditer(self, text: str, pos: int = 0) -> Iterator[re.Match[str]]:
        """Yield all matches, as `re.Pattern.finditer` does."""
        return self.compiled.finditer(text, pos)
