"""Literals in what is assigned to a name: wrapped, converted, a default, one of several.

What is compared is none, but what a comparison decides may be: `a == b ? "abc" : c`.

`Some("abc")`, `new String("abc")`, `os.getenv("DB_PASSWORD", "abc")`, `a or "abc"`,
`"abc" if a else "def"`, `${DB_PASSWORD:-abc}`
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import KEY, PASSWORD, strength
from otel_allure.redaction.no_secrets import BARE_LEAF, QUOTED, closes, is_no_value, looks_random
from otel_allure.redaction.places import MASK

Span = tuple[int, int]

_LONGEST = 300
_REPEATED = lazy(r"[ \t]*(?:\*|[=!]=|\r?\n[ \t]*in\b|(?:not )?in\b)")
"""Behind a literal that is repeated or compared."""
_TYPE = (
    r"(?:[&*]{0,2}(?:'\w{1,20} )?[A-Za-z_][\w.]{0,60}"
    r"(?:<[\w<>&' ,.\[\]]{1,60}>|\[[\w., |]{0,60}\])?[?!]?)"
)
_DECLARED = lazy(
    rf"(?:\\*['\"`]\]?[ \t]{{0,20}}|(?:\[\w{{0,10}}\])?[ \t]{{0,20}}"
    rf"(?:(?::|[aA][sS] )?[ \t]{{0,20}}{_TYPE}(?:\(\w{{1,10}}\)|(?: \| {_TYPE}){{0,3}})"
    r"[ \t]{0,20})?"
    r"(?:\{[ ]?get;[^{}'\"]{0,40}\}[ ]?)?)"  # of C#
    r"(?:=>|:=|<-|=(?!=)|:(?![:=]))[ \t]{0,20}(?:\\\r?\n[ \t]{0,20})?"
)
"""What is between a name and the expression of its value: a type, and a sign."""
_NEXT_PAIR = lazy(r":\r?\n[ \t]{0,20}[\w.-]{1,60}[ \t]{0,5}:")
"""Nothing of it, and a name on the line below."""
_TOKEN = lazy(
    r"(?P<string>(?:[bfruN]|br|rb)?(?:'(?:[^'\\\r\n]|\\[^\r\n])*'|\"(?:[^\"\\\r\n]|\\[^\r\n])*\"))"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<word>[A-Za-z_$@][\w$]*(?:(?:\.|::|->|\?\.)[A-Za-z_]\w*)*!?)"
    r"|(?P<compared>[=!<>]=|\bin\b)|(?P<operator>\|\||\?\?|\?:|[+?:|=&])"
    r"|(?P<end>,|;|\r?\n)|(?P<bare>[^\s()\[\]{},;'\"]+)"
)
_WRAPPERS = lazy(
    r"(?:.*[.:>])?(?:[A-Z]\w*|any|box|bytes|bytearray|byte|cast|encode|from|just|literal|lit|new|of|of_?[nN]ullable"
    r"|optional|ptr|quote|str|string|to_?[sS]tring|unwrap|value|value_?[oO]f|text|secret\w*|to_?[oO]wned)\Z"
)
"""Calls that show or convert what they are given."""
_LOOKUPS = lazy(
    r"(?:.*[.:>])?(?:coalesce|config|dig|env|environ|fetch|get\w*|ifnull|nvl|option|pop|setdefault)\Z",
    re.IGNORECASE,
)
"""Calls whose first argument is a name, and others a default."""
_DEFAULTS = lazy(
    r"(?:.*[.:>])?(?:default|or_?else|unwrap_or|value_or|or_?default|fallback)\Z", re.IGNORECASE
)
_VALUE_KEYS = lazy(
    r"(?:default\w*|fallback|initial|raw|secret\w*|value|plain\w*|_?\w*password|token)\Z"
)
_NO_CALLS = lazy(
    r"(?:.*[.:>])?(?:Col\w*|\w*Field|Field|Depends|Header|Cookie|Query|Form|Input\w*|Label\w*|Regex\w*"
    r"|[Gg]et[Pp]ass|input|prompt|\w*Error|\w*Exception|Path|Token|TypeVar|NewType)\Z"
)
"""Calls that look like a wrapper and take a name, or a text for people."""
_JOINED = lazy(r"[ \t]*(?:\+(?!=)|\|\||\?\?|(?:or|if)\b)")
_IN_SHELL = lazy(
    r":?[-=](?P<secret>[^{}\s]{1,200})\}|:(?P<default>[^{}\s?+-][^{}\s]{0,200})\}"
    r"|\}['\"]?[ ][!=]?=[ ](?P<compared>'[^'\r\n]{1,200}'|\"[^\"\r\n]{1,200}\")"
    r"|\}(?:[ ]{2,20}|\t)(?P<cell>[^\s$]\S{2,200})[ \t]*(?=\r?\n|$)"  # of the Robot Framework
)
_SHOWN = lazy(r"<\w*(?:Secret|Password|Token|Key)\w*:? (?P<secret>[^<>\s]{4,200})>")


@dataclass(slots=True)
class _Call:
    """Brackets that are open: what they belong to, and which argument comes next."""

    name: str
    number: int = 0
    key: str = ""


def find(text: str, stop: int, name: str, end: int) -> Iterator[Span]:
    """Yield the values in the expression that is assigned to a name, which ends at `stop`.

    Nothing from `end` on belongs to it.
    """
    sign = _DECLARED.match(text, stop)
    is_bracket = (
        sign is not None
        and not text.startswith("[]", sign.end())
        and text[sign.end() : sign.end() + 1] in ("", "(", "{", "[")
    )
    if sign is None or text.startswith(MASK, sign.end()):
        return
    if _NEXT_PAIR.match(text, sign.end() - 1):
        return
    if not is_bracket and not closes(text, sign.end()):
        shown = _SHOWN.match(text, sign.end())
        if shown is not None and not is_no_value(name, BARE_LEAF, shown["secret"]):
            yield shown.span("secret")
        else:
            yield from literals(text, sign.end(), name, end=end)


def in_shell(text: str, stop: int, name: str) -> Iterator[Span]:
    """Yield the default in `${NAME:-abc}`, or what `${NAME}` is compared with, or set to.

    The name ends at `stop`.
    """
    match = _IN_SHELL.match(text, stop)
    if match is not None:
        group = str(match.lastgroup)
        is_likely = group != "cell" or looks_random(match[group])
        if is_likely and not is_no_value(name, QUOTED, match[group].strip("'\"")):
            yield match.span(group)


def more(text: str, at: int, name: str) -> Iterator[Span]:
    """Yield the other values in an expression, of which the first literal ends at `at`."""
    if _JOINED.match(text, at):
        yield from literals(text, at, name, "string")


def literals(
    text: str, at: int, name: str, last: str = "operator", end: int = sys.maxsize
) -> Iterator[Span]:
    """Yield the places of what is a value of `name` in an expression from `at`, before `end`."""
    calls: list[_Call] = []
    word = ""
    for token in _TOKEN.finditer(text, at, min(at + _LONGEST, end)):
        kind = str(token.lastgroup)
        if kind == "string":
            if not _REPEATED.match(text, token.end()) and _is_value(
                token[0], name, calls, word if last == "word" else last
            ):
                yield token.span()
        elif kind == "open":
            calls.append(_Call(word if last == "word" else ""))
        elif kind == "close":
            if not calls:
                return
            calls.pop()
        elif kind == "end":
            if not calls and not (last == "operator" and token[0] != ","):
                return
            if calls and token[0] == ",":
                calls[-1] = _Call(calls[-1].name, calls[-1].number + 1)
            continue
        elif kind == "operator":
            if not calls and token[0] == "=":
                return
            if calls and token[0] in "=:" and last == "word":
                calls[-1].key = word
        elif kind == "bare" or (kind == "word" and calls):
            is_first = len(calls) == 1 and last == "open"
            if is_first and _is_alone(text, token, calls[0], name):
                yield token.span()
        word, last = (token[0] if kind == "word" else word), kind
        if kind == "word" and token[0] in ("or", "else", "new"):
            last = "operator" if token[0] != "new" else "new"


def _is_value(literal: str, name: str, calls: list[_Call], before: str) -> bool:
    inner = literal.lstrip("bfruN")[1:-1]
    if not inner or is_no_value(name, QUOTED, inner):
        return False
    if not calls:
        return before == "operator" or bool(_WRAPPERS.match(before))
    call = calls[-1]
    if call.key:
        return _VALUE_KEYS.match(call.key) is not None
    if not call.name or _NO_CALLS.match(call.name):
        return False
    if _DEFAULTS.match(call.name):
        return True
    if _LOOKUPS.match(call.name):
        return call.number > 0
    if _WRAPPERS.match(call.name):
        return call.number == 0
    return strength(name) in (PASSWORD, KEY) and looks_random(inner)


def _is_alone(text: str, token: re.Match[str], call: _Call, name: str) -> bool:
    """Whether it is all that is in the brackets: `Some(abc)`, `Optional[abc]`."""
    is_shown = call.name in (
        "Some",
        "Ok",
        "Just",
        "Optional",
        "Option",
        "Secret",
        "SecretStr",
        "Str",
    )
    behind = text[token.end() : token.end() + 1]
    return is_shown and behind in (")", "]") and not is_no_value(name, BARE_LEAF, token[0])
