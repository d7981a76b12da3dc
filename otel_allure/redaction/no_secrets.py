"""What stands where a secret would, and is none: placeholders, code, sentences."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(
    r"\$\w+|\$\{[^{}]*\}?|\$\([^()]*\)?|\$\{\{[^{}]*\}\}|\{\{?[\w .!:|()-]*\}?\}?|<[\w .:/*-]*>?"
    r"|%\(?\w*\)?[sdrq]|%\w+%|\[[\w -]+\]|\?|:\w+|@\w+|\.{2,}|[*xX•·…-]{2,}|\*+|…"
    r"|&lt;[\w -]+&gt;|#\{[^{}]*\}"
)
_NAME = r"[A-Za-z_][A-Za-z_]*"
_CODE = re.compile(
    rf"(?:await |new |not |&|\*{{1,2}}|self\b|this\b)?{_NAME}(?:"
    rf"(?:(?:\??\.|->|::){_NAME})+|(?:(?:\??\.|->|::)\w+)*[\[(].*|\(.*)"
)
_IDENTIFIER = re.compile(r"[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+|[a-z]{2,}(?:[A-Z][a-z]{2,})+")
_WORD = re.compile(r"[A-Za-z]?[a-z]*(?:['-][a-z]+)*|[A-Z]{2,8}")
_MORE_WORDS = re.compile(r"[.,;]?[ \t]+\(?[A-Za-z]?[a-z']*(?![\w]*[ \t]*[:=])(?=[\s.,;:!?)]|$|\d)")
_TYPE = re.compile(
    r"(?:None|null|nil|undefined|true|false|str|bytes|string|int|bool|boolean|number|Any|object|"
    r"SecretStr|String|Optional\[.*|Union\[.*|List\[.*|list\[.*|z\..*)[;,)|?]*",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?:~|\.{1,2})?/|[A-Za-z]:[\\/]")
_PASSWORD = re.compile(r"passw|passphrase|passcode|pwd|secret", re.IGNORECASE)
_SHORT = 3
_COUNTED = re.compile(r"(?:pass|pin|otp|auth|session)s?$", re.IGNORECASE)  # pass=12 fail=0


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that is to come."""
    return _PLACEHOLDER.fullmatch(value[:100]) is not None


def is_nothing(name: str, value: str) -> bool:
    """Whether a value is none wherever it stands."""
    return bool(
        is_placeholder(value)
        or value in ("None", "null", "nil", "undefined")
        or (len(value) <= _SHORT and not any(map(str.isalnum, value)))
        or (len(value) <= _SHORT and value.isdigit() and _COUNTED.search(name))
        or value.startswith(("self.", "this.", "cls."))
        or (name.lower() in ("pwd", "oldpwd") and _PATH.match(value) is not None)
    )


def is_none(name: str, operator: str, value: str, after: str) -> bool:
    """Whether what is said of `name` is no value of it.

    Args:
        name: what looks like the name of a secret.
        operator: what is between the name and the value, spaces included.
        value: with its quotes.
        after: the text behind it, or some of it.
    """
    quoted = value.lstrip("\\")[:1] in ("'", '"')
    inner = value.strip("\\'\"") if quoted else value.rstrip(";,)")
    if is_nothing(name, inner):
        return True
    is_password = _PASSWORD.search(name) is not None
    sign, has_space = operator.strip("\\'\"] \t"), operator[-1:].isspace()
    if sign in (",", ",b"):  # ("password", "token") are names
        return _WORD.fullmatch(inner) is not None or _IDENTIFIER.fullmatch(inner) is not None
    if not sign and has_space and not is_password and _WORD.fullmatch(inner):
        return True  # --auth basic
    if quoted:
        return not is_password and (len(inner) < _SHORT or _is_said(inner))
    if _TYPE.fullmatch(inner[:200]) or inner == name:
        return True
    if sign in ("==", "!=", "===", "!==") and re.fullmatch(_NAME, inner.rstrip(":")):
        return True
    if operator == ":" and (inner.startswith(":") or _WORD.fullmatch(inner)):
        return True  # input.password:focus, token::text
    if sign != ":" and (not has_space or not sign):  # token=abc, f(token=user_token)
        return after[:1] in (",", ")") and _is_code(name, inner, after, is_password)
    if _is_code(name, inner, after, is_password):
        return True
    if not is_password and (len(inner) < _SHORT or _WORD.fullmatch(inner.rstrip(".!?"))):
        return True
    return sign == ":" and _is_sentence(inner, after)


def _is_code(name: str, inner: str, after: str, is_password: bool) -> bool:
    if _CODE.fullmatch(inner[:200]) or _CODE.fullmatch(inner[:200] + after[:1]):
        return True
    # `password = user_password` is code, `password = super_secret` may be the secret.
    last = name.rpartition("_")[2].lower()
    is_same = not is_password or inner.lower().endswith(last)
    return is_same and _IDENTIFIER.fullmatch(inner) is not None


def leaves(text: str, start: int) -> tuple[int, list[tuple[int, int]]]:
    """Return the end of what is in brackets, and the places of the values in it.

    One that is not closed, or goes on behind its brackets, is a value as a whole.
    """
    depth = 0
    found: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text, start, start + _LONGEST):
        if token["open"]:
            depth += 1
            if depth > _DEEPEST:
                break
        elif token["close"]:
            depth -= 1
            if depth <= 0:
                if text[token.end() : token.end() + 1].isalnum():
                    break
                return token.end(), found
        elif not token["key"] and not _is_harmless_leaf(token["value"]):
            found.append(token.span("value"))
    run = _RUN.match(text, start)
    end = run.end() if run else start + 1
    return end, [(start, end)] if end > start + 1 else []


def _is_harmless_leaf(value: str) -> bool:
    inner = value.strip("\\'\"")
    is_quoted = value != inner
    return (
        is_nothing("", inner)
        or _TYPE.fullmatch(inner[:200]) is not None
        or _is_said(inner)
        or (not is_quoted and (inner.isdigit() or _WORD.fullmatch(inner) is not None))
    )


_LONGEST = 4_000
_DEEPEST = 10
_RUN = re.compile(r"[^\s;&'\"]{1,200}")
_TOKEN = re.compile(
    r"(?P<open>[\[({])|(?P<close>[\])}])"
    r"|(?P<value>(?P<quote>\\{0,4}['\"])(?:(?!(?P=quote)).)*(?P=quote)|[^\s,:=\[\](){}'\"\\]+)"
    r"(?P<key>[ \t]*(?:[:=]))?",
    re.DOTALL,
)


def _is_said(inner: str) -> bool:
    """Whether a quoted value is a message, and no secret: `is too short`."""
    return inner.count(" ") > 1 and _is_sentence(inner, "")


def _is_sentence(inner: str, after: str) -> bool:
    """Whether a value is the beginning of a sentence: `Password: must be at least ...`."""
    first, space, rest = inner.partition(" ")
    if not _WORD.fullmatch(first.rstrip(".,;!?")):
        return False
    return _MORE_WORDS.match(space + rest + after) is not None
