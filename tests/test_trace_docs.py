"""The page on assertions about traces says what they tell."""

from __future__ import annotations

from tests import trace_docs


def test_the_page_is_what_its_examples_tell():
    """If not: `python -m tests.trace_docs --write`."""
    assert trace_docs.page() == trace_docs.PAGE.read_text("utf-8")
