"""Variables of the environment that tests set: secret ones are masked from then on.

`os.environ` is what it was, and so are its class and its methods: the one that sets a variable is
called as ever, and tells us first (see `compat.redirect`). Values that were removed again stay
known, as they may be in what is written later.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from otel_allure.compat.redirect import Redirection
from otel_allure.model.diagnostics import Diagnostics

_CURRENT_TEST = "PYTEST_CURRENT_TEST"
"""pytest sets it in each phase of a test; its value is no secret."""


def follow_variables(
    learn: Callable[[str, str], None], diagnostics: Diagnostics
) -> Callable[[], None]:
    """Have `learn` called with the name and the value of each variable that is set; return the end.

    What replaces `os.environ` by something else is not heard of.
    """

    def told(_: Any, name: Any, value: Any) -> None:
        if name == _CURRENT_TEST:
            return
        if issubclass(type(name), (str, bytes)) and issubclass(type(value), (str, bytes)):
            with diagnostics.caught("learning a secret variable of the environment"):
                learn(os.fsdecode(name), os.fsdecode(value))

    return Redirection(type(os.environ), "__setitem__", told, is_told=True).begin()
