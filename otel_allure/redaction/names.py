"""The names of secrets: one table for attributes, headers, queries, bodies, commands and texts.

Words count, not substrings: `authors`, `tokenizer` and `max_tokens` are no secrets. Nor is what a
name says about one, as in `token_count`.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import lru_cache

from otel_allure.model.settings import Settings
from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.places import lines_with

_ANYWHERE = ("passwords?", "passwd", "passphrases?", "passcode")
"""Secret within whatever word: `dbpassword`."""

FOREIGN = (
    *("passwort", "kennwort", "contraseña", "contrasena", "mot de passe", "mot_de_passe", "senha"),
    *("motdepasse", "wachtwoord", "hasło", "haslo", "heslo", "lösenord", "adgangskode", "passord"),
    *("salasana", "şifre", "jelszó", "пароль", "密码", "密碼", "パスワード", "비밀번호"),
)
"""Passwords in other languages."""

_KEYS = (
    *(
        "admin",
        "api",
        "app(?:lication)?",
        "auth",
        "cookie",
        "hmac",
        "jwt",
        "shared",
        "webhook",
        "(?:aws)?access",
        "account",
        "encryption",
        "decryption",
        "fernet",
        "master",
        "private",
        "secret",
    ),
    *("client", "signing", "storage", "subscription", "functions", "license"),
)
_OTHER_PASSES = (
    r"all|band|by|com|encom|first|high|im|last|low|multi|one|over|second|single|sur|tres|two|under"
)
"""Words that end with `pass`, with another meaning."""
_CODES = (
    *(
        "2_?fa",
        "access",
        "auth",
        "backup",
        "confirmation",
        "device",
        "login",
        "mfa",
        "one[ _-]?time",
        "otp",
    ),
    *("pairing", "recovery", "security", "sms", "verification"),
)
_WORDS = (
    *("authorization", "auth", "bearer", r"(?:set[_-]?)?cookies?", "pass", "pwd", "pw", "pswd"),
    rf"(?!(?:{_OTHER_PASSES})pass)[a-z]{{1,12}}pass",
    *(
        "secrets?",
        "(?<![_-])tokens",
        "credentials?",
        "masterauth",
        "psk",
        "(?:bind|db|root|user)pw",
    ),
    r"(?:access|api|auth|bearer|csrf|id|refresh|secret|session|user)?token",
    r"(?:access|api|auth|bearer|refresh|secret|session)[_-]?tokens",
    rf"(?:{'|'.join(_KEYS)})[_-]?keys?(?:[_-]?(?:id|data))?",
    *(r"session[._-]?(?:id|key)", "sid", "j?sess(?:ion)?_?id", "phpsessid"),
    *("[cx]srf(?:middleware)?(?:token)?", "jwt", "jwe", "otp", "totp", "pin", "signature", "sig"),
    *("saml_?response", "cvv2?", "cvc2?", *FOREIGN),
    rf"(?:{'|'.join(_CODES)})[ _-]?codes?",
    *(
        "dockerconfigjson",
        "dockercfg",
        "id_token_hint",
        "security[ _-]answer",
        "remember[_-]?me",
        r"[a-z]+_session",
        "hmac",
        "clave",
        "parola",
    ),
)
"""Secret as a word of their own: `api_key`, `X-Api-Key`, `apiKey`, not `apikeyboard`."""

_ABOUT = (
    *("age", "agent", "algo", "algorithm", "backend", "bucket", "changed", "class", "colou?r"),
    *("consent", "count", "created", "details", "encoding", "expression", "icon", "index", "map"),
    *(
        "namespace",
        "pattern",
        "regex",
        "selection",
        "store",
        "text",
        "title",
        "user",
        "dir",
        "domain",
        "enabled",
        "endpoint",
        r"error\w*",
    ),
    *(
        r"expir\w*",
        "failures?",
        "field",
        "file",
        "form",
        "format",
        "generator",
        "hashers",
        "header",
        "help",
    ),
    *("hint", "host"),
    *(
        "input",
        "invalid",
        "issuer",
        "jar",
        "label",
        "length",
        "limit",
        "lifetime",
        "link",
        "manager",
        "mgr",
    ),
    *("message", "method", "mode", "name", "param", "parameter", "path", "placeholder", "policy"),
    *(
        "percent(?:age)?",
        "port",
        "prompt",
        "provider",
        "rates?",
        "ratio",
        "refs?",
        "required",
        "rules",
        "scheme",
        "server",
        "service",
    ),
    "size",
    *("sock", "status", "stdin", "strength", "through", "timeout", "ttl", "type", "ur[il]"),
    *("usage", "valid"),
    *("validators?", "version", "visible", "with"),
)
"""What after such a word makes a name one that says something about the secret."""

_OF_PAGES = "next|prev(?:ious)?|page|paging|pagination|continuation|cursor|start(?:ing|page)?|skip"
NO_SECRETS = lazy(
    rf"(?:^|[^a-z0-9])(?:(?:{_OF_PAGES}|resume|sync)(?:[_-]?(?:continuation|page|sync))?[_-]?token"
    r"|(?:idempotency|fencing|cancell?ation|bos|eos|pad|unk|cls|sep|mask|stop)[_-]?token(?:[_-]?ids?)?"
    r"|(?:existing|pull|tls)[_-]?secrets?|[a-z_-]{0,40}credentials?[_-]?ids?)\Z",
    re.IGNORECASE,
)
"""Names that end like those of secrets and are none: pages of a list, objects, their ids."""

SENSITIVE = lazy(
    rf"(?:{'|'.join(_ANYWHERE)}|(?:^|[^a-z0-9])(?:{'|'.join(_WORDS)}))"
    rf"\d*(?:$|[^a-z0-9](?!(?:{'|'.join(_ABOUT)})(?:$|[^a-z0-9])))",
    re.IGNORECASE,
)
SAYS_ABOUT = lazy(rf"(?<!id_token)(?:^|[^a-z0-9])(?:{'|'.join(_ABOUT)})\Z", re.IGNORECASE)
"""The end of a name like `password_reset_url`."""
CAMEL = lazy(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where the words of a name in camel case meet."""

ENDS = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", *FOREIGN)
"""Ends of names that are enough in a text, whatever is before them: `PGPASSWORD`, `mytoken`."""

OTHER_ENDS = (
    *("passwords", "key", "keys", "key_id", "keyid", "tokens", "jwt", "jwe", "auth", "pass", "pw"),
    *(
        "pin",
        "otp",
        "sig",
        "csrf",
        "xsrf",
        "credential",
        "cookie",
        "session",
        "session id",
        "signature",
        "sid",
    ),
    *(
        "sessid",
        "pswd",
        "psk",
        "samlresponse",
        "saml_response",
        "cvv",
        "cvc",
        "bearer",
        "code",
        "codes",
        "answer",
    ),
    *(
        "dockerconfigjson",
        "dockercfg",
        "remember_me",
        "remember-me",
        "rememberme",
        "hmac",
        "clave",
        "parola",
    ),
)
"""Ends that need the whole name to be a sensitive one: `SharedAccessKey` is, `keyboard` is not."""

ALL_ENDS = frozenset({*ENDS, *OTHER_ENDS})
"""One of them is in each name of a secret, if the settings have no others."""
SPACED = lazy(
    r"(?:(?:api|access|account|encryption|master|private|secret|session|signing) (?:key|id)"
    rf"|(?:{'|'.join(_CODES)}) (?:codes?|answer)"
    r"|(?:access|api|auth|bearer|refresh|session) token)\Z",
    re.IGNORECASE,
)
"""Names that people write as two words, of which the second alone says nothing."""
SECOND_WORDS = frozenset({"key", "id", "code", "codes", "answer", "token"})
"""Those second words."""


PASSWORD, KEY, WORD, VAGUE, FAINT = "PKWVF"
"""Names by what stands under them: any word; what machines make, seldom a word; what is no secret
as often, as a `token` is a word of a language; words, if it is not a secret, as under `auth`; and
what is a secret only if it looks like one."""
_ENDED = (
    r"(?:[_-]?(?:\d+|again|b64|base64|confirm(?:ation)?|current|dev|encrypted|hash|hex|md5|new|old"
    r"|plain|prod|raw|repeat|sha\d+|staging|test|value|verify))*$"
)
_STRENGTHS = (
    (FAINT, r"(?:(?<![a-z])tokens|codes?|answer|remember[_-]?me|hmac|clave|parola|[a-z]_session)$"),
    (VAGUE, r"(?:auth|cookies?|credentials?|pin|sid|sig|signature|jwt|session)$"),
    (PASSWORD, rf"(?:{'|'.join(_ANYWHERE)}|pwd|(?<![a-z])(?:pw|pswd)|(?<=[a-z_-])pass){_ENDED}"),
    (
        KEY,
        r"(?:(?<=[a-z0-9])[ ._-]?(?:keys?(?:_?id)?|secret|key_?data)|(?<![a-z])psk"
        r"|(?:access|api|auth|bearer|csrf|deploy|id|job|middleware|private|refresh|security|session"
        r"|vault|web|xsrf)[ _.-]?tokens?|^x-.*token|(?-i:^[A-Z_]+_TOKEN)|sess(?:ion)?_?id)"
        + _ENDED,
    ),
    (WORD, rf"(?:{'|'.join((*ENDS, *OTHER_ENDS, 'secrets', 'cvv2', 'cvc2'))}){_ENDED}"),
    (WORD, rf"(?:^|[^a-z0-9])(?:pass|{'|'.join(('api_?key', *ENDS))})[^a-z0-9]"),
)
_STRENGTH = tuple((kind, lazy(form, re.IGNORECASE)) for kind, form in _STRENGTHS)


@lru_cache(4096)
def strength(name: str) -> str:
    """Return how much a name of a secret says, `PASSWORD` for example."""
    words = name if name.isupper() else CAMEL.sub("_", name)
    return next((kind for kind, form in _STRENGTH if form.search(words)), FAINT)


_LINE = lazy(r"^.*$", re.MULTILINE)


class Names:
    """Tells by names which values are secrets.

    Args:
        settings: `redact`, `redact_names` and `redact_allow` of them.
    """

    def __init__(self, settings: Settings) -> None:
        self._is_on = settings.redact
        self._also = tuple(name.lower() for name in settings.redact_names)
        self._never = tuple(name.lower() for name in settings.redact_allow)
        # A name is looked at once: there are few, and they come again with every span.
        self.is_sensitive = lru_cache(4096)(self._is_sensitive)
        """Whether a value of this name (a header, a query parameter, an attribute) is a secret."""

    @property
    def are_any(self) -> bool:
        """Whether the settings have names that may be any word."""
        return bool(self._also)

    def may_be_among(self, needles: frozenset[str]) -> bool:
        """Whether a text may have such a name, by which of `ENDS` and `OTHER_ENDS` are in it."""
        return self.are_any or not ALL_ENDS.isdisjoint(needles)

    def lines_in(self, lowered: str, needles: frozenset[str]) -> list[tuple[int, int]]:
        """Return where the lines of a text are, in small letters, that may have such a name."""
        if self.are_any:
            return [line.span() for line in _LINE.finditer(lowered)]
        return lines_with(lowered, needles & ALL_ENDS)

    def ends_sensitive(self, name: str) -> bool:
        """Whether a value is a secret in a text, if the name ends with one of `ENDS`."""
        return (
            self._is_on
            and not _matches(name, self._never)
            and (NO_SECRETS.search(CAMEL.sub("_", name)) is None or _matches(name, self._also))
        )

    def _is_sensitive(self, name: str) -> bool:
        if not self._is_on or _matches(name, self._never):
            return False
        if _matches(name, self._also):
            return True
        words = CAMEL.sub("_", name)
        return SENSITIVE.search(words) is not None and not any(
            form.search(words) for form in (SAYS_ABOUT, NO_SECRETS)
        )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.lower(), pattern) for pattern in patterns)
