"""What stands where a secret would, and is none: placeholders, code, types, words, sentences.

`_SIGNS` is the table of what a value looks like if it is none. How much it takes depends on the
name: anything may be a password, while a `token` is a word of languages as often. And it depends on
where the value stands: `token=abc` says more than `token: abc`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.names import FAINT, KEY, PASSWORD, VAGUE, WORD, strength

_STAND_IN = (
    r"\\?\$\w+|\$\{[^{}]*\}?|\$\([^()]*\)?|\$\{\{[^{}]*\}\}|\{\{?[\w .!:|()-]*\}?\}?"
    r"|<[^\W\d][^<>\d]*(?:64)?>?|</\w+>?"
    r"|%\w+%|%\(?\w*\)?[sdrq]|\[[A-Za-z_ |-]+\]|\?|:[a-z_]\w*|@\w+(?:\.\w+)*|\.{2,}|[*xX•·…-]{2,}"
    r"|\*+|…"
    r"|(?:\w{1,15}?[_.~-]){0,3}(?P<filler>[A-Za-z])(?P=filler){7,}"
    r"|&lt;[A-Za-z _-]+&gt;|#\{[^{}]*\}|(?:YOUR|MY|EXAMPLE|SOME)(?:[_-][A-Z]+)+"
)
_PLACEHOLDER = lazy(_STAND_IN, re.IGNORECASE)
_SCHEME = lazy(r"(?:bearer|basic|token|apikey)[ ](?=\S)", re.IGNORECASE)
_MOST_STAND_INS = 10


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


# -- forms of values

_NAME = r"[A-Za-z_$@][A-Za-z_]*"
_PART = r"(?:\??\.|->|::|:(?!:))"
_CODE = (
    rf"(?:await |new |not |&|\*{{1,2}}|self\b|this\b)?{_NAME}(?:"
    rf"(?:{_PART}{_NAME}|\.[A-Z]\d)+|(?:{_PART}\w+)*\[.*|(?:\d\w*)?(?:{_PART}\w+)*\(.*)"
)
_IDENTIFIER = (
    r"_{0,2}[a-z]+(?:_[a-z]+)+_{0,2}|__?[a-z]+_{0,2}|[A-Z]+(?:_[A-Z]+)+"
    r"|[a-z]{2,}(?:[A-Z][a-z]{2,})+"
)
_PASCAL = r"_?(?:[A-Z]{2,5})?(?:[A-Z][a-z]{2,}){2,}"
_PASCAL_WITH_DIGITS = r"(?:[A-Z]{1,5}[a-z]*\d*){2,}"
_KEBAB = r"[a-z]+(?:-[a-z]+)+"
_WORD = r"(?![^\W\d_]{16})(?:[^\W\d_]?[^\W\d_A-Z]*(?:['-][^\W\d_A-Z]+)*|[A-Z]{2,8})"
_WORD_AND_END = rf"{_WORD}[.!?]*"
_SHORT_WORD = r"[a-z]{1,7}"
_TITLE = r"[^\W\d_a-z][^\W\d_A-Z]{0,14}"
_LOUD = r"[A-Z]{2,12}"
_SETTING = r"[A-Z]{2,7}\d{0,3}|\d{1,3}"
_TYPE = (
    r"(?i:(?:None|null|nil|undefined|true|false|str|bytes|string|int|bool|boolean|number|Any|object"
    r"|SecretStr|String|u?int\d{0,3}|uuid|varchar|text|char|Optional\[.*|Union\[.*|List\[.*|z\..*)"
    r"[;,)|?]*)|[A-Z]\w+<.*"
)
_STATUS_WORDS = (
    r"incomplete|absent|all|any|anything|array|auto|await|bad|basic|bearer|blank|boolean|confirmed|default|denied"
    r"|digest|disabled|empty|enabled|expired|false|failed|found|hidden|identifier|include|incorrect"
    r"|inherit|integer|invalid|keyword|latest|lax|lambda|literal|manual|mandatory|masked|missing|new|newline|just|no"
    r"|none|nothing|null|number|object|off|ok|omit|on|operator|optional|present|punctuation|redacted"
    r"|read|required|rejected|revoked|same-origin|set|something|strict|string|text|true|(?:un)?changed|unknown"
    r"|unset|valid|whitespace|write|wrong|yes"
)
_KEYWORD = r"(?:assert|break|continue|del|for|if|pass|raise|return|throw|try|while|yield);?"
"""Of code: `if password != other_password: raise ...`."""
_STATUS = rf"(?i:(?:{_STATUS_WORDS})[.!,)]?)"
"""What is said of a secret, even of a password."""
_RULES = r"[a-z_]+(?::[\w,]+)?(?:\|[a-z_]+(?::[\w,]+)?)+|[a-z]+:(?:\d+|[a-z]+)"
"""Of a validator: `required|min:8`."""
_SECRETS = (
    r"passwords?|passwort|passwörter|passphrases?|passcodes?|kennwort|contraseñas?|contrasena"
    r"|mots? de passe|senhas?|wachtwoord|has[łl]o|heslo|lösenord|adgangskode|passord|salasana"
    r"|parola|şifre|jelszó|palavra-passe|clave|пароль|secrets?|tokens?|api[ -]?keys?|cookies?"
    r"|credentials?|geheimnis|jeton|zugangsdaten"
)
_LABEL = (
    rf"(?=[^\W\d_a-z])(?:[^\W\d_]|[ '\u2019.,:;?!()…/-])*?(?<![^\W\d_])(?i:{_SECRETS})(?![^\W\d_])"
    r"(?:[^\W\d_]|[ '\u2019.,:;?!()…/-])*|\w*(?:密码|密碼|パスワード|비밀번호)\w*"
)
"""What is written beside a field, in some language."""
_LABEL_OR_WORDS = rf"(?=[^\W\d_])(?:[^\W\d_]|[ '\u2019-])*?(?<![^\W\d_])(?i:{_SECRETS})(?![^\W\d_])"
_VERSION = (
    r"[\^~<>=v! ]*\d{1,4}(?:\.\d{1,6})+(?:[-+.]?[a-z]{1,5}[.\d]*)?(?:,\s?[<>=!]+[\d.]+)?|[\^~]\d+"
)
_REGEX = (
    r"\^.*\$|\.[*+].*|.*(?:\[\^?(?:a-z|A-Z|0-9|\\w|\\d)|\\+[dwsb][+*{\[)]|\(\?[:=!i<P]|\[\^).*"
    r"|\\+[dwsDWS][+*]?"
)
_SIGNS_ONLY = r"(?:[\W_]|\\[nrt])+|0x[0-9a-fA-F]{1,8}"
_DOTTED = (
    r"\.?[A-Za-z_]+\d?(?:\.[A-Za-z_]+\d?)+|\.[a-z]\w*|(?:~|\.{1,2}|[a-z]+:)?(?:/[A-Za-z_{}.-]+\d?)+/?"
    r"|(?:[a-z]+\.)*[a-z]+/[a-z.-]+"
)
"""Names with dots, paths, types of content."""
_ARTIFACT = r"[a-z]+(?:[-_.][a-z]+)+[-:@]v?\d+(?:\.\d+)+(?:[-.]\w+)?"
"""Of Maven, with its version."""
_FILE = (
    r"[\w./~-]*[\w-]\.(?:conf|crt|env|ini|js|json|key|mjs|pem|properties|py|sh|toml|ts|txt|ya?ml)"
)
_ALGORITHM = (
    r"(?i:(?:sha|md|utf|base|aes|rs|hs|es|ps|ed|latin|iso|u?int|uint|float|bcrypt|pbkdf|argon|erc)"
    r"[-_]?\d+(?:[-_/]\w{1,8}){0,2})"
)
_USUAL = (
    r"(?i:(?:sha|md|utf|base|aes|rs|hs|es|ps|ed|oauth|http|x|p|int|uint|float|python|py|ipv|mp|h|v"
    r"|rfc|line|col|column|step|item|row|page|arg|field|case|iso|pbkdf|argon|bcrypt|win|word|part"
    r"|try|no|gpio|erc|latin)[-_]?\d+\w{0,4})"
)
_COLOR = r"#[0-9a-fA-F]{3,8}"
_NUMBER = r"\d{1,3};?"
_AMOUNT = r"\d{1,3}(?:\.\d+)?(?:ms|s|%|px|[kKM])?|\d{1,3}-\d{1,3}"
_COUNTED_ELSEWHERE = r"[^\W\d_a-zA-Z]*\d{1,3}[^\W\d_a-zA-Z]+"
_URL = r"https?://[^\s@?=]*"
_RESOURCE = r"arn:aws[\w-]*:.*|urn:[a-z].*"
_PROSE = (
    r"[A-Z][a-z']+(?: (?:[a-z']+|[A-Z]+))+[.!?]?|[a-z]+: [a-z]+(?: [a-z]+)+[.!?]?"
    r"|[a-z][\w-]* (?:\S+ )*[\w/.-]+\.(?:js|json|mjs|py|sh|toml|ts|ya?ml)(?: .*)?"
)
_WORDS = r"[a-z]+(?: [a-z]+)+"
_REQUIRED = r"\[?[A-Z][A-Za-z]+!"  # of GraphQL
_FIELD = r"(?:user|first|last)?_?name|e-?mail|login|phone|role|user|username|id|url|type|value"
_SPECIAL = r"<\|[a-z_]+\|>|\[[A-Z]+\]|</?[a-z]+>"
"""Tokens of a language model."""


# -- where a value stands

ASSIGNED, SPACED, SAID, QUOTED, LISTED, PAIR, LEAF, CELL, BARE_LEAF, ARGUMENT = '=_:",(}|]-'
"""`a=b`, `a = b`, `a: b`, `a="b"`, `("a", "b", …)`, `[("a", "b")]`, in an object below a name, in a
column of a table, in brackets without quotes, `--a b`"""
_ALL = f"{ASSIGNED}{SPACED}{SAID}{QUOTED}{LISTED}{PAIR}{LEAF}{CELL}{BARE_LEAF}{ARGUMENT}"
_WORDS_TOO = f"{WORD}{VAGUE}"
_OTHERS = f"{KEY}{_WORDS_TOO}"
_ANY = f"{PASSWORD}{_OTHERS}"
_BELOW = f"{LEAF}{CELL}{BARE_LEAF}{PAIR}{LISTED}"


class Sign(NamedTuple):
    """What a value is if it is none.

    Attributes:
        form: an expression for all of the value.
        of: the names that it is a sign for, by their strength.
        where: the places in which it is one.
    """

    form: str
    of: str = _ANY
    where: str = _ALL


_SIGNS = (
    Sign(_STATUS),
    Sign(_KEYWORD, where=SAID),
    Sign(_VERSION),
    Sign(_REGEX),
    Sign(_LABEL),
    Sign(_RULES, where=f"{QUOTED}{_BELOW}"),
    Sign(_RESOURCE),
    Sign(_ALGORITHM),
    Sign(_SPECIAL),
    Sign(_TYPE, where=f"{SPACED}{SAID}{LEAF}{CELL}{BARE_LEAF}{LISTED}"),
    Sign(_CODE, where=f"{SPACED}{SAID}{BARE_LEAF}"),
    Sign(_PASCAL, _OTHERS, f"{SPACED}{SAID}{_BELOW}"),
    Sign(_SIGNS_ONLY, _OTHERS),
    Sign(_USUAL, _OTHERS),
    Sign(_USUAL, PASSWORD, f"{LEAF}{CELL}"),
    Sign(_COLOR, _OTHERS),
    Sign(_COUNTED_ELSEWHERE),
    Sign(rf"(?=.*[a-z]{{4}}){_PASCAL_WITH_DIGITS}", _OTHERS, SAID),
    Sign(r"[\w\s:/.,-]*(?:\{[\w!:.]*\}[\w\s:/.,-]*)+", _OTHERS, QUOTED),
    Sign(rf"[a-z_][\w]*\.{_PASCAL_WITH_DIGITS}", _OTHERS, SAID),
    Sign(_URL, _OTHERS),
    Sign(_FILE, _OTHERS),
    Sign(rf"\.{{1,2}}/{_FILE}"),
    Sign(r"<-?\d{1,5}>", where=BARE_LEAF),
    Sign(_ARTIFACT, _OTHERS),
    Sign(_DOTTED, _OTHERS, f"{SPACED}{SAID}{QUOTED}{_BELOW}"),
    Sign(r"(?:/[A-Za-z_{}.-]+)+/?", where=f"{LEAF}{CELL}{LISTED}"),
    Sign(_LOUD, _OTHERS, f"{ASSIGNED}{SPACED}{SAID}{QUOTED}{PAIR}"),
    Sign(r".{1,2}", _OTHERS, f"{SPACED}{SAID}{QUOTED}"),
    Sign(_IDENTIFIER, _OTHERS, f"{SPACED}{SAID}{BARE_LEAF}"),
    Sign(rf"{_IDENTIFIER}|{_PASCAL}", _WORDS_TOO, f"{ASSIGNED}{QUOTED}{CELL}"),
    Sign(_KEBAB, _WORDS_TOO, f"{SAID}{QUOTED}{CELL}"),
    Sign(_LABEL_OR_WORDS, _OTHERS, f"{QUOTED}{_BELOW}"),
    Sign(_TITLE, _OTHERS, f"{QUOTED}{PAIR}"),
    Sign(
        rf"(?=\w*(?:Passw|Secret|Token|Auth|Cred|Key)){_PASCAL}|_[A-Z][A-Za-z]+",
        where=SAID + SPACED,
    ),
    Sign(_SHORT_WORD, WORD, QUOTED),
    Sign(_WORD_AND_END, VAGUE, _ALL.replace(LEAF, "")),
    Sign(_SETTING, VAGUE),
    Sign(_WORD_AND_END, _WORDS_TOO, f"{SPACED}{SAID}{CELL}{PAIR}{ARGUMENT}"),
    Sign(_WORD_AND_END, KEY, f"{SPACED}{ARGUMENT}"),
    Sign(_PROSE, where=f"{QUOTED}{_BELOW}"),
    Sign(_WORDS, where=CELL),
    Sign(_WORDS, _WORDS_TOO, f"{LISTED}{PAIR}"),
    Sign(rf"{_FIELD}|{_IDENTIFIER}|{_KEBAB}|(?i:{_SECRETS})", where=PAIR),
    Sign(r"credentials|secrets|tokens", where=SPACED),
    Sign(_NUMBER, where=f"{SPACED}{CELL}"),
    Sign(_NUMBER, _OTHERS, f"{ASSIGNED}{SAID}{ARGUMENT}"),
    Sign(rf"{_WORD}|{_IDENTIFIER}|{_KEBAB}", where=LISTED),
    Sign(
        rf"{_WORD}|{_IDENTIFIER}|{_REQUIRED}|-?\d{{1,5}}(?:\.\d{{1,5}})?|[a-z]{{1,3}}\d?",
        where=BARE_LEAF,
    ),
    Sign(r"[A-Z_]+|[a-z]+=[a-z]+|[a-z]+(?:/[a-z]+)+|[<\[].*", where=ARGUMENT),
)


@lru_cache
def _form(of: str, where: str) -> re.Pattern[str]:
    """Return what is no value of such a name at such a place, as one expression."""
    forms = [sign.form for sign in _SIGNS if of in sign.of and where in sign.where]
    return re.compile("|".join(f"(?:{form})" for form in forms), re.DOTALL)


_LONGEST = 200
"""Characters of a value by which it is told what it is."""


def is_no_value(name: str, where: str, value: str) -> bool:
    """Whether a value is none of a name, by what it looks like alone.

    Args:
        name: of a secret.
        where: one of the places, `SAID` for example.
        value: without its quotes.
    """
    value = value.strip()
    if strength(name) == FAINT:
        if where == LISTED:
            return True
        is_code = _DIGITS.fullmatch(value) is not None and _OF_CODES.search(name) is not None
        return not is_code and (not looks_random(value) or _OF_CODE.fullmatch(value) is not None)
    return (
        is_nothing(name, value)
        or _form(strength(name), where).fullmatch(value, 0, _LONGEST) is not None
        or (where in _QUOTED_OR_BELOW and is_message(value) and _is_told(name, where))
    )


_DIGITS = lazy(r"\d{4,10}")
_OF_CODES = lazy(r"codes?\Z", re.IGNORECASE)
_OF_CODE = lazy(r"(?=.*[A-Z][a-z]{3})" + _PASCAL_WITH_DIGITS)
_QUOTED_OR_BELOW = f"{QUOTED}{LEAF}{CELL}{LISTED}{PAIR}"


def _is_told(name: str, where: str) -> bool:
    """Whether a sentence is none: a password of several words is one, directly under its name."""
    return strength(name) != PASSWORD or where != QUOTED


_COUNTED = lazy(
    r"(?:pass|pin|otp|auth|session|secret|credential|cookie|password|token)s?$", re.IGNORECASE
)  # pass=12 fail=0
_COUNT = lazy(_AMOUNT)
_PATH = lazy(r"(?:~|\.{1,2})?/|[A-Za-z]:[\\/]")
_SHORT = 3


def is_nothing(name: str, value: str) -> bool:
    """Whether a value is none wherever it stands."""
    return bool(
        is_placeholder(value)
        or value.partition(")")[0].lower() == name.rpartition(".")[2].lower()
        or (value in ("auth", "password", "token") and name.lower().endswith(value))
        or value in ("None", "null", "nil", "undefined", "DEFAULT", "NULL")
        or (len(value) <= _SHORT and not any(map(str.isalnum, value)))
        or (
            value[:1].isdigit()
            and _COUNT.fullmatch(value)
            and _COUNTED.search(name)
            and (len(value) < _SHORT or not name.lower().endswith("pin"))
        )
        or value.startswith(("self.", "this.", "cls."))
        or (name.lower() in ("pwd", "oldpwd") and _PATH.match(value) is not None)
    )


_NAMED_PART = r"(?:[A-Z]?[a-z]+\d{0,2}|[A-Z]{2,}\d{0,2}|\d{1,3})"
_NO_TOKEN = lazy(
    rf"{_USUAL}"
    # times, sizes, versions
    r"|[a-z][a-z+]{1,15}://\S*"
    r"|[\dTZ:.,/+ -]+|\d+(?:\.\d+)*\s?[a-zA-Z%µ]{1,7}|0x[0-9a-fA-F]+|v?\d+(?:\.\w+)+"
    rf"|{_NAMED_PART}(?:[-_./]{_NAMED_PART})+|[\w.-]*[\w-]\.[a-z]{{2,4}}"
    r"|[\w.-]*(?:[/\\][\w.-]+)+[/\\]?|\w+=\S*|\S+:\d+(?::\d+)?|[A-Z]{4,}\d{1,3}"
    r"|_?[A-Z]+\d*(?:_[A-Z\d]+)+"
    r"|(?i:sha|md)\d{1,3}[-:=][A-Za-z0-9+/]+={0,2}"
    rf"|{_CODE}"
)
_NAMED = lazy(rf"{_NAMED_PART}(?:[-_./]{_NAMED_PART})+")
_LONG_WORD = lazy(r"[a-z]{18,}")
_MIXED_CASES = lazy(r"(?:[A-Z]{1,2}[a-z]{1,2}|[a-z]{1,2}[A-Z]{1,2}){3,}[A-Za-z]{0,2}")
_RANDOM = 6


def looks_random(value: str) -> bool:
    """Whether a value looks like a password or a token, where most others would not.

    It has letters and digits, and is none of what else has both: a version, a time, a path, the
    name of an algorithm or of a thing. Or it is of letters as no word is.
    """
    value = value[:_LONGEST]
    if len(value) < _RANDOM:
        return False
    if value.isalpha():
        return bool(_LONG_WORD.fullmatch(value) or _MIXED_CASES.fullmatch(value))
    return (
        any(map(str.isdigit, value))
        and any(map(str.isalpha, value))
        and not is_placeholder(value)
        and _NO_TOKEN.fullmatch(value) is None
    )


def is_none(name: str, operator: str, value: str, after: str, before: str = "") -> bool:
    """Whether what is said of `name` is no value of it.

    Args:
        name: what looks like the name of a secret.
        operator: what is between the name and the value, spaces included.
        value: with its quotes.
        after: the text behind it, or some of it.
        before: some of the text before the name.
    """
    is_quoted = value.lstrip("\\bBfFrRuU")[:1] in ("'", '"')
    end = ";,)\"'>" if before.endswith("<") else ";,)\"'"
    inner = value.lstrip("bBfFrRuU").strip("\\'\"") if is_quoted else value.rstrip(end)
    operator = operator.replace("\uff1a", ": ")
    sign = operator.strip("\\'\"`] \t").removesuffix("b")
    if is_nothing(name, value) or _is_another(sign, operator, name, before):
        return True
    if sign in _APPENDING and not looks_random(inner):
        return True
    if sign == ",":
        where = PAIR if is_pair(before, after) else LISTED
        return is_no_value(name, where, inner) or (
            where == LISTED and _NAMED.fullmatch(inner) is not None
        )
    if is_quoted:
        is_compared = sign in _COMPARISONS and _is_word(inner) and strength(name) != PASSWORD
        return is_compared or after.startswith(" * ") or is_no_value(name, QUOTED, inner)
    if operator == " = " and _IN_TUPLE.search(before) and _COMPARED.fullmatch(inner):
        return True  # user, password = credentials
    return _is_of_style(name, sign, operator, value) or _is_no_bare_value(
        name, sign, operator, inner, after
    )


_IN_TUPLE = lazy(r"(?:^|\n)[^=\n]*, \Z")
_APPENDING = ("+=", ".=")
_COMPARISONS = ("==", "!=", "===", "!==")
_PAIR_BEFORE = lazy(r"(?:(?:^|[\[({,\s])[(\[]|\{[ ]?)[bu]?['\"]?\Z")
_SETTER_BEFORE = lazy(
    r"(?:add|append|assign|(?<![a-z])attr|define|env|header|put|set)\w*\([bu]?['\"]?\Z",
    re.IGNORECASE,
)


def is_pair(before: str, after: str) -> bool:
    """Whether a name and what comes behind a comma are a pair: `[("a", "b")]`, `set("a", "b")`."""
    if _SETTER_BEFORE.search(before):
        return True
    return after[:1] in (")", "]", "}") and _PAIR_BEFORE.search(before) is not None


def _is_word(value: str) -> bool:
    return _WORD_FORM.fullmatch(value) is not None


_WORD_FORM = lazy(_WORD_AND_END)


def _is_another(sign: str, operator: str, name: str, before: str) -> bool:
    """Whether a name and what is behind it are none and its value."""
    if sign in ("==", "!=") and operator[:1] in ("'", '"') and "]" not in operator:
        return not before.endswith("$")  # 'token' == 'abc', but "$TOKEN" == 'abc'
    return sign == ":" and name.startswith("--")  # a variable of a style sheet


def closes(text: str, at: int) -> bool:
    """Whether a quote at a place ends what began before on its line: `"Password: " + password`."""
    mark = text[at : at + 1]
    if mark not in ("'", '"') or text[at + 1 : at + 2] not in _BEHIND_STRINGS:
        return False
    line = text[max(0, text.rfind("\n", 0, at) + 1, at - _LONGEST) : at]
    return len(_MARKS[mark].findall(line)) % 2 == 1


_BEHIND_STRINGS = (*" \n\r,;:)]}+", "")
_MARKS = {mark: lazy(rf"(?<![\w\\]){mark}|(?<!\\){mark}(?!\w)") for mark in ("'", '"')}
"""Quotes that are no apostrophes."""

_PSEUDO = lazy(
    r":.*|(?:active|after|before|checked|disabled|empty|enabled|first|focus|has|host|hover|in|invalid"
    r"|is|last|link|not|nth|only|optional|placeholder|read|required|root|target|valid|visited|where)"
    r"(?:-[a-z-]+)?(?:[{(,].*)?"
)
"""What comes behind `input.password:`, `token::` in style sheets."""
_SELECTOR = lazy(r"[a-z-]+(?:[\s,){:]|$)")
_NEXT_WORD = lazy(r" [a-z]+(?:[ .,;]|$)")
_AMOUNT_FORM = lazy(rf"(?:{_AMOUNT}|{_USUAL}|{_NUMBER})")
_MINIFIED = lazy(r"[a-z]{1,2}")
_COMPARED = lazy(rf"{_NAME}\d?(?:\.\w+)*(?:\?.*|:)?")
_PLACE_OF_CODE = lazy(r"[\w.]+\.\w+:\d+")
_CODE_FORM = lazy(_CODE, re.DOTALL)
_IDENTIFIER_FORM = lazy(rf"{_IDENTIFIER}|{_PASCAL}")
_ALONE = (",", "]", "}", "", "\n", "\r", " ")


def _is_no_bare_value(name: str, sign: str, operator: str, inner: str, after: str) -> bool:
    has_space = operator[-1:].isspace()
    if not sign:
        is_listed = len(operator) > 1 and operator.isspace()
        return is_listed or is_no_value(name, ARGUMENT, inner)
    if after.startswith((" | ", " == ", " != ", " === ", " !== ")) or inner.startswith("!"):
        return True
    if sign in _COMPARISONS and _COMPARED.fullmatch(inner):
        return True
    if _is_counted(sign, inner, after):
        return True
    if sign != ":" and not has_space:  # token=abc, f(token=user_token)
        is_command = inner.startswith("`") and (" " in inner or not inner.endswith("`"))
        is_code = after[:1] in (",", ")", "]", "}") and _is_code(name, inner, after)
        is_minified = sign == "=" and _MINIFIED.fullmatch(inner)
        return bool(is_command or is_code or is_minified or is_no_value(name, ASSIGNED, inner))
    return (
        is_no_value(name, SPACED if sign != ":" else SAID, inner)
        or _is_code(name, inner, after)
        or _is_type(name, sign, inner, after)
        or (sign == ":" and (inner.endswith(":") or _is_word_of_many(name, inner, after)))
        or (sign == ":" and _is_sentence(inner, after))
    )


def _is_of_style(name: str, sign: str, operator: str, value: str) -> bool:
    """Whether it is of a style sheet, or a place in code: `input.password:focus`, `a.b:12`."""
    if sign != ":" or operator[-1:].isspace():
        return False
    inner = value.rstrip(";,)\"'")
    if operator == '"]:' and _SELECTOR.match(inner):
        return True
    is_string = value[len(inner) :][:1] in ("'", '"')
    is_word = _is_word(inner) and (is_string or strength(name) != PASSWORD)
    return operator == ":" and bool(
        is_word
        or _PSEUDO.fullmatch(inner)
        or _PLACE_OF_CODE.fullmatch(inner)
        or _MINIFIED.fullmatch(inner)
    )


def _is_counted(sign: str, inner: str, after: str) -> bool:
    """Whether it is a number of something: `Passwords: 12 characters`."""
    is_amount = sign == ":" and _AMOUNT_FORM.fullmatch(inner) is not None
    return is_amount and _NEXT_WORD.match(after) is not None


def _is_word_of_many(name: str, inner: str, after: str) -> bool:
    """Whether a word behind a colon is one of a text, as it is but for strong names."""
    if strength(name) == PASSWORD or not _is_word(inner):
        return False
    is_last = after.strip(" ")[:1].strip() in ("", "'", '"')
    return strength(name) != KEY or not inner.islower() or not is_last


def _is_type(name: str, sign: str, inner: str, after: str) -> bool:
    """Whether it is what is declared: `token: Token`, `password: PasswordInput, user: ...`."""
    if sign != ":" or not _IDENTIFIER_FORM.fullmatch(inner):
        return False
    is_declared = inner[:1].isupper() or (inner[:1] == "_" and inner[1:2] in ("T", "S"))
    return is_declared and after.lstrip(" ")[:1] in (",", ")", "=", "{", ";", "|", "[", "-")


def _is_code(name: str, inner: str, after: str) -> bool:
    if _CODE_FORM.fullmatch(inner, 0, _LONGEST) or _CODE_FORM.fullmatch(
        inner[:_LONGEST] + after[:1]
    ):
        return True
    # `password = user_password` is code, `password = super_secret` may be the secret.
    last = name.rpartition("_")[2].lower()
    is_same = strength(name) != PASSWORD or last in inner.lower()
    return is_same and _IDENTIFIER_FORM.fullmatch(inner) is not None


def is_message(inner: str) -> bool:
    """Whether a quoted value is a message, and no secret: `is too short`."""
    return (inner.count(" ") > 1 or inner[-1:] in ".!") and _is_sentence(inner, "")


_MORE_WORDS = lazy(
    r"[.,;]?[ \t]+(?:\(?[^\W\d_]?[^\W\d_A-Z]*'?[a-z]*"
    r"(?![\w]*[ \t]*[:=])(?=[\s.,;:!?)'\"]|$)|(?=\d))"
)


def _is_sentence(inner: str, after: str) -> bool:
    """Whether a value is the beginning of a sentence: `Password: must be at least ...`."""
    first, space, rest = inner.partition(" ")
    if not _is_word(first.rstrip(".,;!?")):
        return False
    more = _MORE_WORDS.match(space + rest + after)
    return more is not None or (not space and first[-1:] in ".!")
