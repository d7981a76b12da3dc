"""A result as lines of text: the tree of its steps, for the terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Item = Mapping[str, Any]
"""A result, fixture or step as its JSON has it."""


class Line(NamedTuple):
    """A line of a tree.

    Attributes:
        lead: the branches that lead to it.
        status: of a result, fixture or step; empty for what has none, attachments for example.
        name: what it is.
        duration: how long it took, `4 ms`, or empty.
        message: the first line of what is said of it, or empty.
        is_cut: whether it is cut to the width of the terminal.
    """

    lead: str
    status: str
    name: str
    duration: str = ""
    message: str = ""
    is_cut: bool = True


def tree_of(item: Item, prefix: str = "", branch: str = "") -> Iterator[Line]:
    """Yield a line for a result or step and each thing below it.

    The cause of a failure has a line of its own, as long as it is. A result may have the fixtures
    of its test as `befores` and `afters`, and among steps there may be texts.
    """
    yield _line(item, prefix + branch)
    if not branch and (cause := cause_of(item)):
        yield Line("", "", cause, is_cut=False)
    prefix += {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    rows = _rows(item)
    for number, row in enumerate(rows, 1):
        branch = "└─ " if number == len(rows) else "├─ "
        if isinstance(row, str):
            yield Line(prefix + branch, "", row)
        else:
            yield from tree_of(row, prefix, branch)


def tree_lines(item: Item) -> Iterator[str]:
    """Yield the lines of a result's or step's tree, as plain text."""
    return map(Look().text, tree_of(item))


def _rows(item: Item) -> list[Any]:
    return [
        *({**fixture, "name": f"set-up: {_name(fixture)}"} for fixture in listed(item, "befores")),
        *listed(item, "steps"),
        *(f"[{_name(attachment)}]" for attachment in listed(item, "attachments")),
        *(
            {**fixture, "name": f"tear-down: {_name(fixture)}"}
            for fixture in listed(item, "afters")
        ),
    ]


def _line(item: Item, lead: str) -> Line:
    status = str(item.get("status"))
    duration = (item.get("stop") or 0) - (item.get("start") or 0)
    message = _message(item)
    if status == "passed" or _CAUSE.match(message):
        message = ""
    if lead and message in map(_message, _inner(item)):
        message = ""  # below it is the step that it comes from
    return Line(lead, status, _name(item), f"{duration} ms", message)


_CAUSE = re.compile(r"(?:perhaps )?caused (?:by|in) ")


def cause_of(item: Item) -> str:
    """Return the line of a message that says what caused a failure, empty if there is none."""
    said = str((item.get("statusDetails") or {}).get("message") or "")
    return next(filter(_CAUSE.match, reversed(said.splitlines())), "")


def _inner(item: Item) -> Iterator[Item]:
    return (step for step in listed(item, "steps") if isinstance(step, dict))


def _name(item: Item) -> str:
    return str(item.get("name"))


def _message(item: Item) -> str:
    message = (item.get("statusDetails") or {}).get("message")
    return str(message or "").strip().partition("\n")[0]


def listed(item: Item, key: str) -> list[Any]:
    """Return what a result, fixture or step has of a kind: its `steps`, for example."""
    return list(item.get(key) or ())


# -- how lines look

_MARKS = {"passed": "✓", "failed": "✗", "broken": "!", "skipped": "-"}
_COLORS = {"passed": "32", "failed": "31", "broken": "33", "skipped": "36"}
_DIM = "2"
_ASCII = str.maketrans(
    {"✓": "+", "✗": "x", "├": "|", "└": "`", "│": "|", "─": "-", "…": "...", "×": "x", "→": "->"}
    | {"←": "<-", "·": "-"}
)


class Look(NamedTuple):
    """How lines look.

    Attributes:
        colors: whether they have a terminal's colours.
        width: so many columns at most; 0: no limit.
        encoding: of what they are written to. What it does not have is written in other words.
    """

    colors: bool = False
    width: int = 0
    encoding: str = "utf-8"

    def text(self, line: Line) -> str:
        """Return a line as text."""
        mark = f"{_MARKS.get(line.status, '?')} " if line.status else ""
        duration = f"  {line.duration}" if line.duration else ""
        message = f"  ({_safe(line.message)})" if line.message else ""
        lead, mark, name, message = map(
            self._encodable, (line.lead, mark, _safe(line.name), message)
        )
        if self.width and line.is_cut:
            room = self.width - len(lead) - len(mark) - len(duration)
            name = self._cut(name, max(room * 3 // 5 if message else room, _LEAST))
            message = self._cut(message, room - _columns(name))
        if self.colors:
            color = _COLORS.get(line.status, "")
            mark, message = _colored(mark, color), _colored(message, color)
            lead, duration = _colored(lead, _DIM), _colored(duration, _DIM)
            name = _colored(name, "1" if not line.lead else _DIM if not line.status else "")
        return f"{lead}{mark}{name}{duration}{message}"

    def lines(self, lines: Iterable[Line]) -> str:
        """Return lines as text."""
        return "\n".join(map(self.text, lines))

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeError:
            text = text.translate(_ASCII)
            return text.encode(self.encoding, "backslashreplace").decode(self.encoding)
        return text

    def _cut(self, text: str, columns: int) -> str:
        if _columns(text) <= columns:
            return text
        end = self._encodable("…")
        text = text[: max(columns - len(end), 0)]
        while text and _columns(text) > columns - len(end):
            text = text[:-1]
        return text + end if text.strip() else ""


_LEAST = 12
"""Columns that a name has in any case."""


def _colored(text: str, color: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m" if text and color else text


def _safe(text: str) -> str:
    """Return text on one line, and without what would change the terminal's state."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in _JOINERS or unicodedata.category(char) == "Cs"
        else " " if char.isspace() else "?"
        for char in text
    )  # fmt: skip


_JOINERS = "\u200c\u200d"
"""They join characters to one, of emojis for example. Lone surrogates are escaped later."""


def _columns(text: str) -> int:
    """Return how many columns of a terminal text needs."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def all_steps(item: Any) -> Iterator[Any]:
    """Yield a model2 object and everything below it."""
    todo = [item]
    while todo:
        step = todo.pop()
        yield step
        todo += reversed(step.steps)
