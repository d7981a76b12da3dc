"""Values behind a space, a word, or on the lines below a name: in configuration, in sentences.

Most of what stands behind a space is no secret, so there a value has to look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.no_secrets import (
    is_message,
    is_no_leaf,
    is_none,
    is_nothing,
    looks_random,
)
from otel_allure.redaction.places import MASK

Span = tuple[int, int]

_SOME = 60
_DEEPEST = 200
"""Columns from which on a name is not looked at as one of YAML."""
_SAID = lazy(
    r"(?:['\"]?[ \t]+(?P<is>(?:is|was|set to|with|as|to|for \S{1,60}(?: is)?)[ \t:]+|[=:][ \t]+)"
    r"|['\"]?[ \t]+|\[(?=['\"]))"
    r"(?:(?P<quote>\\*['\"`])(?P<quoted>[^'\"`\r\n]{3,200})(?P=quote)"
    r"|(?P<bare>(?![\[({])[^\s'\"`,;<>]{3,200}))(?=[\s,;)\]}'\"\\<]|[.!]?(?:\s|$))",
    re.ASCII,
)
_OF_A_LANGUAGE = lazy(
    r"(?:bad|expected|illegal|invalid|missing|next|parse|stray|unexpected|unknown)\s+\Z",
    re.IGNORECASE,
)
"""What is before a token of a lexer."""
_CELL = lazy(r"[ \t]*[|│][ \t]*(?P<secret>[^\s|│]{3,200})[ \t]*(?:[|│]|$|\r|\n)")
_LOUD = lazy(
    r"(?:^|[\s'\"#])(?:ENV|ARG|SetEnv|fastcgi_param|setenv|define|proxy_set_header|set -\w*x\w*)"
    r"[ \t]+\Z"
)
_CODE = lazy(r"(?:otp|pin|passcode|cvv)\Z", re.IGNORECASE)
_DIGITS = lazy(r"\d{4,8}")
"""Words of configurations after which a name is always followed by its value."""
_BELOW = lazy(
    r"\\?['\"]?[ \t]{0,40}:[ \t]{0,40}(?P<sign>[|>][+-]?\d?)?[ \t]{0,40}\r?\n"
    r"(?=(?P<indent>[ \t]*)(?P<item>- )?\S)"
)
_LINE = lazy(r"(?P<indent>[ \t]*)(?P<item>- )?(?P<value>[^\r\n]*)\r?\n?")
_MAPPING = lazy(r"[\w.\"'-]+[ \t]*(?::(?:\s|$)|=)|[#%{\[]")


def said(text: str, begin: int, stop: int, name: str) -> Iterator[Span]:
    """Yield the place of what is said of a name that stands from `begin` to `stop`."""
    cell = _CELL.match(text, stop)
    match = _SAID.match(text, stop) if cell is None else None
    if cell is not None and looks_random(cell["secret"]):
        yield cell.span("secret")
    if match is None or _is_of_a_lexer(text, begin, name):
        return
    value = match["quoted"] or match["bare"]
    if is_nothing(name, value) or MASK in value or (match["quoted"] and is_message(value)):
        return
    bare = value.rstrip(".!?:")
    is_loud = _LOUD.search(text, max(0, begin - _SOME), begin) is not None
    is_code = match["is"] and _CODE.search(name) and _DIGITS.fullmatch(bare)
    if is_loud or is_code or looks_random(bare):
        start, end = match.span("quoted" if match["quoted"] else "bare")
        yield start, end if match["quoted"] else start + len(bare)


def _is_of_a_lexer(text: str, begin: int, name: str) -> bool:
    before = max(0, begin - _SOME)
    return name.lower() == "token" and _OF_A_LANGUAGE.search(text, before, begin) is not None


def below(text: str, begin: int, stop: int, name: str) -> Iterator[Span]:
    """Yield the values of a name, as YAML has it, on the lines below."""
    head = _BELOW.match(text, stop)
    if head is None:
        return
    first = max(0, begin - _DEEPEST)
    line = text.rfind("\n", first, begin) + 1
    before = text[line or first : begin]
    is_key = not before.strip(" \t-\"'") and (line or not first)
    if not is_key and not head["sign"]:
        item = _LINE.match(text, head.end())
        value = item["value"].strip() if item is not None else ""
        if item is not None and " " not in value and looks_random(value):
            yield item.span("value")
        return
    indent = len(before) - len(before.lstrip(" \t"))
    is_deeper = len(head["indent"]) > indent
    if head["sign"] and is_deeper:
        yield from _block(text, head.end(), indent)
    elif head["item"] and len(head["indent"]) >= indent:
        at = head.end()
        while (item := _LINE.match(text, at)) and item["item"] and len(item["indent"]) >= indent:
            if _MAPPING.match(item["value"]):
                break
            if not is_no_leaf(item["value"], is_list=True):
                yield from _value(text, item, name)
            at = item.end()
    elif is_deeper and (item := _LINE.match(text, head.end())):
        yield from _value(text, item, name)


def _block(text: str, at: int, indent: int) -> Iterator[Span]:
    start = end = at
    while at < len(text) and (line := _LINE.match(text, at)):
        if line["value"] and len(line["indent"]) <= indent:
            break
        if line["value"]:
            start = line.start("value") if end == start else start
            end = line.end("value")
        at = line.end()
    if text[start:end].strip() not in ("", MASK):
        yield start, end


def _value(text: str, line: re.Match[str], name: str) -> Iterator[Span]:
    value = line["value"].rstrip()
    after = text[line.end("value") : line.end("value") + _SOME]
    if not value or MASK in value or _MAPPING.match(value):
        return
    first = value.partition(" ")[0]
    if not is_none(name, ": ", first, value[len(first) :] + after) and (
        first == value or value[0] in "'\""
    ):
        yield line.start("value"), line.start("value") + len(value)
