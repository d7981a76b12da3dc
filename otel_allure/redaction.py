"""Secrets -> a mask, before anything is written. A report travels further than a trace does.

Applied to everything that comes from instrumentation and from other services. What a test's own
author passes to Allure (titles, parameters, attachments) is theirs and is written as it is given.
"""

from __future__ import annotations

import re

MASK = "****"

# Words, not substrings: `authors` and `tokenizer` are no secrets.
_SENSITIVE = re.compile(
    r"(?:^|[._\-\s])(?:"
    r"authorization|auth|cookie|set[_-]?cookie|pass(?:word|wd|phrase|code)?|pwd|secrets?|"
    r"(?:\w+[_-])?token|(?:api|access|private|secret|signing|encryption)[_-]?key(?:[_-]?id)?|apikey|"
    r"credentials?|session[_-]?(?:id|key)?|csrf\w*|xsrf\w*|jwt|otp|pin|signature|sig|"
    r"x[_-](?:amz|goog)[_-](?:signature|credential|security[_-]token)|awsaccesskeyid"
    r")(?:$|[._\-\s])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.\-]*://)[^/?#\s@'\"]+@", re.IGNORECASE)
_QUERY_VALUE = re.compile(r"(?P<name>[?&;][^=&;#\s?]+)=(?P<value>[^&;#\s'\"]*)")
_ASSIGNED = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|token)\b['\"]?\s*[=:]\s*)"
    r"(?P<value>'[^']*'|\"[^\"]*\"|[^\s,;&)}\]]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(?P<scheme>bearer|basic)\s+[a-z0-9._~+/\-]{8,}=*", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w\-]{6,}\.[\w\-]{6,}\.[\w\-]*")


def is_sensitive(name: str) -> bool:
    """Whether a value of this name (a header, a query parameter, an attribute) is a secret."""
    return _SENSITIVE.search(_CAMEL.sub("_", name)) is not None


def redacted(name: str, value: str) -> str:
    """Return `value` as it may be written under `name`."""
    return MASK if is_sensitive(name) else redacted_text(value)


def redacted_text(text: str) -> str:
    """Return `text` with the secrets masked that can be told by their form."""
    if "://" in text:
        text = _USERINFO.sub(rf"\g<scheme>{MASK}@", text)
    if "=" in text or ":" in text:
        text = _QUERY_VALUE.sub(_masked_query, text)
        text = _ASSIGNED.sub(rf"\g<name>{MASK}", text)
    if len(text) > 12:
        text = _BEARER.sub(rf"\g<scheme> {MASK}", text)
        text = _JWT.sub(MASK, text)
    return text


def _masked_query(match: re.Match[str]) -> str:
    name = match["name"]
    return f"{name}={MASK}" if is_sensitive(name[1:]) else match[0]
