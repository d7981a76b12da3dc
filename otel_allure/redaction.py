"""Secrets -> a mask, before anything is written. A report travels further than a trace does.

Applied to everything that comes from instrumentation and from other services. What a test's own
author passes to Allure (titles, parameters, attachments) is theirs and is written as it is given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from otel_allure.settings import DEFAULTS, Settings
from otel_allure.spans import Attributes, Event, Link, Span

MASK = "****"

# Words, not substrings: `authors`, `tokenizer` and `max_tokens` are no secrets. Nor is what a name
# says about one, as in `token_count`.
_SENSITIVE = re.compile(
    r"(?:password|passwd|passphrase|passcode|(?:^|[^a-z0-9])(?:"
    r"authorization|auth|(?:set[_-]?)?cookies?|pass|pwd|secrets?|credentials?|"
    r"(?:access|auth|bearer|id|refresh|session)?token|"
    r"(?:api|(?:aws)?access|account|private|secret|signing|encryption)[_-]?key(?:[_-]?id)?|"
    r"session[._-]?(?:id|key)|csrf\w*|xsrf\w*|jwt|otp|pin|signature|sig"
    r"))\d*(?:$|[^a-z0-9](?!(?:bucket|count|details|length|limit|method|mode|policy|scheme|size|"
    r"ttl|type|usage)(?:$|[^a-z0-9])))",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.\-]{0,30}://)[^/?#\s'\"]+@", re.IGNORECASE)
_QUERY_VALUE = re.compile(
    r"(?P<start>(?:^|[?&;#])\s*(?P<name>[\w.%\[\]\-]+)=)(?P<value>[^&;#\s'\"]+)"
)
_UNMASKED = r"(?![=>]?[ \t]*\*{4})"  # not again, as an unquoted mask would take in what is after it
_QUOTED = r"\\?'(?:[^'\\]|\\.)*'|\\?\"(?:[^\"\\]|\\.)*\""
# Without a boundary on the left: `PGPASSWORD`, `client_secret`, `SharedAccessKey`.
_ASSIGNED = re.compile(
    r"(?P<name>(?:password|passwd|passphrase|pwd|secret|token|"
    r"(?:api|access|account|private|secret|signing|encryption)[_-]?key)\b"
    r"\\?['\"]?[ \t]*(?:=>|==?|:)"
    rf"{_UNMASKED}[ \t]*)(?:{_QUOTED}|[^\s;&]*[^\s;&,)}}\]])",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<name>\b(?:authorization|cookie)\b\\?['\"]?[ \t]*[=:]"
    rf"{_UNMASKED}[ \t]*)(?:{_QUOTED}|[^\r\n]+)",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(
    r"\b(?P<scheme>bearer|basic)\s+(?P<value>[\w.~+/\-]{6,}=*)", re.IGNORECASE
)
_JWT = re.compile(r"(?<![\w\-])eyJ[\w\-]{6,}\.[\w\-]{6,}\.[\w\-]*")


class Redaction:
    """What is masked, and how much has been.

    Args:
        settings: see the fields `redact...` there.

    Attributes:
        masked: number of values that were masked, by what they were recognised by.
    """

    def __init__(self, settings: Settings = DEFAULTS) -> None:
        self._on = settings.redact
        self.masked: Counter[str] = Counter()

    def is_sensitive(self, name: str) -> bool:
        """Whether a value of this name (a header, a query parameter, an attribute) is a secret."""
        return self._on and _SENSITIVE.search(_CAMEL.sub("_", name)) is not None

    def value(self, name: str, value: str) -> str:
        """Return `value` as it may be written under `name`."""
        return MASK if self.is_sensitive(name) else self.text(value)

    def text(self, text: str) -> str:
        """Return `text` with the secrets masked that can be told by their form."""
        if not self._on:
            return text
        if "://" in text:
            text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
        if "=" in text or ":" in text:
            text = _QUERY_VALUE.sub(self._masked_query, text)
            text = _HEADER.sub(rf"\g<name>{MASK}", text)
            text = _ASSIGNED.sub(rf"\g<name>{MASK}", text)
        if len(text) > 12:
            text = _CREDENTIALS.sub(_masked_credentials, text)
            text = _JWT.sub(MASK, text)
        return text

    def span(self, span: Span) -> Span:
        """Return `span` with its secrets masked, wherever they are."""
        events = [
            Event(self.text(e.name), e.time_ns, self._attributes(e.attributes)) for e in span.events
        ]
        links = [Link(x.trace_id, x.span_id, self._attributes(x.attributes)) for x in span.links]
        return span._replace(
            name=self.text(span.name),
            status_message=self.text(span.status_message),
            attributes=self._attributes(span.attributes),
            events=events,
            links=links,
            resource=self._attributes(span.resource),
        )

    def _attributes(self, attributes: Attributes) -> dict[str, Any]:
        return {name: self._any(name, value) for name, value in attributes.items()}

    def _any(self, name: str, value: Any) -> Any:
        if self.is_sensitive(name):
            return MASK
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "backslashreplace")).encode()
        if isinstance(value, Mapping):
            return self._attributes(value)
        if isinstance(value, (list, tuple)):
            return [self._any(name, entry) for entry in value]
        return value

    def _masked_query(self, match: re.Match[str]) -> str:
        return match["start"] + MASK if self.is_sensitive(match["name"]) else match[0]


def _masked_credentials(match: re.Match[str]) -> str:
    """Mask what is no word: `Basic authentication` is a phrase."""
    is_word = match["value"][1:].isalpha() and match["value"][1:].islower()
    return match[0] if is_word else f"{match['scheme']} {MASK}"


AS_IS = Redaction(Settings(redact=False))
"""Masks nothing."""
