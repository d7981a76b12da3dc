"""The tables of docs/spans.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otel_allure.model.settings import DEFAULTS, SPAN_ERRORS
from otel_allure.presentation import http_exchange, sql
from otel_allure.presentation.domains import graphql
from otel_allure.presentation.domains.table import DOMAINS
from otel_allure.presentation.errors import SERVER_CODES
from otel_allure.presentation.presentation import Presentation
from otel_allure.testing.spans import build_span

TEXT = (Path(__file__).parent.parent / "docs" / "spans.md").read_text("utf-8")


def table(heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table below a heading, by their first cell."""
    below = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in below.splitlines()
        if line.startswith("|")
    ]
    return {cells[0]: cells[1:] for cells in rows[2:]}


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_domains():
    """In their order."""
    assert list(table("Titles, parameters, attachments")) == [domain.name for domain in DOMAINS]


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_parameters(domain):
    cell = table("Titles, parameters, attachments")[domain.name][1]
    assert cell.split(", ") == [name for name, _ in domain.parameters]


def test_kinds_of_errors():
    rows = table("Which errors colour a step")
    assert {code(name)[0] for name in rows} == set(SPAN_ERRORS)
    by_default = {code(name)[0] for name, cells in rows.items() if cells[1] == "yes"}
    assert by_default == set(DEFAULTS.span_errors)
    assert set(code(rows["`5xx`"][0])) == SERVER_CODES


def test_attributes_of_bodies():
    named = {name for row in table("Headers and bodies") for name in code(row)}
    for part in ("request", "response"):
        assert {name.format(part) for name in (*http_exchange.BODY, *http_exchange.SIZE)} <= named
    assert {f"{sql.PARAMETER}<name>", sql.PARAMETERS, f"{graphql.VARIABLES}<name>"} <= named


def test_hook():
    """What it sets is in the exchange."""
    (snippet,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    instrumentor = Instrumentor()
    exec(snippet, {"RequestsInstrumentor": lambda: instrumentor})
    span = Span()
    instrumentor.response_hook(span, Message("what was asked"), Message("what came back"))
    attributes = {"http.method": "POST", "http.url": "http://shop/", **span.attributes}
    shown = build_span("POST", 1, kind="client", attributes=attributes)
    (document,) = Presentation().documents(shown)
    assert "what was asked" in document.body
    assert "what came back" in document.body


class Instrumentor:
    """Takes hooks, as `RequestsInstrumentor` does."""

    def instrument(self, response_hook) -> None:
        self.response_hook = response_hook


class Span:
    """Takes attributes, as a span does."""

    def __init__(self) -> None:
        self.attributes: dict[str, object] = {}

    def set_attribute(self, name: str, value: object) -> None:
        self.attributes[name] = value


class Message:
    """A request or a response of the `requests` package."""

    def __init__(self, text: str) -> None:
        self.body = text.encode()
        self.text = text
