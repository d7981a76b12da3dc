"""A result as lines of text: the tree of its steps, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MARKS = {"passed": "✓", "failed": "✗", "broken": "!", "skipped": "-"}


def tree_lines(item: Mapping[str, Any], prefix: str = "", branch: str = "") -> Iterator[str]:
    """Yield a line for a result or step and each thing below it; `item` is as its JSON has it."""
    mark = _MARKS.get(str(item.get("status")), "?")
    duration = (item.get("stop") or 0) - (item.get("start") or 0)
    message = ((item.get("statusDetails") or {}).get("message") or "").strip().partition("\n")[0]
    yield f"{prefix}{branch}{mark} {item.get('name')}  {duration} ms" + (
        f"  ({message})" if message and item.get("status") != "passed" else ""
    )
    prefix += {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
    attachments = [f"[{a.get('name')}]" for a in item.get("attachments") or ()]
    rows: list[Any] = [*(item.get("steps") or ()), *attachments]
    for row in rows:
        branch = "└─ " if row is rows[-1] else "├─ "
        if isinstance(row, str):
            yield f"{prefix}{branch}{row}"
        else:
            yield from tree_lines(row, prefix, branch)


def all_steps(item: Any) -> Iterator[Any]:
    """Yield a model2 object and everything below it."""
    todo = [item]
    while todo:
        step = todo.pop()
        yield step
        todo += reversed(step.steps)
