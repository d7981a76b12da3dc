"""Our frames in the tracebacks that pytest shows."""

from __future__ import annotations

import inspect
import os
from typing import Any

import pytest

_PYTEST = os.path.dirname(inspect.getfile(pytest.Item))  # noqa: PTH120 -- compared as text


def hidden(excinfo: Any) -> bool:
    """Tell pytest whether to hide a frame of ours: the value of its `__tracebackhide__`.

    Not where pytest itself has raised. It leaves its own frames out, too, and has no good way to
    show a traceback of which nothing is left.
    """
    return not str(excinfo.traceback[-1].path).startswith(_PYTEST)
