"""Names and values in a text that has no other structure: what is assigned, listed, given, said.

A name is looked for at the places of its end, which is one of a few words: `str.find` passes over
a text some hundred times as fast as an expression does. What comes after it is matched there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import ascii_letters, digits

from otel_allure.redaction import expressions
from otel_allure.redaction.brackets import Brackets
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import ENDS, OTHER_ENDS, SECOND_WORDS, SPACED, Names
from otel_allure.redaction.no_secrets import closes, is_none, is_nothing, is_placeholder
from otel_allure.redaction.pair_forms import (
    ANY_NAME,
    ANY_VALUE,
    FORMS_BEHIND,
    LONG,
    QUERY_NAME,
    QUERY_VALUE,
    REST,
    VALUE_BEFORE,
)
from otel_allure.redaction.phrases import below, said
from otel_allure.redaction.places import FRAGMENT, Place, rule_of

_LONGEST_NAME = 100
_LONGEST_START = 20
_LONGEST_VALUE = 2_100
_SOME = 60
"""Characters behind a value that tell whether it is a part of a sentence."""
_LONGEST_WORD = 16
_NAME_CHARACTERS = frozenset(f"{ascii_letters}{digits}_.:[]-")
_REST_OF_NAME = lazy(r"\.(?:id|key)\b|[\w-]{0,40}", re.ASCII)
_IN_SHELL = ("} =", "}  ", "}\t", '}" ', "}' ", "} !")
_HEADERS = ("authorization", "cookie")
_TO = lazy(r"\s*->\s*(?P<secret>'[^'\r\n]*'|\"[^\"\r\n]*\")")
_DECLARED_BEHIND = frozenset("=: \t[]'\"<")
_ENDS_OF_VALUES = frozenset("'\")> .=#`")
_FRAGMENT = lazy(FRAGMENT)
_LONGEST_SIGN = 12
_IS_EQUAL = lazy(
    r"(?P<quote>['\"])(?:[ ]?[!=]==?[ ]?|(?P<alias>\s{1,4}as\s{1,4}[\"`\[]?))\Z", re.IGNORECASE
)
_BRACED = lazy(r"\{[^{}'\",=]*\}")


def find(text: str, lowered: str, names: Names, needles: frozenset[str]) -> Iterator[Place]:
    """Yield the values after names of secrets, wherever these are.

    Args:
        text: anything.
        lowered: the same in small letters.
        names: which are those of secrets.
        needles: the ends of names that are in it; others do not matter.
    """
    brackets = Brackets(text)
    for ends, are_enough in ((ENDS, True), (OTHER_ENDS, False)):
        for needle in filter(needles.__contains__, ends):
            at = lowered.find(needle)
            while at >= 0:
                end = at + len(needle)
                for place in _after_name(text, end, are_enough, names, brackets):
                    yield place
                    end = max(end, place.end)
                at = lowered.find(needle, end)
    for line in names.lines_in(lowered, needles) if "=" in text else ():
        yield from _in_query(text, line, names, brackets)
    if names.are_any and ("=" in text or ":" in text):
        yield from _named(text, names, brackets)


def _after_name(
    text: str, end: int, is_enough: bool, names: Names, brackets: Brackets
) -> Iterator[Place]:
    """Yield the places of the values after a name, of which an end is before `end`."""
    rest = _REST_OF_NAME.match(text, end)
    assert rest is not None  # it may be empty
    stop = rest.end()
    behind = text[stop : stop + 1]
    if behind and behind not in FORMS_BEHIND and not text.startswith(_IN_SHELL, stop):
        return  # nearly always
    name = _name_before(text, end, stop)
    begin = stop - len(name)
    bare = name.lstrip("-:.[").replace(" ", "_")
    if not _is_name(bare, is_enough and not rest[0].strip("0123456789"), names):
        return
    is_bracket = text[stop + 1 : stop + 3].lstrip()[:1] in ("[", "(", "{")
    if behind in (":", "=") and not is_bracket and bare.lower().endswith(_HEADERS):
        return  # those of `credentials`
    before = text[max(0, begin - _LONGEST_START) : begin].lower()
    rule = rule_of(bare)
    if before.endswith("${"):
        for span in expressions.in_shell(text, stop, bare):
            yield Place(*span, rule)
        return
    match = _first_match(text, name, stop, before)
    found = match is not None and list(_value(text, name, stop, match, before, brackets))
    if found:
        yield from found
        if text[found[-1].end - 1] in "'\"":
            for span in expressions.more(text, found[-1].end, bare):
                yield Place(*span, rule)
    elif behind in _DECLARED_BEHIND and before[-1:] != "<":
        for span in expressions.find(text, stop, bare, _closing(text, before, stop)):
            yield Place(*span, rule)
    if behind and (match is None or match["secret"][:1] in "*_`"):
        for span in (*said(text, begin, stop, bare), *below(text, begin, stop, bare)):
            yield Place(*span, rule)
    if before[-1:] in _ENDS_OF_VALUES:
        yield from _before_name(text, begin, rule)
        yield from _compared(text, begin, bare)


def _closing(text: str, before: str, stop: int) -> int:
    """Return where the literal ends that begins with a name: `"password: too short"`."""
    quote = before[-1:]
    is_literal = quote in ("'", '"') and text[stop : stop + 1] != quote
    return text.find(quote, stop) % (len(text) + 1) if is_literal else len(text)


def _first_match(text: str, name: str, stop: int, before: str) -> re.Match[str] | None:
    """Return what a value that is assigned or listed looks like, if one is behind the name."""
    for start, form in FORMS_BEHIND.get(text[stop : stop + 1], ()):
        if not start or name.startswith(start) or before.endswith(start):
            match = form.match(text, stop)
            if match is not None:
                return match
    return None


def _before_name(text: str, begin: int, rule: str) -> Iterator[Place]:
    first = max(0, begin - _LONGEST_VALUE)
    if all(text.find(sign, first, begin) < 0 for sign in ("'", '"', "value:")):
        return
    for word, form in VALUE_BEFORE:
        at = text.rfind(word, first, begin)
        match = form.match(text, at, begin) if at >= 0 else None
        if match is not None and match.end() == begin:
            yield Place(*match.span("secret"), rule)


def _compared(text: str, begin: int, name: str) -> Iterator[Place]:
    """Yield the literal that a name is compared with, or given: `"abc" == password`, SQL's `AS`."""
    sign = _IS_EQUAL.search(text, max(0, begin - _LONGEST_SIGN), begin)
    if sign is None:
        return
    end = sign.start() + 1
    first = max(0, begin - _LONGEST_VALUE, text.rfind("\n", 0, begin))
    if sign["alias"] and "select" not in text[first:begin].lower():
        return
    start = text.rfind(sign["quote"], first, end - 1)
    after = text[begin + len(name) : begin + len(name) + _SOME]
    if start >= 0 and not is_none(name, "==", text[start:end], after):
        yield Place(start, end, rule_of(name))


def _name_before(text: str, end: int, stop: int) -> str:
    """Return the whole name, of which an end is before `end`, and which itself ends at `stop`."""
    begin = end
    first = max(0, end - _LONGEST_NAME)
    while begin > first and (
        text[begin - 1] in _NAME_CHARACTERS
        or (text[begin - 1] > "\x7f" and text[begin - 1].isalnum())
    ):
        begin -= 1
    begin = _without_bracket(text, begin, end)
    if text[begin - 1 : begin] == " " and text[begin:stop].lower() in SECOND_WORDS:
        spaced = SPACED.search(text, max(0, begin - _LONGEST_WORD), stop)
        if spaced is not None:
            return spaced[0]
    return text[begin:stop]


def _without_bracket(text: str, begin: int, end: int) -> int:
    """Return where a name begins, if a bracket in it is not closed: `list[Token`."""
    bracket = text.rfind("[", begin, end)
    return bracket + 1 if bracket > begin and text.find("]", bracket, end) < 0 else begin


def _is_name(name: str, ends_like_one: bool, names: Names) -> bool:
    return names.ends_sensitive(name) if ends_like_one else names.is_sensitive(name)


def _value(
    text: str, name: str, stop: int, match: re.Match[str], before: str, brackets: Brackets
) -> Iterator[Place]:
    """Yield the place of a value of `name`, which ends at `stop`; nothing if it is none."""
    begin, end = match.span("secret")
    operator = text[stop:begin]
    if before[-1:] in ("?", "&"):  # the fragment of a URL
        fragment = _FRAGMENT.search(text, begin, end)
        end = end if fragment is None else fragment.start()
    rule = rule_of(name.lstrip("-:.[").replace(" ", "_"))
    is_header = name.lower().endswith(_HEADERS) and text[begin] not in "[({"
    if is_header and operator.strip("\\'\"`] \t") in (":", "=", "=>", ":="):
        return  # those of `credentials`
    if before.endswith("//") and "@" in text[begin:end]:
        return  # https://token:...@host
    if match.groupdict().get("called") is not None:
        yield from _leaves(brackets, Place(text.rfind("(", stop, begin), end, rule))
    elif text[begin] in "[({":
        if before[-1:] == "[" and text[stop : stop + 1] == "]":
            return  # tokens: list[Token] = [...]
        if _BRACED.match(text, begin) is None and operator.strip():
            yield from _leaves(brackets, Place(begin, end, rule))
    elif closes(text, begin):
        return
    elif operator == ":" and ":" in name.strip(":"):
        return  # arn:aws:...:secret:name
    elif not is_none(name, operator, text[begin:end], text[end : end + _SOME], before):
        is_held = before[-1:] == "<" and text[end - 1] == ">" and end - begin > 1  # <Token: abc>
        yield Place(begin, end - 1 if is_held else _whole(text, begin, end), rule)
        if (changed := _TO.match(text, end)) is not None:
            yield Place(*changed.span("secret"), rule)


def _whole(text: str, begin: int, end: int) -> int:
    """Return where a long value ends, of which only some was looked at."""
    rest = REST.match(text, end) if end - begin >= LONG else None
    return rest.end() if rest is not None and text[begin] not in "'\"" else end


def _leaves(brackets: Brackets, place: Place) -> Iterator[Place]:
    """Yield the places of the values in what is in brackets."""
    for start, end in brackets.leaves(place.start, place.rule.removeprefix("name ")):
        yield Place(start, end, place.rule)


def _in_query(
    text: str, line: tuple[int, int], names: Names, brackets: Brackets
) -> Iterator[Place]:
    start, end = line
    before = start
    while before and text[before - 1].isspace():
        before -= 1
    if text[before - 1 : before] in ("&", ";"):  # the line goes on with what is behind it
        start = before - 1
    # Values are not passed over: the one of a name that is not sensitive may be a URL.
    for match in QUERY_NAME.finditer(text, start, end):
        name = match["name"]
        value = QUERY_VALUE.match(text, match.end()) if names.is_sensitive(name) else None
        if value is None:
            continue
        begin, end = value.span("secret")
        behind = text[end : end + _SOME]
        is_query = match[0][0] in "?&#" or behind[:1] == "&"
        if not is_query and ("(" in value["secret"] or value["secret"][0] == "="):
            continue  # auth=BasicAuth(login='bob', ...)
        nothing = (
            is_placeholder(value["secret"]) or is_nothing(name, value["secret"])
            if is_query
            else is_none(name, "=", value["secret"], behind)
        )
        place = Place(begin, _whole(text, begin, end), rule_of(name))
        if value["secret"] in ("[", "(", "{"):
            yield from _leaves(brackets, place)
        elif not nothing:
            yield place


def _named(text: str, names: Names, brackets: Brackets) -> Iterator[Place]:
    done = 0
    for match in ANY_NAME.finditer(text):
        name = match["name"]
        if match.start() < done:
            continue
        value = ANY_VALUE.match(text, match.end()) if names.is_sensitive(name) else None
        if value is None:
            continue
        place = Place(*value.span("secret"), rule_of(name))
        done = place.end
        if value["secret"] in ("[", "(", "{"):
            yield from _leaves(brackets, place)
        elif not is_nothing(name, value["secret"]):
            yield place
