"""Secrets -> a mask, before anything is written. A report travels further than a trace does.

Applied to everything that is written: spans, logs, steps, parameters, messages, the names of
attachments and the texts that are attached. Files and bytes that a test attaches are not looked
into. Three things make a secret: the name of a value, its form, and that it is known: the value of
a variable of the environment with such a name, or of a parameter of the same test.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from otel_allure import conventions as c
from otel_allure.settings import DEFAULTS, Settings
from otel_allure.sound import sound_value
from otel_allure.spans import Attributes, Event, Link, Span
from otel_allure.texts import text_of

MASK = "****"

_Place = tuple[int, int]
"""Start and end of what is masked in a text."""

# -- by name

# Words, not substrings: `authors`, `tokenizer` and `max_tokens` are no secrets. Nor is what a name
# says about one, as in `token_count`.
_SENSITIVE = re.compile(
    r"(?:password|passwd|passphrase|passcode|(?:^|[^a-z0-9])(?:"
    r"authorization|auth|(?:set[_-]?)?cookies?|pass|pwd|secrets?|credentials?|"
    r"(?:access|auth|bearer|id|refresh|session)?token|"
    r"(?:api|(?:aws)?access|account|private|secret|signing|encryption)[_-]?key(?:[_-]?id)?|"
    r"session[._-]?(?:id|key)|csrf\w*|xsrf\w*|jwt|otp|pin|signature|sig"
    r"))\d*(?:$|[^a-z0-9](?!(?:"
    r"age|algorithm|backend|bucket|class|count|details|dir|domain|enabled|endpoint|expir\w*|file|"
    r"hashers|host|issuer|length|limit|lifetime|method|mode|path|policy|port|provider|required|"
    r"scheme|server|service|size|sock|timeout|ttl|type|ur[il]|usage|validators|version"
    r")(?:$|[^a-z0-9])))",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# -- by form
#
# A form is looked for at the places of a needle, which is a part of it: `str.find` passes over a
# text some hundred times as fast as an expression does. Each is matched where its needle was found.

_QUOTED = (  # as it is, or as it is within other quotes: \"...\"
    r"(?P<triple>\\*['\"])(?P=triple){2}.*?(?:(?P=triple){3}|$)"
    r"|(?P<quote>\\*['\"])(?:(?P=quote)|.*?[^\\](?P=quote))"
    r"|\\*['\"][^\r\n]*"  # one that was cut off
)
_UNMASKED = r"(?![=>]?[ \t]*\*{4})"  # not again, as an unquoted mask would take in what is after it
# In a traceback, `token = make_token()` and `password: str` are code; `<Kind.token: 0>` is an enum.
_NO_VALUE = (
    r"(?!\d+>)"
    r"(?!(?:None|null|nil|true|false|str|bytes|string|int|bool|Any|SecretStr)\b(?!['\"])(?=\W|$))"
)


_NOT_EMPTY = r"(?!(?P<empty>\\*['\"])(?P=empty)(?!\\*['\"])|\[\]|\(\)|\{\})"


def _form(pattern: str) -> re.Pattern[str]:
    """Return a form; what is masked is its group `secret`."""
    # By ASCII, as the needles are: to Unicode, a long s is an `s` too.
    return re.compile(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)


_VALUE = (
    rf"{_UNMASKED}[ \t]*{_NOT_EMPTY}(?P<secret>{_QUOTED}|{_NO_VALUE}"
    r"(?!(?<= = )(?:await )?[a-z_][\w.]*(?:\(|\[['\"]))[^\s;&]*[^\s;&,)}\]])"
)
_ANNOTATED = r":[ \t]*[\w.\[\], |]{1,60} = "
_IS = rf"(?:=>|[!=]=|=|{_ANNOTATED}|(?!{_ANNOTATED}):)"
_NAMED = (
    ("", _form(rf"\\*['\"]?\]?[ \t]*{_IS}{_VALUE}")),  # password=abc, "password": "abc"
    ("-", _form(r"(?:[ \t]+|['\"],[ \t]*['\"])(?![-*])(?P<secret>[^\s'\"]+)")),  # --password abc
    (
        "<",
        _form(r"(?:\s[^<>]{0,200})?>(?!\*{4}<)(?P<secret>[^<]+)(?=</)"),
    ),  # <password>abc</password>
)
"""What comes after the name of a secret, by what the name begins with."""

_NAMES = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token")
"""Ends of such names, whatever is before them: `PGPASSWORD`, `client_secret`."""

_OTHER_NAMES = ("key", "jwt")
"""Such ends, if the whole name is sensitive: `SharedAccessKey` is, and `keyboard` is not."""

_NAME = re.compile(r"[\w.:\[\]-]+\Z", re.ASCII)
_REST_OF_NAME = re.compile(r"[\w-]{0,40}", re.ASCII)

_HEADER = _form(
    r"(?<![a-z0-9])(?:authorization|cookie)\\*['\"]?[ \t]*[=:]"
    rf"{_UNMASKED}[ \t]*(?P<secret>{_QUOTED}|[^\r\n]+)"
)
_CREDENTIALS = _form(
    r"(?<![a-z0-9_])(?:bearer|basic)\s+"
    r"(?!(?-i:[A-Za-z]?[a-z]+(?:-[a-z]+)*)(?![\w~+/=-]|\.\w))"  # `Basic authentication` is a phrase
    r"(?P<secret>[\w.~+/-]{6,}=*)"
)
_CURL_USER = _form(
    r"(?:(?<!\S)|(?<=\s-))-u(?:ser)?[ \t=]+['\"]?(?!\d+:\d+(?!\S))(?P<secret>[^\s:'\"]+:[^\s'\"]+)"
)
_SQL_PASSWORD = _form(r"(?<!\w)(?:identified by|password)\s+(?P<secret>'(?:[^']|'')*(?:'|$))")
_FORMS: tuple[tuple[str, tuple[tuple[str, re.Pattern[str]], ...]], ...] = (
    (
        ":",
        (
            ("://", _form(r"(?<=[a-z0-9])://(?P<secret>[^/?#\s'\"]+)@")),
            ("authorization", _HEADER),
            ("cookie", _HEADER),
            ("-u", _CURL_USER),
            ("jdbc:oracle:", _form(r"jdbc:oracle:\w+:(?P<secret>(?:(?!jdbc:oracle:)[^@\s'\"])+)@")),
        ),
    ),
    ("=", (("authorization", _HEADER), ("cookie", _HEADER))),
    ("'", (("identified by", _SQL_PASSWORD), ("password", _SQL_PASSWORD))),
    ("", (("bearer", _CREDENTIALS), ("basic", _CREDENTIALS))),
)
"""Needles in small letters, and their forms, by a character without which there is none of them."""


def _issued(after: str, *starts: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    for start in starts:
        found = rf"(?<![\w-])(?P<secret>{re.escape(start)}{after})(?![\w-])"
        yield start, re.compile(found, re.ASCII)


_SOME_DIGIT = r"(?=[\w-]*\d)"
_ISSUED = (
    ("A", tuple(_issued(r"[0-9A-Z]{16}", "AKIA", "ASIA", "ABIA", "ACCA"))),  # AWS
    ("AIza", tuple(_issued(r"[\w-]{30,}", "AIza"))),  # Google
    ("SK", tuple(_issued(r"[0-9a-f]{32}", "SK"))),  # Twilio
    (
        "_",
        (
            *_issued(r"\w{16,}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            *_issued(
                r"\w{10,}", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"
            ),  # Stripe
            *_issued(r"[A-Za-z0-9]{20,}", "npm_", "hf_", "dop_v1_"),  # Hugging Face, DigitalOcean
            *_issued(r"[\w-]{16,}", "dckr_pat_", "shpat_", "sntrys_", "lin_api_"),
        ),
    ),
    (
        "-",
        (
            *_issued(rf"{_SOME_DIGIT}[\w-]{{20,}}", "sk-"),  # OpenAI, Anthropic
            *_issued(
                r"[\w-]{16,}",
                *("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-"),
            ),
            *_issued(
                r"[\w-]{10,}",
                *("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xapp-"),  # Slack
                *("GOCSPX-", "PMAK-", "AGE-SECRET-KEY-"),
            ),
            *_issued(r"[\w-]{20,}", "pypi-Ag"),
            (
                "-----BEGIN ",
                re.compile(
                    r"(?P<secret>-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
                    r"(?:[^-]|-(?!----))*(?:-----END [A-Z0-9 ]{0,40}-----)?)"
                ),
            ),
        ),
    ),
    (
        ".",
        (
            *_issued(r"[\w-]{6,}\.[\w-]{6,}\.[\w-]*", "eyJ"),  # JWT
            *_issued(r"[\w-]{10,}", "ya29.", "hvs.", "hvb."),  # Google, Vault
            *_issued(r"[\w-]{16,}\.[\w-]{16,}", "SG."),  # SendGrid
            (
                "hooks.slack.com/services/",
                re.compile(r"hooks\.slack\.com/services/(?P<secret>[\w/]+)"),
            ),
        ),
    ),
)
"""What issuers made to be told by its form, by a character without which there is none of them."""

_QUERY_NAME = re.compile(r"(?:^|[?&;#])\s*(?P<name>[\w.%\[\]\-]+)=(?!\*{4})")
_QUERY_VALUE = re.compile(r"(?P<secret>[^&;#\s'\"]+)")
_ANY_NAME = re.compile(
    rf"(?<![\w.-])(?P<name>[\w.-]{{1,100}})\\*['\"]?[ \t]*(?:=>|==?|:){_UNMASKED}[ \t]*"
)
_ANY_VALUE = _form(rf"(?P<secret>{_QUOTED}|[^\s;&]*[^\s;&,)}}\]])")
"""Looked for only where the settings have names: those may be any."""

_LITERAL = re.compile(
    r"(?P<tag>\$\w*\$)|(?:\b[EeNnBbXxUu]&?)?'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)"
    r"|(?<![\w$:@%.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b",
    re.DOTALL,
)

# -- by value

_SHORTEST_KNOWN = 8
"""Characters of a value that is masked wherever it occurs: shorter ones would be in other words."""

_NOTHING = frozenset({"", "none", "null", "nil", "true", "false", "()", "[]", "{}"})
_LONGEST_WORD = 20
_LONGEST_NAME = 100
_ID = re.compile(r"\[[^\[\]\r\n]{1,500}\]")
_SHORT = 200
_MANY = 50
"""Known values; of more, those are looked for whose beginning is in the text."""

_NO_SECRETS = ("PWD", "OLDPWD")
"""Variables of the environment whose names look like it."""

_PASSWORD_IN_URL = re.compile(r"://[^/?#\s:@]*:(?P<secret>[^/?#\s]+)@")

_SQL_TEXTS = ("db.query.text", "db.statement")
_SQL_VALUES = ("db.query.parameter.", "db.statement.parameter")


class Redaction:
    """What is masked.

    Args:
        settings: see the fields `redact...` there.
        known: values that are secrets, wherever they occur. Those that are too short, or a word,
            are masked in the ids of parametrized tests only: they would be found in what is none.
    """

    def __init__(self, settings: Settings = DEFAULTS, known: Iterable[str] = ()) -> None:
        self.settings = settings
        self.masks_sql = settings.redact and settings.redact_sql
        self._on = settings.redact
        own = "|".join(f"(?:{pattern})" for pattern in settings.redact_patterns)
        self._own = re.compile(own) if own else None
        # A name is looked at once: there are few, and they come again with every span.
        self.is_sensitive = lru_cache(4096)(self._is_sensitive)
        """Whether a value of this name (a header, a query parameter, an attribute) is a secret."""
        self._values: tuple[str, ...] = ()
        self._by_start: dict[str, dict[int, set[str]]] = {}
        self._in_id: re.Pattern[str] | None = None
        self._known: frozenset[str] = frozenset()
        self._know(known)

    def _know(self, values: Iterable[str]) -> None:
        self._known = frozenset(value for value in values if value) if self._on else frozenset()
        distinctive = {value for value in self._known if _is_distinctive(value)}
        self._values = tuple({way for value in distinctive for way in _ways_to_write(value)})
        self._by_start = {}
        for value in self._values if len(self._values) > _MANY else ():
            by_length = self._by_start.setdefault(value[:_SHORTEST_KNOWN], {})
            by_length.setdefault(len(value), set()).add(value)
        others = {way for value in self._known - distinctive for way in _ways_to_write(value)}
        words = "|".join(map(re.escape, sorted(others, key=len, reverse=True)))
        self._in_id = re.compile(rf"(?<=[\[-])(?:{words})(?=[\]-])") if words else None
        # Most texts come again: titles of steps, parameters of spans.
        self._short_text = lru_cache(4096)(self._text)

    def knowing(self, values: Iterable[str]) -> Redaction:
        """Return one that masks these values, too."""
        if self._known.issuperset(values := list(values)):
            return self
        other = copy(self)
        other._know([*self._known, *values])
        return other

    def _is_sensitive(self, name: str) -> bool:
        if not self._on or _has_pattern(name, self.settings.redact_allow):
            return False
        if _has_pattern(name, self.settings.redact_names):
            return True
        return _SENSITIVE.search(_CAMEL.sub("_", name)) is not None

    def value(self, name: str, value: str) -> str:
        """Return `value` as it may be written under `name`."""
        is_secret = self.is_sensitive(name) and not _says_nothing(value)
        return MASK if is_secret else self.text(value)

    # -- texts

    def text(self, text: str) -> str:
        """Return `text` with the secrets masked that can be told by their form, or are known."""
        if not self._on:
            return text
        return self._short_text(text) if len(text) <= _SHORT else self._text(text)

    def _text(self, text: str) -> str:
        places: list[_Place] = []
        if self._known:
            self._find_known(text, places)
        if self._own is not None:
            places += [match.span() for match in self._own.finditer(text) if match[0]]
        for gate, issued in _ISSUED:
            if gate in text:
                for needle, form in issued:
                    if needle in text:
                        _find(needle, form, text, text, places)
        lowered = text.lower()
        if len(lowered) != len(text):  # there is one character that becomes two
            lowered = text.replace("\u0130", "I").lower()
        for gate, forms in _FORMS:
            if gate in text:
                for needle, form in forms:
                    if needle in lowered:
                        _find(needle, form, lowered, text, places)
        if "=" in text or ":" in text or "-" in text or "<" in text:
            self._find_named(lowered, text, places)
        return _masked(text, places) if places else text

    def _find_known(self, text: str, places: list[_Place]) -> None:
        if self._by_start:
            places += self._known_by_start(text)
        for value in () if self._by_start else self._values:
            if value in text:
                at = text.find(value)
                while at >= 0:
                    places.append((at, at + len(value)))
                    at = text.find(value, at + 1)
        if self._in_id is not None and "[" in text:
            for test_id in _ID.finditer(text):
                places += [m.span() for m in self._in_id.finditer(text, *test_id.span())]

    def _known_by_start(self, text: str) -> Iterator[_Place]:
        """Yield the places of known values, however many there are, and however alike."""
        for at in range(len(text) - _SHORTEST_KNOWN + 1):
            by_length = self._by_start.get(text[at : at + _SHORTEST_KNOWN])
            for length, values in by_length.items() if by_length else ():
                if text[at : at + length] in values:
                    yield at, at + length

    def _find_named(self, lowered: str, text: str, places: list[_Place]) -> None:
        """Find what has a name, anywhere in a text."""
        for needles, are_enough in ((_NAMES, True), (_OTHER_NAMES, False)):
            for needle in needles:
                at = lowered.find(needle)
                while at >= 0:
                    end = at + len(needle)
                    found = self._after_name(text, end, are_enough)
                    if found is not None:
                        places.append(found)
                        end = max(end, found[1])
                    at = lowered.find(needle, end)
        if "=" in text:
            self._find_sensitive(_QUERY_NAME, _QUERY_VALUE, text, places)
        if self.settings.redact_names and ("=" in text or ":" in text):
            self._find_sensitive(_ANY_NAME, _ANY_VALUE, text, places)

    def _after_name(self, text: str, end: int, is_enough: bool) -> _Place | None:
        """Return the place of the value after a name, of which a needle ends at `end`."""
        rest = _REST_OF_NAME.match(text, end)
        assert rest is not None  # it may be empty
        for start, form in _NAMED:
            match = form.match(text, rest.end())
            if match is None:
                continue
            found = _NAME.search(text, max(0, end - _LONGEST_NAME), rest.end())
            name = found[0] if found is not None else ""
            before = text[max(0, rest.end() - len(name) - 1)]
            if start and not (name.startswith(start) or before == start):
                continue
            if self._is_name(name.lstrip("-:.["), is_enough and not rest[0].strip("0123456789")):
                return match.span("secret")
        return None

    def _is_name(self, name: str, ends_like_one: bool) -> bool:
        if ends_like_one:
            return not _has_pattern(name, self.settings.redact_allow)
        return self.is_sensitive(name)

    def _find_sensitive(
        self, names: re.Pattern[str], values: re.Pattern[str], text: str, places: list[_Place]
    ) -> None:
        # Values are not passed over: the one of a name that is not sensitive may be a URL.
        for name in names.finditer(text):
            if self.is_sensitive(name["name"]):
                value = values.match(text, name.end())
                if value is not None:
                    places.append(value.span("secret"))

    def sql(self, text: str) -> str:
        """Return a query as `text`; without its literals, if the settings want that."""
        return self.text(_without_literals(text) if self.masks_sql else text)

    def secrets_of(self, spans: Iterable[_WithAttributes]) -> set[str]:
        """Return the values that are masked by their names: they may be elsewhere, in a title say.

        Args:
            spans: whatever has attributes.
        """
        found: set[str] = set()
        for span in spans if self._on else ():
            for name, value in span.attributes.items():
                if type(name) is str and self.is_sensitive(name):
                    found.update(_texts_in(sound_value(value)))
            if c.PARAMETER_VALUES in span.attributes:
                found |= self.secrets_among(_parameters(span.attributes))
        return {
            _unquoted(value) for value in found if MASK not in value and not _says_nothing(value)
        }

    def secrets_among(self, parameters: Iterable[tuple[Any, ...]]) -> set[str]:
        """Return the values of the parameters that are secret, by their mode or their name."""
        return {
            _unquoted(value)
            for name, value, mode, *_ in parameters
            if (mode or self.is_sensitive(name)) and MASK not in value and not _says_nothing(value)
        }

    # -- whole spans

    def span(self, span: Span) -> Span:
        """Return `span` with its secrets masked, wherever they are."""
        return span._replace(
            name=self.text(span.name),
            status_message=self.text(span.status_message),
            attributes=self._attributes(span.attributes),
            events=[
                Event(self.text(e.name), e.time_ns, self._attributes(e.attributes))
                for e in span.events
            ],
            links=[Link(x.trace_id, x.span_id, self._attributes(x.attributes)) for x in span.links],
            resource=self._attributes(span.resource),
        )

    def _attributes(self, attributes: Attributes) -> dict[str, Any]:
        masked = {self.text(name): self._any(name, value) for name, value in attributes.items()}
        if c.PARAMETER_VALUES in masked:
            masked[c.PARAMETER_VALUES] = [
                MASK if mode else self.value(name, value)
                for name, value, mode in _parameters(attributes)
            ]
        return masked

    def _any(self, name: str, value: Any) -> Any:
        if self.is_sensitive(name) and not (isinstance(value, str) and _says_nothing(value)):
            return MASK
        if self.masks_sql and name.startswith(_SQL_VALUES):
            return MASK
        if isinstance(value, str):
            return self.sql(value) if name in _SQL_TEXTS else self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "backslashreplace")).encode()
        if isinstance(value, Mapping):
            return self._attributes(value)
        if isinstance(value, (list, tuple)):
            return [self._any(name, entry) for entry in value]
        return value


class _WithAttributes(Protocol):
    @property
    def attributes(self) -> Attributes: ...


def secrets_in(environ: Mapping[str, str], settings: Settings = DEFAULTS) -> list[str]:
    """Return the values of the variables whose names say that they are secret.

    The passwords in URLs too, whatever the variable's name is.
    """
    redaction = Redaction(settings)
    found: list[str] = []
    for name, value in environ.items():
        if redaction.is_sensitive(name) and name not in _NO_SECRETS:
            found.append(value)
        elif "://" in value:
            found += [match["secret"] for match in _PASSWORD_IN_URL.finditer(value)]
    return [value for value in found if _is_distinctive(value)]


def _has_pattern(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)


def _parameters(attributes: Attributes) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and mode of each parameter of a span."""
    values = map(text_of, _entries(attributes[c.PARAMETER_VALUES]))
    names = map(text_of, _entries(attributes.get(c.PARAMETER_NAMES)))
    modes = map(text_of, _entries(attributes.get(c.PARAMETER_MODES)))
    for value in values:
        yield next(names, ""), value, next(modes, "")


def _texts_in(value: Any, levels: int = 10) -> Iterator[str]:
    """Yield the texts in a value: in what is said under the name of a secret, all are."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple, Mapping)) and levels:
        for entry in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(entry, levels - 1)


def _entries(value: Any) -> Iterable[Any]:
    if issubclass(type(value), (list, tuple)):
        return value  # type: ignore[no-any-return]
    return () if value is None else (value,)


def _unquoted(value: str) -> str:
    """Return the text that a parameter shows in quotes."""
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def _says_nothing(value: str) -> bool:
    """Whether a value is the absence of one, which is no secret under any name."""
    return _unquoted(value.strip()).lower() in _NOTHING


def _is_distinctive(value: str) -> bool:
    """Whether a value is unlikely to be found in what is none: long enough, and no mere word."""
    is_word = value.isalpha() and (value.islower() or value.isupper() or value.istitle())
    return len(value.strip()) >= _SHORTEST_KNOWN and not (is_word and len(value) < _LONGEST_WORD)


def _ways_to_write(value: str) -> set[str]:
    """Return how a value is written in a text, a URL, JSON, HTML, and the id of a test."""
    return {
        value,
        quote(value, safe="", errors="replace"),
        quote_plus(value, errors="replace"),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value),
        value.encode("unicode_escape").decode("ascii"),
    }


def _find(
    needle: str, form: re.Pattern[str], searched: str, text: str, places: list[_Place]
) -> None:
    """Find all places of a form in `text`; `searched` is the same, but for capital letters."""
    at = searched.find(needle)
    while at >= 0:
        match = form.match(text, at)
        if match is None:
            at = searched.find(needle, at + len(needle))
        else:
            places.append(match.span("secret"))
            at = searched.find(needle, match.end())


def _masked(text: str, places: list[_Place]) -> str:
    """Return `text` with one mask for each of the places, those that overlap taken together."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(places):
        if start >= done:
            pieces += (text[done:start], MASK)
        done = max(done, end)
    return "".join([*pieces, text[done:]])


def _without_literals(query: str) -> str:
    """Return a query with `?` for its literals. One that was cut off is one until the end."""
    pieces: list[str] = []
    done = 0
    while match := _LITERAL.search(query, done):
        end = match.end()
        if match["tag"]:  # PostgreSQL: $$text$$, $tag$text$tag$
            closed = query.find(match["tag"], end)
            end = len(query) if closed < 0 else closed + len(match["tag"])
        pieces += (query[done : match.start()], "?")
        done = end
    return "".join([*pieces, query[done:]])


AS_IS = Redaction(Settings(redact=False))
"""Masks nothing."""
