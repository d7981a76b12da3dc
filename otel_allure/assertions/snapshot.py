"""The spans of a test as text that is the same in each run: names and nesting only. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from otel_allure.assertions.view import View
from otel_allure.model.spans import Span

# What differs between two runs of the same test, and what stands in its place.
_VOLATILE = (
    (r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "{uuid}"),
    (r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?", "{time}"),
    (r"\b0x[0-9a-fA-F]+\b", "{address}"),
    (r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b", "{hex}"),
    (r"(?<=\w):\d{2,5}\b", ":{port}"),
    (r"(?<=/)\d+(?=/|$|\?| )", "{id}"),
    (r"\b\d{5,}\b", "{number}"),
)
_PATTERNS = [(re.compile(pattern), instead) for pattern, instead in _VOLATILE]


def tree_text(view: View, spans: Sequence[Span], replace: Mapping[str, str]) -> str:
    """Return the tree as text.

    Of siblings those that overlap are sorted by their text, as their order is up to chance; the
    others are in the order of their start. Equal ones that follow each other are one, with their
    number.

    Args:
        view: all of the trace.
        spans: those that are in the text.
        replace: regular expressions, and what stands in the place of what they match; applied
            before the replacements that are there always.
    """
    patterns = [(re.compile(pattern), instead) for pattern, instead in replace.items()] + _PATTERNS
    known = {span.span_id for span in spans}
    below: dict[int | None, list[Span]] = {}
    for span in spans:
        above = view.parent(span)
        here = above.span_id if above is not None and above.span_id in known else None
        below.setdefault(here, []).append(span)
    # From below to above, without recursion: the depth of a trace is up to others.
    texts: dict[int | None, list[str]] = {}
    order: list[int | None] = [None]
    for key in order:
        order += [span.span_id for span in below.get(key, ())]
    for key in reversed(order):
        its = [
            (each, _block(each, view, texts[each.span_id], patterns)) for each in below.get(key, ())
        ]
        texts[key] = [line for block in _folded(_sorted(its, view)) for line in block]
    return "\n".join(texts[None])


_Block = list[str]
"""A span's line and those of what is below it."""


def _block(
    span: Span, view: View, below: list[str], patterns: list[tuple[re.Pattern[str], str]]
) -> _Block:
    name = view.title(span)
    for pattern, instead in patterns:
        name = pattern.sub(instead.replace("\\", r"\\"), name)
    return [name, *(f"  {line}" for line in below)]


def _sorted(its: list[tuple[Span, _Block]], view: View) -> list[_Block]:
    """Return the blocks of siblings by start, and those that overlap by text."""
    ordered: list[_Block] = []
    together: list[_Block] = []
    last_ns = 0
    for span, block in its:
        if span.start_ns >= last_ns:
            ordered += sorted(together)
            together = []
        together.append(block)
        last_ns = max(last_ns, view.end_ns(span))
    return ordered + sorted(together)


def _folded(blocks: list[_Block]) -> list[_Block]:
    """Return the blocks, of equal ones that follow each other one."""
    folded: list[_Block] = []
    counts: list[int] = []
    for block in blocks:
        if folded and folded[-1] == block:
            counts[-1] += 1
        else:
            folded.append(block)
            counts.append(1)
    return [
        [f"{block[0]} ×{count}" if count > 1 else block[0], *block[1:]]
        for block, count in zip(folded, counts, strict=True)
    ]
