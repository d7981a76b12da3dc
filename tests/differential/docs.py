"""The tables -> `docs/allure-pytest.md`, between its marks; run as a module it writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.differential.differences import DIFFERENCES, GAP
from tests.differential.features import FEATURES


def _table(*rows: Iterable[str]) -> str:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    columns = head.count("|") - 1
    return "\n".join([head, "|" + "---|" * columns, *body])


def _tables() -> dict[str, str]:
    better = [(d.title, d.theirs, d.ours, d.why) for d in DIFFERENCES if d.why != GAP]
    gaps = [(d.title, d.theirs, d.ours) for d in DIFFERENCES if d.why == GAP]
    names = "allure-pytest", "otel-allure"
    return {
        "features": _table(("feature", *names), *(f[:3] for f in FEATURES)),
        "differences": _table(("where", *names, "why that is better"), *better),
        "gaps": _table(("where", *names), *gaps) if gaps else "Nothing that is known.",
    }


def updated(page: str) -> str:
    """Return the page with the tables as they are now."""
    for name, table in _tables().items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
        page = pattern.sub(lambda _: f"{begin}\n{table}\n{end}", page)
    return page


if __name__ == "__main__":
    path = Path(__file__).parents[2] / "docs" / "allure-pytest.md"
    path.write_text(updated(path.read_text("utf-8")), "utf-8")
