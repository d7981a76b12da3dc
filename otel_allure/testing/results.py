"""For tests of what makes Allure results: read a directory of them, build spans with fixed ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Results:
    """What is in a directory of Allure results.

    Attributes:
        results: test results, as their JSON has them, by start.
        containers: fixture containers, by start.
        globals: what belongs to the run.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.results = self._read("result")
        self.containers = self._read("container")
        self.globals = self._read("globals")

    def _read(self, kind: str) -> list[dict[str, Any]]:
        files = self.directory.glob(f"*-{kind}.json")
        items = [json.loads(path.read_text("utf-8")) for path in files]
        return sorted(items, key=lambda item: (item.get("start", 0), str(item.get("name"))))

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return the one result of this name.

        Raises:
            LookupError: if there is none, or more than one.
        """
        found = [result for result in self.results if result["name"] == name]
        if len(found) != 1:
            names = [result["name"] for result in self.results]
            raise LookupError(f"{len(found)} results named {name!r} among {names}")
        return found[0]

    def body(self, attachment: dict[str, Any]) -> str:
        """Return the text of an attachment."""
        source: str = attachment["source"]
        return (self.directory / source).read_text("utf-8")

    def fixtures_of(self, result: dict[str, Any], kind: str = "befores") -> list[dict[str, Any]]:
        """Return the `befores` or `afters` of a result, from all containers, by start."""
        containers = [c for c in self.containers if result["uuid"] in c["children"]]
        fixtures = [fixture for c in containers for fixture in c.get(kind, ())]
        return sorted(fixtures, key=lambda fixture: fixture["start"])


def tree(item: dict[str, Any]) -> Any:
    """Return the names below a result or step: strings, and `{name: [...]}` where there is more.

    Steps come first, then attachments in brackets, as the report tools show them. A status other
    than `passed` is a prefix, as in `failed: name`.
    """
    rows: list[Any] = []
    for step in item.get("steps", ()):
        status = step.get("status")
        name = step["name"] if status == "passed" else f"{status}: {step['name']}"
        below = tree(step)
        rows.append({name: below} if below else name)
    return rows + [f"[{a['name']}]" for a in item.get("attachments", ())]


def steps(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every step below a result, depth first."""
    for step in item.get("steps", ()):
        yield step
        yield from steps(step)
