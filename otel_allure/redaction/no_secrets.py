"""What stands where a secret would, and is none: placeholders, code, types, words, sentences."""

from __future__ import annotations

import re

from otel_allure.redaction.lazy import lazy

_STAND_IN = (
    r"\\?\$\w+|\$\{[^{}]*\}?|\$\([^()]*\)?|\$\{\{[^{}]*\}\}|\{\{?[\w .!:|()-]*\}?\}?"
    r"|<[^\W\d][^<>\d]*(?:64)?>?|</\w+>?"
    r"|%\w+%|%\(?\w*\)?[sdrq]|\[[A-Za-z_ |-]+\]|\?|:[a-z_]\w*|@\w+(?:\.\w+)*|\.{2,}|[*xX•·…-]{2,}"
    r"|\*+|…|&lt;[A-Za-z _-]+&gt;|#\{[^{}]*\}|(?:YOUR|MY|EXAMPLE|SOME)(?:[_-][A-Z]+)+"
)
_PLACEHOLDER = lazy(_STAND_IN, re.IGNORECASE)
_SCHEME = lazy(r"(?:bearer|basic|token|apikey)[ ](?=\S)", re.IGNORECASE)
_MOST_STAND_INS = 10
_NAME = r"[A-Za-z_$@][A-Za-z_]*"
_PART = r"(?:\??\.|->|::|:(?!:))"
_CODE = lazy(
    rf"(?:await |new |not |&|\*{{1,2}}|self\b|this\b)?{_NAME}(?:"
    rf"(?:{_PART}{_NAME}|\.[A-Z]\d)+|(?:{_PART}\w+)*\[.*|(?:\d\w*)?(?:{_PART}\w+)*\(.*)"
)
_IDENTIFIER = lazy(r"[a-z]+(?:_[a-z]+)+|[A-Z]+(?:_[A-Z]+)+|[a-z]{2,}(?:[A-Z][a-z]{2,})+")
_REQUIRED = lazy(r"\[?[A-Z][A-Za-z]+!")  # of GraphQL
_KEBAB = lazy(r"[a-z]+(?:-[a-z]+)+")
_WORD = lazy(r"[^\W\d_]?[^\W\d_A-Z]*(?:['-][^\W\d_A-Z]+)*|[A-Z]{2,8}")
_MORE_WORDS = lazy(
    r"[.,;]?[ \t]+(?:\(?[^\W\d_]?[^\W\d_A-Z]*'?[a-z]*(?![\w]*[ \t]*[:=])(?=[\s.,;:!?)]|$)|(?=\d))"
)
_TYPE = lazy(
    r"(?:None|null|nil|undefined|true|false|str|bytes|string|int|bool|boolean|number|Any|object|"
    r"SecretStr|String|(?-i:[A-Z]\w+)<.*|Optional\[.*|Union\[.*|List\[.*|list\[.*|z\..*)[;,)|?]*",
    re.IGNORECASE,
)
_PATH = lazy(r"(?:~|\.{1,2})?/|[A-Za-z]:[\\/]")
_PASSWORD = lazy(r"passw|passphrase|passcode|pwd", re.IGNORECASE)
_PLAIN = lazy(r"[_-](?:key|secret|password|pass)\Z", re.IGNORECASE)
"""Names that mean nothing else, so that a word may be their value."""
_STATUS_WORDS = (
    r"required|missing|invalid|optional|incorrect|wrong|expired|empty|blank|hidden|redacted|masked|"
    r"(?:un)?changed|yes|no|on|off|ok|present|absent|string|object|array|integer|number|boolean|"
    r"true|false|none|null|nothing"
)
_STATUS = lazy(rf"(?:{_STATUS_WORDS}|mandatory|unset)[.!,)]?\Z", re.IGNORECASE)
"""What is said of a secret, even of a password."""
_SHORT = 3
_COUNTED = lazy(
    r"(?:pass|pin|otp|auth|session|secret|credential|cookie)s?$", re.IGNORECASE
)  # pass=12 fail=0
_AMOUNT = lazy(r"\d{1,3}(?:\.\d+)?(?:ms|s|%|px)?")
_NUMBER = lazy(r"\d{1,3};?")
_SAID_OF_VALUES = lazy(
    rf"(?:{_STATUS_WORDS}|password|secret|token|(?:un)?set|text|bearer|basic|digest|default|anything|"
    r"something|[a-z]+:(?:\d+|[a-z]+))[.!]?\Z",
    re.IGNORECASE,
)
"""Words that stand where a secret would and say something about it."""


def is_placeholder(value: str) -> bool:
    """Whether a value stands for one that is to come."""
    scheme = _SCHEME.match(value)
    at = scheme.end() if scheme is not None else 0
    for _ in range(_MOST_STAND_INS):
        match = _PLACEHOLDER.match(value, at, at + 200)
        if match is None or match.end() == at:
            return False
        at = match.end()
        if at == len(value):
            return True
        if value[at] in ":.,/-":
            at += 1
            if at == len(value):
                return True
    return False


_USUAL = lazy(
    r"(?:sha|md|utf|base|aes|rs|hs|es|ps|ed|oauth|http|x|p|int|uint|float|python|py|ipv|mp|h|v|rfc|"
    r"line|col|column|step|item|row|page|arg|field|case|iso|pbkdf|argon|win|word|part|try|no)"
    r"[-_]?\d+\w{0,4}",
    re.IGNORECASE,
)
_DATED = lazy(r"[\dTZ:.,/+ -]+|\d+(?:\.\d+)*\s?[a-zA-Z%µ]{1,7}|0x[0-9a-fA-F]+|v?\d+(?:\.\w+)+")
_NAMED_PART = r"(?:[A-Z]?[a-z]+\d{0,2}|[A-Z]{2,}|\d{1,3})"
_NAMED = lazy(
    rf"{_NAMED_PART}(?:[-_./]{_NAMED_PART})+|[\w.-]*[\w-]\.[a-z]{{2,4}}|[\w.-]*(?:[/\\][\w.-]+)+[/\\]?|\w+=\S*"
    r"|\S+:\d+(?::\d+)?|[A-Z]{4,}\d{1,3}"
)
_RANDOM = 6


def looks_random(value: str) -> bool:
    """Whether a value looks like a password or a token, where most others would not.

    It has letters and digits, and is none of what else has both: a version, a time, a path, the
    name of an algorithm or of a thing.
    """
    return (
        len(value) >= _RANDOM
        and any(map(str.isdigit, value))
        and any(map(str.isalpha, value))
        and not is_placeholder(value)
        and not any(form.fullmatch(value) for form in (_USUAL, _DATED, _NAMED, _CODE))
    )


def is_nothing(name: str, value: str) -> bool:
    """Whether a value is none wherever it stands."""
    return bool(
        is_placeholder(value)
        or value.partition(")")[0].lower() == name.rpartition(".")[2].lower()
        or value in ("None", "null", "nil", "undefined", "DEFAULT", "NULL")
        or (len(value) <= _SHORT and not any(map(str.isalnum, value)))
        or (_COUNTED.search(name) and _AMOUNT.fullmatch(value) and not name.lower().endswith("pin"))
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
    marks = value.lstrip("\\bBfF")[:1]
    is_quoted = marks in ("'", '"')
    inner = value.lstrip("bBfF").strip("\\'\"") if is_quoted else value.rstrip(";,)\"'")
    sign = operator.strip("\\'\"`] \t").removesuffix("b")
    if is_nothing(name, inner) or is_nothing(name, value) or _is_another(name, sign, operator):
        return True
    if sign == ",":  # ("password", "token") are names
        return is_no_leaf(inner, is_list=True) or _NAMED.fullmatch(inner) is not None
    if _WEAK.search(name) and _is_weak(name, inner):
        return True
    if is_quoted:
        return _is_no_string(name, inner, after)
    return _is_no_bare_value(name, sign, operator, inner, after)


def _is_another(name: str, sign: str, operator: str) -> bool:
    """Whether a name and what is behind it are none and its value."""
    if sign in ("==", "!=") and operator[:1] in ("'", '"') and "]" not in operator:
        return True  # 'token' == 'abc'
    return sign == ":" and name.startswith("--")  # a variable of a style sheet


def _is_no_string(name: str, inner: str, after: str) -> bool:
    is_password = _PASSWORD.search(name) is not None
    if inner.strip().lower() in ("bearer", "basic", "token") or after.startswith(" * "):
        return True
    return not is_password and (
        len(inner) < _SHORT or is_message(inner) or re.fullmatch(r"[A-Z]{2,12}", inner) is not None
    )


def _is_no_bare_value(name: str, sign: str, operator: str, inner: str, after: str) -> bool:
    is_password = _PASSWORD.search(name) is not None
    has_space = operator[-1:].isspace()
    if not sign:
        return _is_no_argument(operator, inner, is_password)
    if (
        _TYPE.fullmatch(inner.partition(",")[0][:200])
        or after.startswith(" | ")
        or inner.startswith("!")
    ):
        return True
    if sign in ("==", "!=", "===", "!==") and re.fullmatch(rf"{_NAME}\d?", inner.rstrip(":")):
        return True
    if operator == ":" and (inner[:1] == ":" or _WORD.fullmatch(inner) or _KEBAB.fullmatch(inner)):
        return True  # input.password:focus, token::text
    is_selector = operator == '"]:' and _SELECTOR.match(inner) is not None
    is_small = _NUMBER.fullmatch(inner) or _USUAL.fullmatch(inner)
    is_count = is_small and sign == ":" and _NEXT_WORD.match(after)
    if is_count or (operator == ":" and re.fullmatch(r"[\w.]+\.\w+:\d+", inner)):
        return True  # Passwords: 12 characters, shop.auth:auth.py:12
    if sign in ("=", "!=", ":") and not has_space and re.fullmatch(r"[a-z]{1,2}", inner):
        return True  # minified code
    if is_selector or (sign == ":" and inner.endswith(":")):
        return True  # input[type="password"]:focus-visible, shop.auth: login: done
    is_command = inner.startswith("`") and (" " in inner or not inner.endswith("`"))
    if sign == "=" and is_command and not has_space:
        return True  # TOKEN=`cat token.txt`
    if not is_password and inner.startswith("/") and inner.endswith("/"):
        return True  # the form of a token
    if sign != ":" and not has_space:  # token=abc, f(token=user_token)
        is_loud = re.fullmatch(r"[A-Z]{2,12}", inner) is not None
        is_code = after[:1] in (",", ")", "]", "}") and _is_code(name, inner, after, is_password)
        return is_code or (is_loud and not is_password) or inner == "PASSWORD"
    if _is_code(name, inner, after, is_password) or (sign == "=" and _NUMBER.fullmatch(inner)):
        return True
    if inner in ("credentials", "tokens", "secrets") or _STATUS.match(inner):
        return True
    may_be_word = is_password or (
        _PLAIN.search(name) and inner.islower() and not after.strip(" ")[:1].strip()
    )
    if not may_be_word and (len(inner) < _SHORT or _WORD.fullmatch(inner.rstrip(".!?"))):
        return True
    return sign == ":" and _is_sentence(inner, after)


def _is_no_argument(operator: str, inner: str, is_password: bool) -> bool:
    """Whether what comes behind an option is no value: `--auth basic`, `--password TEXT`."""
    return bool(
        (len(operator) > 1 and operator.isspace())
        or inner[:1] in "[<"
        or re.fullmatch(r"[A-Z_]+|[a-z]+=[a-z]+|[a-z]+(?:/[a-z]+)+", inner)
        or (not is_password and _WORD.fullmatch(inner))
    )


_NEXT_WORD = lazy(r" [a-z]+[ .,;]")
_SELECTOR = lazy(r"[a-z-]+(?:[\s,){:]|$)")
_WEAK = lazy(r"(?:^|[^a-z])(?:auth|pin|sig|sid|signature|credentials?)\Z", re.IGNORECASE)
"""Names that mean other things as often."""
_SETTING = lazy(r"[A-Z]{2,7}\d{0,3}|\d{1,3}")


def _is_weak(name: str, inner: str) -> bool:
    if name.lower().endswith("sid") and inner.isdigit():
        return True
    forms = (_WORD, _IDENTIFIER, _KEBAB, _SETTING, _USUAL)
    return any(form.fullmatch(inner) for form in forms)


def _is_code(name: str, inner: str, after: str, is_password: bool) -> bool:
    if _CODE.fullmatch(inner[:200]) or _CODE.fullmatch(inner[:200] + after[:1]):
        return True
    # `password = user_password` is code, `password = super_secret` may be the secret.
    last = name.rpartition("_")[2].lower()
    is_same = not is_password or inner.lower().endswith(last)
    return is_same and _IDENTIFIER.fullmatch(inner) is not None


def is_no_leaf(value: str, *, is_list: bool = False) -> bool:
    """Whether a text below the name of a secret, in an object or a list, is none.

    Args:
        value: without its quotes.
        is_list: whether it may be an entry in a list of names.
    """
    if is_list and any(form.fullmatch(value) for form in (_WORD, _IDENTIFIER, _KEBAB)):
        return True
    return (
        is_nothing("", value)
        or _SAID_OF_VALUES.match(value) is not None
        or _TYPE.fullmatch(value[:200]) is not None
        or _USUAL.fullmatch(value) is not None
        or is_message(value)
        or is_prose(value)
        or re.fullmatch(r"(?:/[A-Za-z_{}.-]+)+/?", value) is not None
    )


_PROSE = lazy(
    r"[A-Z][a-z']+(?: (?:[a-z']+|[A-Z]+))+[.!?]?|[a-z]+: [a-z]+(?: [a-z]+)+[.!?]?"
    r"|[\^~<>=v]*\d+(?:\.\d+)+"
    r"|[a-z][\w-]* (?:\S+ )*[\w/.-]+\.(?:js|mjs|py|sh|ts)(?: .*)?"
)


def is_prose(value: str) -> bool:
    """Whether a text is for people, a version, or a command, whatever the name says."""
    return _PROSE.fullmatch(value[:500]) is not None


def is_no_bare_leaf(value: str) -> bool:
    """Whether what is in brackets below the name of a secret, without quotes, is none."""
    forms = (_WORD, _IDENTIFIER, _TYPE, _CODE, _REQUIRED)
    return value.isdigit() or is_nothing("", value) or any(f.fullmatch(value[:200]) for f in forms)


def is_message(inner: str) -> bool:
    """Whether a quoted value is a message, and no secret: `is too short`."""
    return (inner.count(" ") > 1 or inner[-1:] in ".!") and _is_sentence(inner, "")


def _is_sentence(inner: str, after: str) -> bool:
    """Whether a value is the beginning of a sentence: `Password: must be at least ...`."""
    first, space, rest = inner.partition(" ")
    if not _WORD.fullmatch(first.rstrip(".,;!?")):
        return False
    more = _MORE_WORDS.match(space + rest + after)
    return more is not None or (not space and first[-1:] in ".!")
