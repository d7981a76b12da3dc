"""Where secrets stand: names, headers, queries, commands."""

from __future__ import annotations

import re

# Words, not substrings: `authors`, `tokenizer` and `max_tokens` are no secrets. Nor is what a name
# says about one, as in `token_count`.
SENSITIVE = re.compile(
    r"(?:password|passwd|passphrase|passcode|(?:^|[^a-z0-9])(?:"
    r"authorization|auth|(?:set[_-]?)?cookies?|pass|pwd|secrets?|credentials?|"
    r"(?:access|auth|bearer|id|refresh|session)?token|"
    r"(?:api|(?:aws)?access|account|private|secret|signing|encryption)[_-]?key(?:[_-]?id)?|"
    r"session[._-]?(?:id|key)|csrf\w*|xsrf\w*|jwt|otp|pin|signature|sig"
    r"))\d*(?:$|[^a-z0-9](?!(?:"
    r"age|agent|algorithm|backend|bucket|class|consent|count|details|dir|domain|enabled|endpoint|expir\w*|file|"
    r"hashers|host|issuer|jar|length|limit|lifetime|method|mode|name|path|policy|port|provider|required|"
    r"scheme|server|service|size|sock|timeout|ttl|type|ur[il]|usage|validators|version|with"
    r")(?:$|[^a-z0-9])))",
    re.IGNORECASE,
)
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

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


_ESCAPED_QUOTE = r"(?:%22|%27|&quot;|&#34;|&#39;|&#x27;)"
_VALUE = (
    rf"{_UNMASKED}[ \t]*{_NOT_EMPTY}(?P<secret>{_QUOTED}|{_NO_VALUE}"
    r"(?!(?<= = )(?:await )?[a-z_][\w.]*(?:\(|\[['\"]))"
    r"(?:[\[({]|[^\s;&]*[^\s;&,)}\]]))"  # of what is in brackets, the bracket
)
_ANNOTATED = r":[ \t]*[\w.\[\], |]{1,60} = "
_IS = rf"(?:=>|[!=]=|=|{_ANNOTATED}|(?!{_ANNOTATED}):)"
NAMED = (
    ("", _form(rf"\\*['\"]?\]?[ \t]*{_IS}{_VALUE}")),  # password=abc, "password": "abc"
    ("-", _form(r"(?:[ \t]+|['\"],[ \t]*['\"])(?![-*])(?P<secret>[^\s'\"]+)")),  # --password abc
    (
        "<",
        _form(r"(?:\s[^<>]{0,200})?>(?!\*{4}<)(?P<secret>[^<]+)(?=</)"),
    ),  # <password>abc</password>
    (  # {"name": "password", "value": "abc"}, <add key="password" value="abc"/>
        "",
        _form(
            rf"\\*['\"]\s{{0,40}},?\s{{0,40}}\\*['\"]?value\\*['\"]?[ \t]*[:=]{_UNMASKED}[ \t]*"
            rf"(?P<secret>{_QUOTED})"
        ),
    ),
    (  # ("password", "abc"), [b"password", b"abc"]
        ("('", '("', "['", '["', "(b'", '(b"', "[b'"),
        _form(r"['\"], ?b?(?P<secret>'[^'\r\n]{3,2000}'|\"[^\"\r\n]{3,2000}\")(?=,?[)\]])"),
    ),
    (  # what is pretty-printed: "password":, and "abc" on the next line
        ("'", '"'),
        _form(
            r"['\"]:[ \t]*\(?\r?\n[ \t]{0,100}"
            r"(?P<secret>'[^'\r\n]{1,2000}'|\"[^\"\r\n]{1,2000}\")"
        ),
    ),
    (  # within HTML or a URL: &quot;password&quot;: &quot;abc&quot;, password%3Dabc%26
        "",
        _form(
            rf"{_ESCAPED_QUOTE}(?: |%20|\+){{0,5}}(?::|%3A)(?: |%20|\+){{0,5}}{_ESCAPED_QUOTE}"
            rf"(?!\*{{4}})(?P<secret>(?:(?!{_ESCAPED_QUOTE})[^\s<>\"'])+)"
        ),
    ),
    ("", _form(r"%3D(?!\*{4})(?P<secret>(?:(?!%26)[^\s&\"'<>])+)")),
    (  # a part of multipart/form-data
        'name="',
        _form(r'"[^\r\n]{0,100}\r?\n(?:[^\r\n]{1,100}\r?\n){0,3}\r?\n(?P<secret>[^\r\n]+)'),
    ),
)
"""What comes after the name of a secret, by what the name begins with."""

NAMES = ("password", "passwd", "passphrase", "passcode", "pwd", "secret", "token")
"""Ends of such names, whatever is before them: `PGPASSWORD`, `client_secret`."""

OTHER_NAMES = (
    *("key", "jwt", "auth", "pass", "pin", "otp", "sig", "csrf", "xsrf"),
    *("credential", "cookie", "session", "signature"),
)
"""Such ends, if the whole name is sensitive: `SharedAccessKey` is, and `keyboard` is not."""

NAME = re.compile(r"[\w.:\[\]-]+\Z", re.ASCII)
REST_OF_NAME = re.compile(r"\.(?:id|key)\b|[\w-]{0,40}", re.ASCII)

_NO_CREDENTIALS = (  # `Authorization: required`, `Authorization: Bearer <token>`
    r"(?![ \t]*(?:none|null|required|missing|optional|invalid|denied|rejected|disabled|enabled|"
    r"(?:[a-z]+[ \t]+)?(?:<[\w .-]*>|\$\w+|\$?\{[\w .]*\}))[.,)]?(?:[\r\n]|$))"
)
BEHIND_NAME = re.compile(r"[ \t]*[=:!]|[\\'\"\]%&>]", re.ASCII)
"""What is behind the name of a secret; but for options and tags, where it may be a space."""

_HEADER = _form(
    r"(?<![a-z0-9])(?:authorization\\*['\"]?[ \t]*[=:]"
    r"|cookie\\*['\"]?[ \t]*[=:](?=[ \t]*\\*['\"]|[^\r\n=\d]{0,200}[=\d]))"
    rf"{_UNMASKED}{_NO_CREDENTIALS}[ \t]*(?P<secret>{_QUOTED}|[^\r\n]+)"
)
_CREDENTIALS = _form(
    r"(?<![a-z0-9_])(?:bearer|basic)[ \t]+"
    r"(?!(?-i:[A-Za-z]?[a-z]+(?:-[a-z]+)*)(?![\w~+/=-]|\.\w))"  # `Basic authentication` is a phrase
    r"(?P<secret>[\w.~+/-]{6,}=*)"
)
_CURL_USER = _form(
    r"(?:(?<!\S)|(?<=\s-))-u(?:ser)?[ \t=]+(?![ \t=])['\"]?"
    r"(?!\d+:\d+(?!\S)|(?P<user>[a-z_-]+):(?P=user)(?!\S))(?P<secret>[^\s:'\"]+:[^\s'\"]+)"
)
_SQL_PASSWORD = _form(r"(?<!\w)(?:identified by|password)\s+(?P<secret>'(?:[^']|'')*(?:'|$))")
FORMS: tuple[tuple[str, tuple[tuple[str, re.Pattern[str]], ...]], ...] = (
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

QUERY_NAME = re.compile(r"(?:^|[?&;#])\s*(?P<name>[\w.%\[\]\-]+)=(?!\*{4})")
QUERY_VALUE = re.compile(r"(?P<secret>[\[({]|[^&;#\s'\"]*[^&;#\s'\"\])}>,])")
ANY_NAME = re.compile(
    rf"(?<![\w.-])(?P<name>[\w.-]{{1,100}})\\*['\"]?[ \t]*(?:=>|==?|:){_UNMASKED}[ \t]*"
)
ANY_VALUE = _form(rf"(?P<secret>{_QUOTED}|[^\s;&]*[^\s;&,)}}\]])")
"""Looked for only where the settings have names: those may be any."""

PASSWORD_IN_URL = re.compile(r"://[^/?#\s:@]*:(?P<secret>[^/?#\s]+)@")
