"""Variables of the environment that tests set: secret ones are masked from then on.

`os.environ` is what it was, and so are its class and its methods: the one that sets a variable is
called as ever, and tells us first (see `compat.redirect`). A mapping that a test puts in its place
is looked at when a phase ends, and when something is attached. `os.putenv` is not heard. Values
that were removed again stay known, as they may be in what is written later.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from otel_allure.compat.redirect import Redirection
from otel_allure.model.diagnostics import Diagnostics

_CURRENT_TEST = "PYTEST_CURRENT_TEST"
"""pytest sets it in each phase of a test; its value is no secret."""


class Variables:
    """The environment of this process.

    Args:
        learn: called with the name and the value of each variable that is set.
        diagnostics: told what goes wrong in that.

    Attributes:
        environ: `os.environ` as it was when this was made.
    """

    def __init__(self, learn: Callable[[str, str], None], diagnostics: Diagnostics) -> None:
        self._learn = learn
        self._diagnostics = diagnostics
        self.environ = os.environ

    def follow(self) -> Callable[[], None]:
        """Begin to hear of what is set, and return what ends it."""
        return Redirection(type(os.environ), "__setitem__", self._told, is_told=True).begin()

    def look(self) -> None:
        """Learn what is in the mapping that somebody has put in the place of `os.environ`."""
        if os.environ is not self.environ:
            with self._diagnostics.caught("looking at a replaced environment"):
                for name, value in list(os.environ.items()):
                    self._told(None, name, value)

    def _told(self, _: Any, name: Any, value: Any) -> None:
        if name == _CURRENT_TEST:
            return
        if issubclass(type(name), (str, bytes)) and issubclass(type(value), (str, bytes)):
            with self._diagnostics.caught("learning a secret variable of the environment"):
                self._learn(os.fsdecode(name), os.fsdecode(value))
