"""Secrets that are told by what is around them and not by a name: in URLs, headers, commands."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from functools import lru_cache

from otel_allure.redaction.commands import ARGUMENTS, OPTIONS, Forms
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.no_secrets import QUOTED as IN_QUOTES
from otel_allure.redaction.no_secrets import (
    closes,
    is_no_value,
    is_placeholder,
    looks_random,
)
from otel_allure.redaction.pair_forms import QUOTED, STRING, UNMASKED, form
from otel_allure.redaction.places import MASK, Place, lines_with

_HEADER = r"(?:(?<![a-z0-9])(?<!\*{4})|(?<=\\n))(?:authorization|cookie)"


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
    form(
        rf"{_HEADER}\\*['\"]\]?[ \t]*[=:]{UNMASKED}[ \t]*"
        rf"(?P<secret>{QUOTED}|\[b?{STRING}(?:, ?b?{STRING})*\]|[^\r\n]+)"
    ),
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
    r"(?!(?i:bearer|basic|token|digest|negotiate|apikey) )"
    r"[A-Za-z]?[a-z]+(?:[,;.]? [^=]*)?[.,;]?|None"
)
_SIGNATURE = lazy(r"[A-Z]\w*[,;)] ?|\{")
"""A type of an argument, or a table of settings."""
_VERSION = lazy(r"[\^~<>=v]*\d+(?:\.\d+)+\Z")
_OF_CODE = lazy(
    r"(?:await )?[A-Za-z_][\w.]*[(\[]|\(\Z"
    r"|(?:str|int|bytes|bool|object|Any|None|string|Final)(?:[,)]| [|=]|$)"
)
_MARK = lazy(r"^[bf](?=['\"])")
_STAND_IN = lazy(
    r"pass(?:word|wd)?|token|secret|api[_-]?key|\$\{?\w+\}?|\[\w+\]|<\w+>|yyy|xxx", re.IGNORECASE
)
"""What documentation has behind the name of a user."""
_SAID_ONLY = lazy(r"(?:user|username|login|name):\w*(?:pass|passw(?:or)?d|secret)", re.IGNORECASE)
"""`scheme://user:password@host`"""
_ASSIGNED = lazy(r"[\w.-]+=(?P<value>[^;]*)")

_RANDOM = r"(?P<secret>(?=[^\s'\"]*\d)[^\s'\"/,;]{6,})"
FORMS: tuple[tuple[str, Forms], ...] = (
    (
        ":",
        (
            ("://", form(r"(?<=[a-z0-9])://(?P<secret>[^/?#\s'\"<>]+)@")),
            # with signs that should have been escaped; x:8080/a@b is none
            (
                "://",
                form(
                    r"(?<=[a-z0-9])://(?P<secret>[^\s/:@?#'\"<>]{0,100}:(?!\d{0,5}/)"
                    r"(?:(?!://)[^\s'\"<>]){1,200})@(?=[\w.-]+(?:[:/?#\s'\"<>),]|$))"
                ),
            ),
            ("jdbc:oracle:", form(r"jdbc:oracle:\w+:(?P<secret>(?:(?!jdbc:oracle:)[^\s'\"])+)@")),
        ),
    ),
    ("", tuple((name, form) for name in ("authorization", "cookie") for form in _HEADERS)),
    (" -", OPTIONS),
    (  # subprotocols, of which one is the token
        ",",
        (
            (
                "sec-websocket-protocol",
                form(
                    r"sec-websocket-protocol['\"]?[:=,][ ]?b?['\"]?[\w.-]*(?:auth|bearer|jwt|token)"
                    r"[\w.-]*,[ ]?(?P<secret>[\w.~+/=-]{6,})"
                ),
            ),
        ),
    ),
    (
        " ",
        tuple(
            (needle, form(rf"{needle}:? (?:with |as )?[\w.@-]{{1,60}}[ ]?[:/][ ]?{_RANDOM}"))
            for needle in (
                "login with",
                "logging in as",
                "logged in as",
                "log in as",
                "credentials",
            )
        ),
    ),
    (" ", (("bearer", _SCHEME), ("basic", _SCHEME), *ARGUMENTS)),
    (
        "(",
        (
            *((f"{name}(", _OBJECT) for name in ("secretstr", "secretbytes", "basicauth")),
            ("digestauth(", _OBJECT),
            *(
                (
                    f"{name}(",
                    form(
                        rf"{name}\([ ]?(?:{STRING}|''|\"\"),[ ]?(?:Some\()?"
                        rf"(?P<secret>{STRING})(?=[ ]?[,)])"
                    ),
                )
                for name in (
                    "basic_auth",
                    "credentials.basic",
                    "login",
                    "credential",
                    "credentials",
                    "authenticate",
                    "sign_in",
                    "signin",
                )
            ),
            (".auth(", form(rf"\.auth\([ ]?['\"]\w+['\"],[ ]?(?P<secret>{STRING})(?=\))")),
            *(  # a place, a user, and the password
                (
                    f"{name}(",
                    form(
                        rf"{name}\((?:{STRING}|[\w.$]+),[ ]?(?:['\"][\w=,. @-]*['\"]),"
                        rf"[ ]?(?P<secret>{STRING})"
                    ),
                )
                for name in (
                    "getconnection",
                    "connection",
                    "mysqli_connect",
                    "mysqli",
                    "pdo",
                    "sequelize",
                )
            ),
        ),
    ),
)
"""Needles in small letters, and their forms, by a text without which there is none of them."""
_ELSEWHERE = (
    # shop:abc@tcp(db:3306)/shop, as Go has it
    (
        ("@tcp(", "@unix("),
        form(r"(?<![\w:/])[\w.-]{1,60}:(?P<secret>[^\s@:/]{1,200})@(?:tcp|unix)\("),
    ),
    # db.example.com:5432:shop:bob:abc, a line of .pgpass
    (
        (":54", ":6432:", ":*:"),
        form(
            r"(?<![\w.*:/-])[\w.*-]{1,200}:(?:54\d\d|6432|\*):[\w*.-]{1,60}:[\w*.-]{1,60}:(?P<secret>[^\s'\"<>]+)"
        ),
    ),
    # bob:abc@db.example.com:5432, as a part of a URL
    (
        ("@",),
        form(
            r"(?<![\w:/@%.-])[A-Za-z_][\w.-]{0,60}:(?P<likely>[^\s@:/'\"<>]{6,200})@(?!sha\d)[A-Za-z][\w.-]{0,200}"
            r"(?=[:/'\"\s),>\]]|$)"
        ),
    ),
    # bob/abc@db.example.com:1521/shop, of Oracle
    (
        ("@",),
        form(
            r"(?<![\w:/@%.-])[A-Za-z_]\w{0,60}/(?P<likely>[^\s@/'\"<>]{6,200})@"
            r"(?://|[A-Za-z][\w.-]{0,200}:\d{2,5}/)"
        ),
    ),
    # sid=abc; Path=/, a cookie that is set
    (
        ("; path=", "; httponly", "; samesite", "; max-age"),
        form(
            r"(?<![\w;&?.-])[\w.-]{1,60}=(?P<likely>[^\s;'\",]{6,4000});[ ]"
            r"(?:domain|expires|httponly|max-age|path|samesite|secure)\b"
        ),
    ),
    # bob:$apr1$..., a line of .htpasswd
    (
        (":$", ":{s"),
        form(
            r"(?<![\w.@-])[\w.@-]{1,60}:(?P<secret>(?:\$(?:apr1|2[aby]|[156y])\$|\{S?SHA\})[\w./$+=]{10,})"
        ),
    ),
)
"""Forms that are looked for in the lines that have one of some needles; what is `likely` a secret
has to look like one."""
NEEDLES = frozenset(
    (
        *(needle for _, forms in FORMS for needle, _ in forms),
        *(needle for needles, _ in _ELSEWHERE for needle in needles),
    )
)
"""One of them is in each secret of these forms."""


@lru_cache(1_000)
def _forms_of(needles: frozenset[str]) -> tuple[tuple[str, Forms], ...]:
    """Return the forms that may be in a text with these needles only."""
    chosen = ((gate, tuple(row for row in forms if row[0] in needles)) for gate, forms in FORMS)
    return tuple((gate, forms) for gate, forms in chosen if forms)


def find(text: str, lowered: str, needles: frozenset[str]) -> Iterator[Place]:
    """Yield the secrets in URLs, headers and commands.

    Args:
        text: anything.
        lowered: the same in small letters.
        needles: those of `NEEDLES` that are in it; others do not matter.
    """
    for gate, forms in _forms_of(needles) if needles else ():
        if gate in text:
            for needle, each_form in forms:
                rule = needle.strip(":/-(. ") or "url"
                yield from each(needle, each_form, lowered, text, rule)
    for its, each_form in _ELSEWHERE:
        if not needles.isdisjoint(its):
            for line in lines_with(lowered, needles.intersection(its)):
                for match in each_form.finditer(text, *line):
                    group = str(match.lastgroup)
                    if group == "secret" or looks_random(match[group]):
                        yield Place(*match.span(group), "credentials")


def listed(text: str, needles: frozenset[str]) -> Iterator[Place]:
    """Yield the secrets in the arguments of a command, as a list: `['mysql', '-pabc']`."""
    if _OF_COMMANDS.isdisjoint(needles):
        return
    for separator in filter(text.__contains__, _BETWEEN_ARGUMENTS):
        spaced = text.replace(separator, " " * len(separator))
        searched = spaced.lower()
        for needle, each_form in OPTIONS if len(searched) == len(text) else ():
            yield from each(needle, each_form, searched, spaced, needle.strip())


_OF_COMMANDS = frozenset(needle for needle, _ in OPTIONS)
_BETWEEN_ARGUMENTS = ("', '", '", "', '","')


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
            if not closes(text, match.start("secret")) and not _is_none(
                match["secret"], needle, text, at
            ):
                yield Place(*match.span("secret"), rule)
            at = searched.find(needle, match.end())


def _is_none(secret: str, needle: str, text: str, at: int) -> bool:
    inner = _MARK.sub("", secret).strip("'\"`,; ")
    if not inner:
        return True
    if needle == "://":
        if ":" not in inner and text.endswith("ssh", 0, at):
            return True  # ssh://git@github.com
        if _SAID_ONLY.fullmatch(inner):
            return True
        return all(not part or is_placeholder(part) for part in inner.split(":"))
    if needle.endswith("(") and secret[:1] in "'\"" and not inner.startswith(("'", '"')):
        return is_no_value("password", IN_QUOTES, inner)
    if needle == "cookie" and "=" in inner:
        values = [match["value"] for match in _ASSIGNED.finditer(inner)]
        return bool(values) and (inner.startswith("name=value") or all(map(is_placeholder, values)))
    if needle in ("authorization", "cookie"):
        if any(form.match(inner) for form in (_VERSION, _SIGNATURE, _OF_CODE)):
            return True
        return is_placeholder(inner) or _PROSE.fullmatch(inner) is not None or inner == "Bearer"
    if needle in ("sec-websocket-protocol", " -u ", " on >"):
        return not looks_random(inner)
    if needle in ("bearer", "basic"):
        return not looks_random(inner) and not _is_user_and_password(inner)
    user, _, password = inner.partition(":")
    if inner.isupper() and _STAND_IN.fullmatch(inner):
        return True
    return MASK in inner or is_placeholder(inner) or bool(user and _STAND_IN.fullmatch(password))


def _is_user_and_password(encoded: str) -> bool:
    try:
        return b":" in b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return False


PASSWORD_IN_URL = lazy(r"://[^/?#\s:@]*:(?P<secret>[^/?#\s]+)@")
