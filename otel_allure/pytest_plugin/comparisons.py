"""The two sides of an `assert actual == expected` that failed, for the report's comparison view.

pytest asks plugins how to explain a comparison when it has failed, so tests that pass cost nothing.
Whether it is the one that failed the test is only known later: what is retried, or expected by
`pytest.raises`, fails too.
"""

from __future__ import annotations

import pprint
import sys
from types import TracebackType
from typing import Any, NamedTuple

from otel_allure.model.texts import attempt

MAX_CHARACTERS = 20_000
"""Of a side that are shown; a note tells how many are left out."""

_PRETTY = 10_000  # longer representations are shown as they are: laying them out takes seconds


class Comparison(NamedTuple):
    """A comparison that failed.

    Attributes:
        frames: ids of the frames that were running, the code that compares among them.
        actual: the left side as text.
        expected: the right side as text.
    """

    frames: frozenset[int]
    actual: str
    expected: str

    def failed_with(self, exception: BaseException | None) -> bool:
        """Whether it is what `exception` was raised for."""
        if not isinstance(exception, AssertionError) or "==" not in str(exception):
            return False
        tb: TracebackType | None = exception.__traceback__
        while tb is not None and tb.tb_next is not None:
            tb = tb.tb_next
        # The frame is kept by the traceback, so nothing else has its id.
        return tb is not None and id(tb.tb_frame) in self.frames


def comparison(left: object, right: object) -> Comparison:
    """Return the comparison of `left` and `right` that the caller explains."""
    frames = []
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        frames.append(id(frame))
    return Comparison(frozenset(frames), _shown(left), _shown(right))


def _pretty(value: Any) -> str:
    return pprint.pformat(value, width=100, sort_dicts=False)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else attempt(repr, value, "repr")
    if not isinstance(value, str) and len(text) <= _PRETTY:
        text = attempt(_pretty, value, "repr")
    if len(text) > MAX_CHARACTERS:
        left_out = len(text) - MAX_CHARACTERS
        return f"{text[:MAX_CHARACTERS]}\n... ({left_out:,} characters are not shown)"
    return text
