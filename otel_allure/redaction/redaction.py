"""Secrets -> a mask, before anything is written. A report travels further than a trace does.

Applied to everything that is written: spans, logs, steps, parameters, messages, the names of
attachments and the texts that are attached. Files and bytes that a test attaches are not looked
into. Three things make a secret: the name of a value, its form, and that it is known: the value of
a variable of the environment with such a name, or of a parameter of the same test.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import lru_cache
from itertools import islice
from typing import Any, Protocol

from otel_allure.model import conventions as c
from otel_allure.model.settings import DEFAULTS, Settings
from otel_allure.model.sound import sound_value
from otel_allure.model.spans import Attributes, Event, Link, Span, is_test
from otel_allure.model.texts import text_of
from otel_allure.redaction import (
    credentials,
    escaped,
    issued_tokens,
    json_texts,
    markup,
    pairs,
    sql,
    tables,
)
from otel_allure.redaction.known_values import KnownValues
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import ALL_ENDS, Names
from otel_allure.redaction.no_secrets import is_nothing, looks_random
from otel_allure.redaction.payment_numbers import payment_numbers
from otel_allure.redaction.places import MASK, Place, masked_text, rule_of, within_fields
from otel_allure.redaction.prefilter import Prefilter
from otel_allure.redaction.private_keys import lines_of_keys

_KNOWN = "known value"
_SHORTEST_KNOWN = 8
"""Characters of a value that is masked wherever it occurs: shorter ones would be in other words."""

_NOTHING = frozenset({"", "none", "null", "nil", "true", "false", "()", "[]", "{}"})
_LONGEST_WORD = 20
_SHORT = 200
_NO_SECRETS = ("PWD", "OLDPWD")
"""Variables of the environment whose names look like it."""


_NEEDLES = frozenset({*ALL_ENDS, *credentials.NEEDLES, *sql.NEEDLES, *issued_tokens.NEEDLES})
_PREFILTER = Prefilter(_NEEDLES)
_SQL_TEXTS = ("db.query.text", "db.statement")
_SQL_VALUES = ("db.query.parameter.", "db.statement.parameter")


class Redaction:
    """What is masked.

    Args:
        settings: see the fields `redact...` there.
        known: values that are secrets, wherever they occur. Those that are too short, or a word,
            are masked under their names only: they would be found in what is none.
    """

    def __init__(self, settings: Settings = DEFAULTS, known: Iterable[str] = ()) -> None:
        self.settings = settings
        self.masks_sql = settings.redact and settings.redact_sql
        self._on = settings.redact
        own = "|".join(f"(?:{pattern})" for pattern in settings.redact_patterns)
        self._own = re.compile(own) if own else None
        self.names = Names(settings)
        self.is_sensitive = self.names.is_sensitive
        """Whether a value of this name (a header, a query parameter, an attribute) is a secret."""
        self._has_own = self._own is not None or self.names.are_any
        self.counts: Counter[str] = Counter()
        """How many values each rule masked, in all that know more than this, too.

        One may be missing where threads mask at the same time."""
        self._know(KnownValues(filter(_is_distinctive, known if self._on else ())))

    def _know(self, known: KnownValues) -> None:
        self._known = known
        # Most texts come again: titles of steps, parameters of spans.
        self._short_text = lru_cache(4096)(self._text)

    @property
    def known(self) -> object:
        """What is known to be a secret: another object, once there is more."""
        return self._known

    def learn(self, values: Iterable[str]) -> None:
        """Mask these values from now on, too."""
        known = self._with(values)
        if known is not self._known:
            self._know(known)

    def knowing(self, values: Iterable[str]) -> Redaction:
        """Return one that masks these values, too."""
        known = self._with(values)
        if known is self._known:
            return self
        other = copy(self)
        other._know(known)
        return other

    def _with(self, values: Iterable[str]) -> KnownValues:
        new = [v for v in values if _is_distinctive(v) and v not in self._known] if self._on else []
        return KnownValues(new, self._known) if new else self._known

    def value(self, name: str, value: str) -> str:
        """Return `value` as it may be written under `name`."""
        if not self.is_sensitive(name) or _says_nothing(value):
            return self.text(value)
        self.counts[rule_of(name)] += 1
        return MASK

    # -- texts

    def text(self, text: str) -> str:
        """Return `text` with the secrets masked that can be told by their form, or are known."""
        if not self._on:
            return text
        shown, rules = self._short_text(text) if len(text) <= _SHORT else self._text(text)
        if rules:
            self.counts.update(filter(None, rules))
        return shown

    def identity(self, text: str) -> str:
        """Return what a test, a suite or a file is known by as it may be written.

        Only what cannot be anything but a secret is masked. `test_lexer[NAME]` stays whatever its
        parameter is called, and a folder that is called like a password.
        """
        if not self._on or ("\\" not in text and self.text(text) == text):
            return text
        plain, origins = _unescaped_id(text)
        told = self._told(plain, _PREFILTER.among(_lowered(plain)))
        strong = [
            place._replace(shown=MASK)
            for place in self._places(plain)
            if place in told
            or plain.endswith("://", 0, place.start)
            or _is_strong(plain[place.start : place.end])
        ]
        places = [
            place._replace(start=origins[place.start], end=origins[place.end]) for place in strong
        ]
        return masked_text(text, places)

    def _text(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Return a text with its secrets masked, and the rules that say so."""
        places = self._places(text)
        if not places:
            return text, ()
        return masked_text(text, places), tuple(place.rule for place in places)

    def _places(self, text: str) -> list[Place]:
        """Return the places of all secrets in a text."""
        lowered = _lowered(text)
        needles = _PREFILTER.among(lowered)
        told = [*self._told(text, needles), *self._known_in(text)]
        if not (needles or told or self._has_own or escaped.may_be_in(text)):
            return []
        places: list[Place] = []
        flat = text
        found = json_texts.spans(text) if '"' in text else []
        if found:
            places += json_texts.find(text, found, self.names, self._inner)
            flat = json_texts.without(text, found)
            places += escaped.on_lines(text, self._inner)  # one line of it may be JSON
        if " -" in text or "-" in text[:1] or "'-" in text or '"-' in text:
            told += credentials.listed(text, needles)
        flat = _blanked(flat, told) if told else flat
        places += self._likely(flat, lowered if flat is text else _lowered(flat), needles)
        if "\\\n" in flat or "\\\r\n" in flat:
            joined = escaped.Joined(flat)
            lowered = _lowered(joined.text)
            likely = self._likely(joined.text, lowered, _PREFILTER.among(lowered))
            places += map(joined.origin, likely)
        places += json_texts.fitted(text, found, told)
        if places and ("&" in text or "?" in text):
            places = list(within_fields(text, places))
        return places + _again(text, places) if places else places

    def _inner(self, text: str) -> tuple[str, tuple[str, ...]]:
        """Return a text within another one without its secrets, and the rules that say so."""
        if len(text) < _SHORTEST_TOKEN and text.isalnum():
            return text, ()
        variable = _VARIABLE.fullmatch(text)
        if variable is not None and self.is_sensitive(variable[1]):
            name, value = variable.groups()
            if not is_nothing(name, value):
                return f"{name}={MASK}", (rule_of(name),)
        return self._short_text(text) if len(text) <= _SHORT else self._text(text)

    def _told(self, text: str, needles: frozenset[str]) -> list[Place]:
        """Return what is a secret by itself: by the settings' patterns, or as issuers made it."""
        places: list[Place] = []
        if self._own is not None:
            found = self._own.finditer(text)
            places += [Place(*match.span(), "own pattern") for match in found if match[0]]
        places += issued_tokens.find(text, needles)
        if self.settings.redact_payment_numbers:
            places += payment_numbers(text)
        return places

    def _known_in(self, text: str) -> list[Place]:
        return [Place(*place, _KNOWN) for place in self._known.places(text)]

    def _likely(self, text: str, lowered: str, needles: frozenset[str]) -> list[Place]:
        """Return what is a secret by where it stands."""
        places: list[Place] = []
        places += credentials.find(text, lowered, needles)
        places += sql.find(text, lowered, needles)
        places += escaped.find(text, self._inner)
        if not self.names.may_be_among(needles):
            return places
        places += sql.of_columns(text, lowered, self.names)
        places += pairs.find(text, lowered, self.names, needles)
        if "<" in text:
            places += markup.find(text, self.names)
        if "\n" in text:
            places += tables.find(text, self.names.lines_in(lowered, needles), self.names)
        return places

    def sql(self, text: str) -> str:
        """Return a query as `text`; without its literals, if the settings want that."""
        return self.text(sql.without_literals(text) if self.masks_sql else text)

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

    def secrets_of_logs(self, texts: Iterable[str]) -> set[str]:
        """Return what is secret in records of a log because of those before: keys, line by line."""
        texts = list(texts) if self._on else []
        return lines_of_keys(texts) if any("PRIVATE KEY" in text for text in texts) else set()

    def secrets_of_variables(self, environ: Mapping[str, str]) -> list[str]:
        """Return the values of secret variables, and the passwords in those that are URLs."""
        found: list[str] = []
        for name, value in environ.items():
            if self.is_sensitive(name) and name not in _NO_SECRETS:
                found.append(value)
            elif "://" in value:
                found += [match["secret"] for match in credentials.PASSWORD_IN_URL.finditer(value)]
        return [value for value in found if _is_distinctive(value)]

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
            name=(self.identity if is_test(span) else self.text)(span.name),
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
        if c.LABEL_VALUES in masked:
            labels = map(text_of, _entries(attributes.get(c.LABEL_NAMES)))
            values = map(text_of, _entries(attributes[c.LABEL_VALUES]))
            masked[c.LABEL_VALUES] = [self.label(next(labels, ""), value) for value in values]
        return masked

    def label(self, name: str, value: str) -> str:
        """Return the value of a label of this name."""
        return self.identity(value) if name in _IDENTITY_LABELS else self.text(value)

    def _any(self, name: str, value: Any) -> Any:
        if self.is_sensitive(name) and not (isinstance(value, str) and _says_nothing(value)):
            self.counts[rule_of(name)] += 1
            return MASK
        if self.masks_sql and name.startswith(_SQL_VALUES):
            return MASK
        if isinstance(value, str):
            if name in _IDENTITIES:
                return self.identity(value)
            return self.sql(value) if name in _SQL_TEXTS else self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "backslashreplace")).encode()
        if isinstance(value, Mapping):
            return self._attributes(value)
        if isinstance(value, (list, tuple)):
            return [self._any(name, entry) for entry in value]
        return value


_IDENTITIES = frozenset(
    {
        *(c.FULL_NAME, c.PYTEST_NODE_ID, c.TITLE_PATH, c.TEST_CASE_NAME, c.TEST_CASE_ID),
        *("code.file.path", "code.filepath", "code.function.name", "code.function"),
        *("code.namespace", "test.suite.name"),
    }
)
"""Attributes that say what a test is, or where it stands."""

_IDENTITY_LABELS = frozenset(
    {
        *("parentSuite", "suite", "subSuite", "package", "testClass", "testMethod"),
        *("host", "thread", "framework", "language"),
    }
)


class _WithAttributes(Protocol):
    @property
    def attributes(self) -> Attributes: ...


def _lowered(text: str) -> str:
    """Return a text as long, in small letters."""
    lowered = text.lower()
    if len(lowered) != len(text):  # there is one character that becomes two
        lowered = text.replace("\u0130", "I").lower()
    return lowered


def _blanked(text: str, places: list[Place]) -> str:
    """Return a text as long, with asterisks at these places: a token is no name of what follows."""
    pieces: list[str] = []
    done = 0
    for start, end, *_ in sorted(places):
        if end > done:
            start = max(start, done)
            pieces += (text[done:start], "*" * (end - start))
            done = end
    return "".join([*pieces, text[done:]])


def _again(text: str, places: list[Place]) -> list[Place]:
    """Return the other places of what is masked: a diff has it once more, in pieces."""
    found = {text[start:end].strip("'\"\\ ") for start, end, _, shown in places if shown == MASK}
    random = (value for value in found if len(value) <= _SHORT and looks_random(value))
    values = list(islice(random, _MANY + 1))
    if len(values) > _MANY:
        return []
    return [
        Place(*match.span(), _KNOWN)
        for value in values
        for match in re.finditer(re.escape(value), text)
    ]


_VARIABLE = lazy(r"([A-Z][A-Z0-9_]{1,100})=((?:(?![ ,;&] ?[\w.-]+=)[^\r\n]){1,1000})")
"""A variable and its value, which are a literal of their own."""
_MANY = 100
_SHORTEST_TOKEN = 6


def secrets_in(environ: Mapping[str, str], settings: Settings = DEFAULTS) -> list[str]:
    """Return the values of the variables whose names say that they are secret.

    The passwords in URLs too, whatever the variable's name is.
    """
    return Redaction(settings).secrets_of_variables(environ)


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


_ESCAPED_IN_ID = re.compile(r"\\(?:[\\nrt]|x[0-9a-f]{2})")


def _unescaped_id(name: str) -> tuple[str, Sequence[int]]:
    """Return a name without pytest's escapes, and where each of its characters comes from."""
    if "\\" not in name:
        return name, range(len(name) + 1)
    plain, done = "", 0
    origins: list[int] = []
    for match in _ESCAPED_IN_ID.finditer(name):
        sign = match[0].encode().decode("unicode_escape")
        plain += name[done : match.start()] + sign
        origins += range(done, match.start() + 1)
        done = match.end()
    return plain + name[done:], [*origins, *range(done, len(name) + 1)]


_STRONG = 8
_LONG = 20
_NO_PART_OF_NAMES = re.compile(r"[!?#$%^&*~@+=]")
_LETTER_TO_DIGIT = re.compile(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])")


def _is_strong(value: str) -> bool:
    """Whether a secret is none that somebody would choose as the name of something."""
    return any(map(_is_strong_word, value.split()))


def _is_strong_word(word: str) -> bool:
    if len(word) < _STRONG:
        return False
    changes = len(_LETTER_TO_DIGIT.findall(word))
    return (
        len(word) >= _LONG
        or changes >= 3
        or (changes > 0 and _NO_PART_OF_NAMES.search(word) is not None)
    )


AS_IS = Redaction(Settings(redact=False))
"""Masks nothing."""
