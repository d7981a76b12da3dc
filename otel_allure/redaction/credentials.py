"""Secrets that are told by what is around them and not by a name: in URLs, headers, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_allure.redaction.commands import ARGUMENTS, OPTIONS, Forms
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.no_secrets import is_placeholder
from otel_allure.redaction.pair_forms import QUOTED, STRING, UNMASKED, form
from otel_allure.redaction.places import MASK, Place

_HEADER = r"(?:(?<![a-z0-9])|(?<=\\n))(?:authorization|cookie)"


def _header_within(quote: str, end: str = "") -> re.Pattern[str]:
    """Return a header that is quoted, or in brackets, as a whole: that ends it."""
    return form(
        rf"(?<={quote})(?:authorization|cookie)[ \t]*[=:][ \t]*"
        rf"(?P<secret>(?:(?!\\[rn])[^{end or quote}\r\n])+)"
    )


_HEADERS = (
    _header_within('"'),
    _header_within("'"),
    _header_within("`"),
    _header_within(r"\(", r"\)"),
    _header_within(r"\[", r"\]"),
    _header_within(r"\{", r",}"),
    form(rf"{_HEADER}\\*['\"]\]?[ \t]*[=:]{UNMASKED}[ \t]*(?P<secret>{QUOTED}|[^\r\n]+)"),
    form(
        rf"(?<!['\"`(\[{{]){_HEADER}[ \t]*:{UNMASKED}[ \t]*"
        rf"(?P<secret>{QUOTED}|`[^`]*`|(?:(?!\\[rn])[^\r\n])+)"
    ),
    form(
        rf"(?<!['\"`]){_HEADER}[ \t]*={UNMASKED}[ \t]*"
        rf"(?P<secret>{QUOTED}|`[^`]*`|(?:(?:bearer|basic|token|digest)[ ])?[^\s,;)&|]+)"
    ),
)
_SCHEME = form(
    r"(?<![a-z0-9_])(?:bearer|basic)[ \t]+"
    r"(?!(?-i:[A-Za-z]?[a-z]+(?:-[a-z]+)*)(?![\w~+/=-]|\.\w))"  # `Basic authentication` is a phrase
    r"(?P<secret>[\w.~+/-]{6,}=*)"
)
_OBJECT = form(r"\w+\((?P<secret>b?['\"](?!\*+['\"])[^()\r\n]{1,1000}['\"])(?=\))")
_PROSE = lazy(
    r"(?!bearer |basic |token |digest |negotiate |apikey )[a-z]+(?:[,;.]? [^=]*)?[.,;]?|None"
    r"|[A-Z][a-z]+"
)
_SIGNATURE = lazy(r"[A-Z]\w*[,;)] ?|\{")
"""A type of an argument, or a table of settings."""
_VERSION = lazy(r"[\^~<>=v]*\d+(?:\.\d+)+")
_MARK = lazy(r"^[bf](?=['\"])")
_ASSIGNED = lazy(r"[\w.-]+=(?P<value>[^;]*)")

FORMS: tuple[tuple[str, Forms], ...] = (
    (
        ":",
        (
            ("://", form(r"(?<=[a-z0-9])://(?P<secret>[^/?#\s'\"<>]+)@")),
            ("jdbc:oracle:", form(r"jdbc:oracle:\w+:(?P<secret>(?:(?!jdbc:oracle:)[^@\s'\"])+)@")),
        ),
    ),
    ("", tuple((name, form) for name in ("authorization", "cookie") for form in _HEADERS)),
    (" -", OPTIONS),
    (" ", (("bearer", _SCHEME), ("basic", _SCHEME), *ARGUMENTS)),
    (
        "(",
        (
            *((f"{name}(", _OBJECT) for name in ("secretstr", "secretbytes", "basicauth")),
            ("digestauth(", _OBJECT),
            (".auth(", form(rf"\.auth\([ ]?['\"]\w+['\"],[ ]?(?P<secret>{STRING})(?=\))")),
            (
                "getconnection(",
                form(
                    rf"getconnection\({STRING},[ ]?['\"]\w*['\"],[ ]?(?P<secret>'[^']+'|\"[^\"]+\")"
                ),
            ),
        ),
    ),
)
"""Needles in small letters, and their forms, by a text without which there is none of them."""
_GATED = tuple(
    (gate, tuple(dict.fromkeys(needle for needle, _ in forms)), forms) for gate, forms in FORMS
)
_WITHOUT_NEEDLE = (
    # shop:abc@tcp(db:3306)/shop, as Go has it
    ("@", form(r"(?<![\w:/])[\w.-]{1,60}:(?P<secret>[^\s@:/]{1,200})@(?:tcp|unix)\(")),
    # db.example.com:5432:shop:bob:abc, a line of .pgpass
    (
        ":",
        form(
            r"(?m:^)[\w.*-]{1,200}:(?:54\d\d|6432|\*):[\w*.-]{1,60}:[\w*.-]{1,60}:(?P<secret>\S+)(?m:$)"
        ),
    ),
    # bob:$apr1$..., a line of .htpasswd
    (
        ":",
        form(
            r"(?<![\w.@-])[\w.@-]{1,60}:(?P<secret>(?:\$(?:apr1|2[aby]|[156y])\$|\{S?SHA\})[\w./$+=]{10,})"
        ),
    ),
)


def find(text: str, lowered: str) -> Iterator[Place]:
    """Yield the secrets in URLs, headers and commands."""
    has = lowered.__contains__
    for gate, needles, forms in _GATED:
        if gate in text and any(map(has, needles)):
            for needle, each_form in forms:
                if needle in lowered:
                    yield from each(
                        needle, each_form, lowered, text, needle.strip(":/-(. ") or "url"
                    )
    if "', '" in text and any(needle in lowered for needle, _ in OPTIONS):
        listed = text.replace("', '", "    ")  # the arguments of a command, as a list
        searched = listed.lower()
        for needle, each_form in OPTIONS if len(searched) == len(text) else ():
            yield from each(needle, each_form, searched, listed, needle.strip())
    for gate, each_form in _WITHOUT_NEEDLE:
        if gate in text:
            for match in each_form.finditer(text):
                yield Place(*match.span("secret"), "credentials")


def each(
    needle: str, each_form: re.Pattern[str], searched: str, text: str, rule: str
) -> Iterator[Place]:
    """Yield all places of a form in `text`; `searched` is the same, but for capital letters."""
    at = searched.find(needle)
    while at >= 0:
        match = each_form.match(text, at)
        if match is None:
            at = searched.find(needle, at + len(needle))
        else:
            if not _is_none(match["secret"], needle, text, at):
                yield Place(*match.span("secret"), rule)
            at = searched.find(needle, match.end())


def _is_none(secret: str, needle: str, text: str, at: int) -> bool:
    inner = _MARK.sub("", secret).strip("'\"`, ")
    if needle == "://":
        if ":" not in inner and text.endswith("ssh", 0, at):
            return True  # ssh://git@github.com
        return all(not part or is_placeholder(part) for part in inner.split(":"))
    if needle == "cookie" and "=" in inner:
        values = [match["value"] for match in _ASSIGNED.finditer(inner)]
        return bool(values) and all(map(is_placeholder, values))
    if needle in ("authorization", "cookie"):
        if _VERSION.fullmatch(inner) or _SIGNATURE.match(inner):
            return True
        return is_placeholder(inner) or _PROSE.fullmatch(inner) is not None or inner == "Bearer"
    return MASK in inner or is_placeholder(inner)


PASSWORD_IN_URL = lazy(r"://[^/?#\s:@]*:(?P<secret>[^/?#\s]+)@")
