"""Secrets in HTML and XML whose names are values of attributes, or elements beside them.

`<input name="token" value="abc">`, `<property name="password">abc</property>`,
`<key>password</key><string>abc</string>`
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import Names
from otel_allure.redaction.no_secrets import LEAF, is_no_value, looks_random
from otel_allure.redaction.places import MASK, Place, rule_of

_TAG = lazy(r"<(?P<tag>[A-Za-z][\w:.-]*)(?P<attributes>\s[^<>]{1,4000}?)/?>")
_ATTRIBUTE = lazy(
    r"(?P<name>[\w:.-]+)\s{0,10}=\s{0,10}"
    r"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'>]+))"
)
_NAMING = frozenset({"name", "key", "id", "property", "field", "http-equiv", "param", "header"})
_VALUES = frozenset({"value", "content", "data", "default"})
_BUTTONS = frozenset({"button", "image", "reset", "submit"})
"""Tags, and types of inputs, whose values only tell which was pressed."""
_HTML = frozenset(
    {
        *("a", "button", "code", "dd", "div", "dt", "em", "fieldset", "form", "h1", "h2", "h3"),
        *("label", "legend", "li", "option", "p", "section", "select", "small", "span", "strong"),
        *("table", "td", "th", "tr", "ul"),
    }
)
"""Elements whose texts are for people."""
_TEXT = lazy(
    r"\s{0,40}(?:<(?:\w+:)?(?:value|string)[^<>]{0,100}>\s{0,40}){0,2}(?:<!\[CDATA\[)?"
    r"(?P<secret>[^<>\]]*[^<>\s\]])(?=\s{0,40}(?:\]\]>)?\s{0,40}</)"
)
_LISTED_BESIDE = lazy(
    r"<(?P<tag>th|td|dt)[^<>]{0,200}>\s{0,40}(?P<name>[\w .:-]{1,60}?)\s{0,40}</(?P=tag)>\s{0,40}"
    r"<(?P<next>td|dd)[^<>]{0,200}>(?P<secret>[^<>]{1,500})</(?P=next)>",
    re.IGNORECASE,
)
_NAMED_BESIDE = lazy(
    r"<(?P<tag>(?:\w+:)?(?:name|key))>\s{0,40}(?P<name>[\w.:-]{1,100})\s{0,40}</(?P=tag)>"
    rf"{_TEXT.pattern.replace('{0,2}', '{1,2}', 1)}"
)
_PROPERTIES = lazy(  # of JMeter: <stringProp name="Header.name">X-Api-Key</stringProp>
    r"<(?P<tag>\w{1,40}) name=\"[\w.]{0,40}name\">(?P<name>[\w.-]{1,100})</(?P=tag)>\s{0,40}"
    r"<(?P=tag) name=\"[\w.]{0,40}value\">(?P<secret>[^<>]{1,4000})</",
    re.IGNORECASE,
)


def find(text: str, names: Names) -> Iterator[Place]:
    """Yield the values that a name in the same tag, or in the element before, makes secrets."""
    for tag in _TAG.finditer(text):
        yield from _of_tag(text, tag, names)
    for beside in (*_NAMED_BESIDE.finditer(text), *_PROPERTIES.finditer(text)):
        if names.is_sensitive(beside["name"]):
            yield from _place(beside["name"], beside, "secret")
    yield from _listed(text, names)


def _listed(text: str, names: Names) -> Iterator[Place]:
    for beside in _LISTED_BESIDE.finditer(text):
        name = beside["name"].strip(" :").replace(" ", "_")
        if names.is_sensitive(name) and looks_random(beside["secret"].strip()):
            yield from _place(name, beside, "secret")


def _of_tag(text: str, tag: re.Match[str], names: Names) -> Iterator[Place]:
    attributes = [
        (match["name"].lower(), match, str(match.lastgroup))
        for match in _ATTRIBUTE.finditer(text, *tag.span("attributes"))
    ]
    tags = [tag["tag"].rpartition(":")[2]]
    types = {match[group].lower() for name, match, group in attributes if name == "type"}
    if not _BUTTONS.isdisjoint({tag["tag"].lower(), *types}):
        return
    named = next(
        (n for n in (*_names(attributes), *tags) if n == "password" or names.is_sensitive(n)), None
    )
    if named is None:
        return
    for name, match, group in attributes:
        if name in _VALUES:
            yield from _place(named, match, group)
    if tag["tag"].lower() not in _HTML and not tag[0].endswith("/>"):
        content = _TEXT.match(text, tag.end())
        if content is not None:
            yield from _place(named, content, "secret")


def _names(attributes: list[tuple[str, re.Match[str], str]]) -> Iterator[str]:
    for name, match, group in attributes:
        if name in _NAMING or (name == "type" and match[group] == "password"):
            yield match[group]


def _place(name: str, match: re.Match[str], group: str) -> Iterator[Place]:
    value = match[group]
    if value and MASK not in value and not is_no_value(name, LEAF, value):
        yield Place(*match.span(group), rule_of(name))
