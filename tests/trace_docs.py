"""The table of docs/trace-assertions.md, made by running its examples.

python -m tests.trace_docs --write
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from otel_allure.assertions.budgets import exceeded, words
from otel_allure.assertions.errors import InconclusiveError, TraceAssertionError, TraceUsageError
from otel_allure.assertions.live import Asked, Trace
from otel_allure.assertions.texts import failure_text
from otel_allure.assertions.view import View
from otel_allure.model import conventions as c
from otel_allure.model.spans import Span
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing import build_span

PAGE = Path(__file__).parent.parent / "docs" / "trace-assertions.md"
BEGIN, END = "<!-- made by tests/trace_docs.py -->\n", "<!-- until here -->\n"
MS = 1_000_000


def at(start: int, end: int) -> dict[str, Any]:
    return {"start_ns": start * MS, "end_ns": end * MS}


def _query(text: str, number: int, above: int, start: int) -> Span:
    asked = {"db.system.name": "postgresql", "db.query.text": text}
    times = at(start, start + 2)
    return build_span("query", number, above, kind="client", attributes=asked, **times)


def _call(method: str, path: str, number: int, start: int, end: int, status: int = 200) -> Span:
    asked = {"http.request.method": method, "url.path": path, "http.response.status_code": status}
    code = "error" if status >= 400 else "unset"
    return build_span(
        method, number, 2, kind="client", attributes=asked, status=code, **at(start, end)
    )


def _step(name: str, number: int, above: int, start: int, end: int) -> Span:
    return build_span(name, number, above, attributes={c.KIND: c.STEP}, **at(start, end))


SPANS = [
    build_span("test_checkout", 1, attributes={c.KIND: c.TEST}, **at(0, 400)),
    _step("checkout", 2, 1, 0, 390),
    _call("GET", "/stock", 3, 10, 60),
    _call("GET", "/price", 4, 70, 90),
    *(_query(f"SELECT * FROM lines WHERE id = {i}", 10 + i, 2, 100 + 3 * i) for i in range(6)),
    _step("reserve", 20, 2, 130, 180),
    _step("charge", 21, 2, 150, 300),
    _call("POST", "/pay", 22, 160, 290, 503),
    _step("send mail", 23, 2, 310, 320),
]
"""What the examples are asked of."""


class _Source:
    """The spans, as a running test has them."""

    def __init__(self) -> None:
        self._asked = Asked()

    def view(self, *, wider_fixtures: bool = False) -> View:
        return View(SPANS, Presentation())

    look = view

    def asked(self) -> Asked:
        return self._asked

    def services(self) -> set[str]:
        return {"shop"}

    def note(self, asked: str, text: str, offenders: Sequence[Span], *, is_soft: bool) -> None:
        """Nobody is told."""

    @contextmanager
    def block(self, title: str) -> Iterator[Any]:
        class Block:
            span_id = 2

            def fail(self, text: str, offenders: Sequence[Span]) -> None:
                """Nothing is marked."""

        yield Block()


EXAMPLES = {
    "How many": [
        'trace.span("send letter").exists()',
        'trace.span("send mail").absent()',
        'trace.http("GET /*").once()',
        "trace.sql.exactly(2)",
        "trace.http.at_least(5)",
        "trace.sql.at_most(3)",
        "trace.sql.between(1, 3)",
    ],
    "Of each": [
        'trace.http("POST /pay").status(200)',
        'trace.http.attribute("server.address", "shop")',
        'trace.sql.attribute("db.query.text", contains="UPDATE")',
        "trace.http.faster_than(0.1)",
    ],
    "Where": [
        'trace.http("POST /pay").parent("charge")',
        'trace.span("send mail").ancestor("charge")',
        'trace.sql.below("reserve").exists()',
        'trace.step("chekout").sql.at_most(3)',
    ],
    "All together": [
        "trace.http.total_faster_than(0.1)",
        "trace.http.share_at_most(0.25)",
        "trace.no_errors()",
        'trace.no_errors(but=["GET /stock"])',
        "trace.no_n_plus_one()",
    ],
    "Order and time": [
        'trace.in_order("reserve", "charge")',
        'trace.overlap("GET /stock", "GET /price")',
        'trace.no_overlap("reserve", "charge")',
        'trace.find("re*|charge*").at_most_at_once(1)',
    ],
    "Waiting": [
        'trace.wait_for("print receipt", timeout=0.01)',
        'trace.wait_for("process order", service="billing", timeout=0.01)',
        "trace.eventually(lambda: trace.sql.exactly(7), timeout=0.01)",
    ],
    "Budgets": [
        "@pytest.mark.budget(sql=3, http=2)",
        "with trace.budget(calls=5): ...",
    ],
    "What cannot be asked": [
        'trace.find(servce="shop")',
        "trace.sql.between(3, 1)",
        'trace.span("sned mail").absent()',
    ],
}
"""Each fails; by what is asked."""
EXAMPLES["Order and time"][-1] = 'trace.find(kind="internal").below("checkout").at_most_at_once(1)'


def text_of(example: str) -> str:
    """Return what is told where an example fails, by running it."""
    trace = Trace(_Source())  # type: ignore[arg-type]
    names = {"trace": trace}
    if example.startswith("@"):
        view = _Source().view()
        budget = eval(example.replace("@pytest.mark.budget", "dict"))
        failure = exceeded(budget, view.spans, view, 400 * MS)
        assert failure is not None
        return failure_text(f"budget({words(budget)})", failure, view)
    try:
        if example.startswith("with"):
            exec(example, names)
        else:
            eval(example, names)
    except (TraceAssertionError, InconclusiveError, TraceUsageError) as error:
        return str(error)
    raise AssertionError(f"{example} does not fail")


def _cell(text: str) -> str:
    """Return a text without its tree, as a cell of a table."""
    lines = text.partition("\n\n")[0].splitlines()
    return "<br>".join(f"`{line.replace('|', '¦')}`" for line in lines)


def table() -> str:
    """Return the table."""
    rows = ["| expected | what is told where it is not so |", "|---|---|"]
    for kind, examples in EXAMPLES.items():
        rows.append(f"| **{kind}** | |")
        rows += [f"| `{each}` | {_cell(text_of(each))} |" for each in examples]
    whole = text_of("trace.no_n_plus_one()")
    return "\n".join([*rows, "", "With its tree, a text is this:", "", "```text", whole, "```", ""])


def page() -> str:
    """Return the page with the table as it is now."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    if "--write" in sys.argv:
        PAGE.write_text(page(), "utf-8")
    else:
        print(table())
