"""Values behind a space, a word, or on the lines below a name: in configuration, in sentences.

Most of what stands behind a space is no secret, so there a value has to look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import KEY, PASSWORD, strength
from otel_allure.redaction.no_secrets import (
    LISTED,
    QUOTED,
    is_message,
    is_no_value,
    is_none,
    is_nothing,
    looks_random,
)
from otel_allure.redaction.pair_forms import OF_CODE
from otel_allure.redaction.places import MASK

Span = tuple[int, int]

_SOME = 60
_DEEPEST = 200
"""Columns from which on a name is not looked at as one of YAML."""
_FILLERS = (
    r"(?:are|as|assigned|been|changed|created|currently|default"
    r"|(?:for|für|för|para|pour|voor) (?:the |user )?\S{1,60}|found|from \S{1,60}|generated|has"
    r"|have|initial|is|new|not|now|of \S{1,60}|plain|provided|received|rejected|reset"
    r"|sent|set|temporary|to|updated|used|user|value|was|were|will|be|with|[05789]"
    r"|\([A-Za-z -]{1,40}\)|\S{1,60}@\S{1,60})"
)
"""Words between a name and its value in a sentence."""
_SAID = lazy(
    rf"['\"`*_)\]]{{0,3}}(?P<between>(?:[ \t]+{_FILLERS}){{0,6}})"
    r"(?P<sign>[ \t]*(?::\*\*|[:=]|--|=>)(?=[ \t])|(?<=[A-Za-z0-9_)])|(?<=['\"`*_)\]]))"
    r"(?:[ \t]+|\[(?=['\"]))(?:<(?:b|code|em|i|kbd|span|strong)>)?"
    r"(?:(?P<quote>\\*['\"`])(?P<quoted>(?:(?!(?P=quote))(?:\\[^\r\n]|[^\\\r\n])){3,200})(?P=quote)"
    r"|[\[(<]['\"]?(?P<held>[^\s'\"`<>()\[\]]{4,200})['\"]?[\])>]"
    rf"|(?P<bare>(?![\[({{*-])(?:(?!{OF_CODE})[^\s'\"`,;<>]){{3,200}}))"
    rf"(?=[\s,;)\]}}'\"\\<>]|[.!]?(?:\s|$)|\d{{1,3}}\]|{OF_CODE})",
    re.ASCII,
)
_OF_A_LANGUAGE = lazy(
    r"(?:expected|illegal|missing|next|parse|stray|unexpected|unknown)\s+\Z",
    re.IGNORECASE,
)
"""What is before a token of a lexer."""
_CELL = lazy(r"[ \t]*[|│║][ \t]*(?P<secret>[^\s|│║]{3,200})[ \t]*(?:[|│║]|$|\r|\n)")
_LOUD = lazy(
    r"(?:^|[\s'\"#])(?:ENV|ARG|SetEnv|fastcgi_param|setenv|define|proxy_set_header|set -\w*x\w*)"
    r"[ \t]+\Z"
)
_CODE = lazy(r"(?:otp|pin|passcode|cvv|codes?)\Z", re.IGNORECASE)
_DIGITS = lazy(r"\d{4,8}")
_SAYS = lazy(r"\b(?:are|as|is|set|to|was|will be|with|[05789])\Z")
_MANY_DIGITS = lazy(r"\d{6,12}")
_ALONE = lazy(
    r"(?P<text>[^\r\n:]{0,60}:)?[ \t]{0,10}\r?\n(?:[ \t]{0,10}\r?\n)?[ \t]{0,10}"
    r"(?P<secret>[^\s:,;|=]{6,200})"
    r"[ \t]{0,10}(?:\r?\n|$)"
)
"""A value on a line of its own."""
"""Words of configurations after which a name is always followed by its value."""
_BELOW = lazy(
    r"\\?['\"]?[ \t]{0,40}:[ \t]{0,40}(?P<sign>[|>][+-]?\d?)?[ \t]{0,40}\r?\n"
    r"(?=(?P<indent>[ \t]*)(?P<item>- )?\S)"
)
_LINE = lazy(r"(?P<indent>[ \t]*)(?P<item>- )?(?P<value>[^\r\n]*)\r?\n?")
_HOLDS = lazy(r"(?:\w+[._-])?(?:credentials|secrets|passwords|tokens)", re.IGNORECASE)
_MEMBER = lazy(
    r"(?P<indent>[ \t]+)(?:(?P<default>default|example|value)|[\w.-]+):[ \t]+"
    r"(?P<value>[^\s#][^\r\n]*)(?:\r?\n|$)",
    re.IGNORECASE,
)
_MAPPING = lazy(r"[\w.\"'-]+[ \t]*(?::(?:\s|$)|=)|[#%{\[]")


def said(text: str, begin: int, stop: int, name: str) -> Iterator[Span]:
    """Yield the place of what is said of a name that stands from `begin` to `stop`."""
    cell = _CELL.match(text, stop)
    match = _SAID.match(text, stop) if cell is None else None
    if cell is not None and _is_likely(name, cell["secret"]):
        yield cell.span("secret")
    if match is None or _is_of_a_lexer(text, begin, name):
        return
    group = str(match.lastgroup)
    value = match[group]
    if is_nothing(name, value) or MASK in value or (group == "quoted" and is_message(value)):
        return
    bare = value.rstrip(".!?:") if group == "bare" else value
    is_likely = _is_likely(name, bare) and (not match["between"] or _says(match))
    if is_likely or _is_said(text, begin, match, name):
        start = match.start(group)
        yield start, start + len(bare)


def _says(match: re.Match[str]) -> bool:
    """Whether what is between a name and a value says that it is one."""
    return bool(match["sign"].strip() or _SAYS.search(match["between"]))


def _is_likely(name: str, value: str) -> bool:
    """Whether a value looks like one, wherever it stands; digits do for a password."""
    return looks_random(value) or (
        strength(name) in (PASSWORD, KEY) and _MANY_DIGITS.fullmatch(value) is not None
    )


def _is_said(text: str, begin: int, match: re.Match[str], name: str) -> bool:
    """Whether what stands between a name and its value says that it is one."""
    value = match["quoted"] or match["bare"] or match["held"]
    says = _says(match)
    if _LOUD.search(text, max(0, begin - _SOME), begin):
        return True
    if _CODE.search(name) and says and _DIGITS.fullmatch(value.rstrip(".!?:")):
        return True
    # `password is 'abc'`, `Password is: abc` at the end of a line
    is_end = text[match.end() : match.end() + 1] in ("", "\r", "\n") and match["sign"]
    return (
        strength(name) == PASSWORD
        and bool(match["quoted"] or (is_end and match["bare"] and match["between"]))
        and says
        and not is_no_value(name, QUOTED, value)
    )


def _is_of_a_lexer(text: str, begin: int, name: str) -> bool:
    before = max(0, begin - _SOME)
    return name.lower() == "token" and _OF_A_LANGUAGE.search(text, before, begin) is not None


def below(text: str, begin: int, stop: int, name: str) -> Iterator[Span]:
    """Yield the values of a name, as YAML has it, on the lines below."""
    head = _BELOW.match(text, stop)
    if head is None:
        alone = _ALONE.match(text, stop)
        # `pass` alone is a statement.
        first = text[max(0, text.rfind("\n", 0, begin)) : begin]
        is_alone = alone is not None and (alone["text"] or (not first.strip() and name != "pass"))
        if alone is not None and is_alone and looks_random(alone["secret"]):
            yield alone.span("secret")
        return
    deepest = max(0, begin - _DEEPEST)
    line = text.rfind("\n", deepest, begin) + 1
    before = text[line or deepest : begin]
    is_key = not before.strip(" \t-\"'") and (line or not deepest)
    if not is_key and not head["sign"]:
        item = _LINE.match(text, head.end())
        value = item["value"].strip() if item is not None else ""
        if item is not None and " " not in value and looks_random(value):
            yield item.span("value")
        for member in _members(text, head.end(), 0):
            if member["default"] and looks_random(member["value"]):
                yield member.span("value")
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
            if not is_no_value(name, LISTED, item["value"]):
                yield from _value(text, item, name)
            at = item.end()
    elif is_deeper and _HOLDS.fullmatch(name):
        for member in _members(text, head.end(), indent):
            if looks_random(member["value"].strip("'\"")):
                yield member.span("value")
    elif is_deeper and (values := [m for m in _members(text, head.end(), indent) if m["default"]]):
        for member in values:
            yield from _value(text, member, name)
    elif is_deeper and (item := _LINE.match(text, head.end())):
        yield from _value(text, item, name)


def _members(text: str, at: int, indent: int) -> Iterator[re.Match[str]]:
    """Yield the members of a mapping whose lines are deeper than `indent`."""
    while (line := _MEMBER.match(text, at)) and len(line["indent"]) > indent:
        yield line
        at = line.end()


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
