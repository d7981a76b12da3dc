"""What comes after the name of a secret, if its value does."""

from __future__ import annotations

import re

from otel_allure.redaction.lazy import lazy
from otel_allure.redaction.places import FRAGMENT


def form(pattern: str) -> re.Pattern[str]:
    """Return a form; what is masked is its group `secret`."""
    # By ASCII, as the ends of names are: to Unicode, a long s is an `s` too.
    return lazy(pattern, re.IGNORECASE | re.ASCII | re.DOTALL)


STRING = r"(?:'(?:[^'\\\r\n]|\\.){1,2000}'|\"(?:[^\"\\\r\n]|\\.){1,2000}\")"
"""What is quoted on one line, and not empty."""
QUOTED = (  # as it is, or as it is within other quotes: \"...\"
    r"(?:(?:[bfnu]|br|rb)(?=['\"]))?(?:"
    r"(?P<triple>\\*['\"])(?P=triple){2}.{0,20000}?(?:(?P=triple){3}|$)"
    r"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
    r"|(?P<quote>\\+['\"])(?:(?P=quote)|.*?[^\\](?P=quote))"
    r"|\\*['\"][^\r\n]*)"  # one that was cut off
)
OF_CODE = r":[\w.]+\.py:\d"
"""A place of code, which pytest puts behind the name of a logger."""
UNMASKED = r"(?![=>]?[ \t]*\*{4})"  # not again, as an unquoted mask would take in what is after it
_CALL = (
    r"(?-i:(?:\w+\.)*(?:\w*(?:Auth|Credentials?|Secret\w*|Password|Cookies?|Dict|Key|Namespace)"
    r"|dict|list|tuple|set|frozenset|deque|defaultdict|bytearray)\((?:<class [^<>]{1,100}>, )?)"
)
"""What the values in a call's brackets are secrets of, if it is what `repr` shows."""

# In a traceback, `token = make_token()` and `password: str` are code; `<Kind.token: 0>` is an enum.
_NO_VALUE = (
    r"(?!\d+>)"
    r"(?!(?:None|null|nil|true|false|str|bytes|string|int|bool|Any|SecretStr)\b(?!['\"(])(?=\W|$))"
)
_NOT_EMPTY = (
    r"(?!(?:[bfnu]|br|rb)?(?P<empty>\\*['\"])(?P=empty)(?!\\*['\"])|\[\]|\(\)|\{\}|\{\{[^{}]*\}\})"
)
_COLORS = r"(?:\x1b\[[\d;]*m)*"
_YAML = r"(?:(?:!!?(?!getatt|import|ref|sub)\w+|&\w+)[ \t]+)?(?![|>][+-]?\d?[ \t]*[\r\n])"
_BARE = (
    rf"(?!`)(?:(?!{OF_CODE})"
    r"(?![,|][ ]?[\w.-]+=|,\w+:|</|<br|&quot;|&#39;|\\[nr]\w+[=:]|\{[\s\"'])"
    r"[^\s;&\x1b]){0,1000}"
    rf"(?:(?!{OF_CODE}|</|&quot;|\{{[\s\"'])[^\s;&,)}}\]\x1b])"
)
_VALUE = (
    rf"{UNMASKED}[ \t]*{_COLORS}{_YAML}{_NOT_EMPTY}"
    rf"(?:{_CALL}(?P<called>)(?=[\s'\"\[({{b]))?"
    rf"(?P<secret>{QUOTED}|{_NO_VALUE}"
    r"(?!(?<= = )(?:await )?[a-z_][\w.]*(?:\(|\[['\"]))"
    rf"(?:[\[({{]|`[^`\r\n]+`|{_BARE}))"  # of what is in brackets, the bracket
)
_ANNOTATED = r":[ \t]*[\w.\[\], |]{1,60} = "
_IS = (
    rf"(?:[=-]>|[!=]==?|<>|(?:[:?+.]|:{{2,3}}|\?\?|\|\|)?=|{_ANNOTATED}|(?!{_ANNOTATED})[:\uff1a])"
)
_ESCAPED_QUOTE = r"(?:%22|%27|&quot;|&#34;|&#39;|&#x27;)"
_END = r"(?:&lt;|%3c)(?:/|%2f)"
_BLANKS = r"(?: |%20|\+){0,5}"


def _rest_of_literal(quote: str) -> re.Pattern[str]:
    """Return all of a literal that begins with the name, if no other name is in it."""
    is_code = r"(?![\w.]{0,60}['\"\[({])"
    inner = rf"(?:(?![ ,;&][ ]?[\w.-]+=)(?:[^{quote}\\\r\n]|\\.)){{1,500}}"
    return form(rf"={is_code}(?P<secret>{inner})(?={quote})")


FORMS: tuple[tuple[str | tuple[str, ...], re.Pattern[str]], ...] = (
    ('"', _rest_of_literal('"')),  # "PASSWORD=abc def"
    ("'", _rest_of_literal("'")),
    (  # password = <<EOS, and the value on the next lines
        "",
        form(
            r"[ ]?[=:][ ]?<<[-~]?['\"]?(?P<end>\w{1,40})['\"]?\r?\n"
            r"(?P<secret>[^\r\n]{1,1000}(?:\r?\n[^\r\n]{1,1000}){0,50}?)(?=\r?\n[ \t]*(?P=end))"
        ),
    ),
    (  # Stripe-Signature: t=1700000000,v1=abc
        "",
        form(
            r"(?<=signature)['\"]?:[ ]['\"]?(?P<secret>\w{1,20}=\"?[^\s,\"']+\"?"
            r"(?:,[ ]?\w{1,20}=\"?[^\s,\"']+\"?)+)"
        ),
    ),
    (">", form(r"(?:=|:[ ])(?P<secret>[^<>\r\n=*]{1,200})(?=</)")),
    (
        ";",
        form(rf"[ ]?={UNMASKED}(?P<secret>[^;'\"\r\n\[\](){{}}]{{1,500}})(?=;|['\"]|$)"),
    ),  # of a DSN
    (  # what is pretty-printed: "password":, and "abc" on the next line
        ("'", '"'),
        form(
            r"['\"](?:[ \t]*:[ \t]*\(?\r?\n(?:E )?\s{0,100}|\s{0,40}\n\s{0,40}:\s{0,40})"
            rf"(?P<secret>b?{STRING})"
        ),
    ),
    ("[", form(rf"\][ ]=>[ ]{UNMASKED}(?P<secret>(?!Array|['\"\[])[^\r\n]+)")),  # PHP
    ('"', form(rf"\"\]=>\s{{1,10}}string\(\d+\)[ ](?P<secret>{QUOTED})")),
    ("", form(rf"\\*['\"`]?\]?{_COLORS}[ \t]*{_IS}{_VALUE}")),  # password=abc, "password": "abc"
    (
        "-",
        form(r"(?:[ \t]+|['\"],[ \t]*['\"]|,[ ])(?![-*])(?P<secret>[^\s'\"]+)"),
    ),  # --password abc
    (  # <password>abc</password>, <password><![CDATA[abc]]></password>
        "<",
        form(
            r"(?:\s[^<>]{0,200})?>\s{0,40}(?:<(?:\w{1,20}:)?(?:string|value)>\s{0,40})?"
            r"(?:<!\[CDATA\[)?(?!\*{4}[\]<])"
            r"(?P<secret>[^<\]]*[^<\]\s])(?=\s{0,40}(?:\]\]>)?\s{0,40}</)"
        ),
    ),
    (  # &lt;password&gt;abc&lt;/password&gt;
        ("&lt;", "%3c"),
        form(rf"(?:&gt;|%3e)(?!\*{{4}})(?P<secret>(?:(?!{_END})[^<>\r\n]){{1,1000}})(?={_END})"),
    ),
    (  # {"name": "password", "value": "abc"}, <add key="password" value="abc"/>
        "",
        form(
            rf"\\*['\"]\s{{0,40}},?\s{{0,40}}\\*['\"]?value\\*['\"]?[ \t]*[:=]"
            r"(?:\s{0,40}\{\s{0,40}\\*['\"]string_?value\\*['\"][ \t]*:)?"  # of OTLP
            rf"{UNMASKED}[ \t]*"
            rf"(?P<secret>{QUOTED})"
        ),
    ),
    (  # ("password", "abc"), [b"password", b"abc"], set("password", "abc")
        (
            "('",
            '("',
            "['",
            '["',
            '{ "',
            '{"',
            '{<<"',
            "{'",
            "(b'",
            '(b"',
            "[b'",
            ", '",
            ', "',
            "(f'",
            "#",
            "u'",
        ),
        form(rf"['\"](?:>>)?,[ ]?(?:<<)?(?P<secret>\[|[bu]?{STRING}(?=(?:>>)?[ ]?[,)\]}}]))"),
    ),
    (  # page.fill('input[name="password"]', 'abc'), get_by_label("Password").fill("abc")
        ('"', "'", "=", "#", 'By.NAME, "', 'By.ID, "'),
        form(
            r"(?:[\"'\]\\]{1,6},[ ]"
            r"|[\"'\]\\]{1,6}\)\.(?:fill|type|send_keys|set\w*|\w+_type)\()"
            rf"(?P<secret>{STRING})(?=[ ]?[,)])"
        ),
    ),
    ("", form(rf"\([ ]?(?P<secret>{STRING})[ ]?\)")),  # setPassword("abc")
    (  # Token(value='abc'), Secret(value=abc, expires=3600)
        "",
        form(
            rf"\([ ]?(?:\w{{1,40}}=(?:{STRING}|[^\s'\",()]{{1,60}}),[ ]?){{0,3}}"
            rf"(?:value|secret\w*|raw|plain\w*)=(?P<secret>{STRING}|[^\s'\",()]{{1,200}})"
            r"(?=[ ]?[,)])"
        ),
    ),
    (  # Header(name=X-Api-Key, value=abc)
        ("key=", "name=", "key: ", "name: "),
        form(r"['\"]?,[ ]?value(?:=|:[ ])(?P<secret>[^\s'\",()\[\]{}]{1,500})(?=[,)\]}])"),
    ),
    (  # option("--token", default="abc")
        "-",
        form(rf"['\"],[ ](?:[^()\r\n]{{0,200}}?[ ])?(?:const|default)=(?P<secret>{STRING})"),
    ),
    ("{", form(rf",[ ]?(?P<secret>{STRING})(?=[ ]?\}})")),  # {password, "abc"}
    ("header(", form(r",[ ]?(?P<secret>[^\s'\",()]{1,500})\)")),  # HttpHeader(X-Api-Key, abc)
    (  # ENV.fetch("PASSWORD") { "abc" }, env("PASSWORD").unwrap_or("abc")
        ('"', "'"),
        form(
            r"['\"][)\]](?:\s{0,10}(?:\{|or\b|\|\||\?\?|\?:)\s{0,10}|\.(?:or|unwrap_or|value_or|get_or)\w*\()"
            rf"(?P<secret>{STRING})"
        ),
    ),
    ("", form(rf"[ ]?\|[ ]?default\([ ]?(?P<secret>{STRING})")),  # of Jinja
    ("define(", form(rf",[ ]?(?P<secret>{STRING})[ ]?\)")),
    ("", form(rf"\{{[ ]?(?P<secret>{STRING})[ ]?\}}")),  # std::string password{{"abc"}}
    ("(", form(r"\)=\((?P<secret>[^()\r\n,]{1,1000})\)")),  # Key (password)=(abc) exists
    (  # within HTML or a URL: &quot;password&quot;: &quot;abc&quot;, password%3Dabc%26
        "",
        form(
            rf"{_ESCAPED_QUOTE}?{_BLANKS}(?::|%3A|=){_BLANKS}{_ESCAPED_QUOTE}"
            rf"(?!\*{{4}})(?P<secret>(?:(?!{_ESCAPED_QUOTE})[^<>\"'\r\n]){{1,1000}})(?={_ESCAPED_QUOTE}|$)"
        ),
    ),
    ("", form(r"%3D(?!\*{4})(?P<secret>(?:(?!%26)[^\s&\"'<>]){1,1000})")),
    (  # - name: PASSWORD, and `value: abc` on the next line
        ("name: ", 'name: "', "name: '", "name:  ", "key: "),
        form(
            rf"['\"]?[ \t]*\r?\n[ \t]*(?:parameter)?value:{UNMASKED}[ \t]+"
            rf"(?P<secret>{QUOTED}|[^\s'\"#][^\r\n]*)"
        ),
    ),
    (  # variable "password" { ... default = "abc"
        ('able "', 'output "'),
        form(
            rf"\"\s{{0,10}}\{{[^{{}}]{{0,500}}?\b(?:default|value)\s{{0,10}}={UNMASKED}\s{{0,10}}"
            rf"(?P<secret>{QUOTED})"
        ),
    ),
    ("name ", form(rf"['\"]?[ \t]+-value[ \t]+(?P<secret>{STRING}|[^\s'\";]+)")),  # PowerShell
    (  # a part of multipart/form-data
        ('name="', "name="),
        form(r"\"?[^\r\n]{0,100}\r?\n(?:[^\r\n]{1,100}\r?\n){0,3}\r?\n(?P<secret>[^\r\n]+)"),
    ),
)
"""By what is before the name, or what it begins with."""

_BEHIND_NAME = "=:!\\'\"`[]%&> \t\r\n\x1b()-<{|│║*\uff1a,?"
_BEGINNINGS = (
    *(
        "=",
        "=",
        " =:",
        "'\":",
        "=:",
        " =",
        "'\"",
        "]",
        '"',
        "\\'\"`] \t\x1b=-!<:\uff1a?",
        " \t'\",",
        " \t\r\n>",
        "&%",
    ),
    *(
        "\\'\"",
        "'\"",
        "\"'\\]",
        "(",
        "(",
        "'\",",
        "'\"",
        ",",
        ",",
        "'\"",
        " |",
        ",",
        "{",
        ")",
        "%&: +=",
        "%",
        "'\" \t\r\n",
        '"',
        " \t'\"",
        _BEHIND_NAME,
    ),
)
"""What each form may begin with."""
FORMS_BEHIND = {
    character: tuple(
        each for each, first in zip(FORMS, _BEGINNINGS, strict=True) if character in first
    )
    for character in _BEHIND_NAME
}
"""The forms that may match, by the character behind a name."""

VALUE_BEFORE = (
    (  # {"value": "abc", "name": "password"}
        "value",
        form(
            rf"value['\"]\s{{0,10}}:{UNMASKED}\s{{0,10}}(?P<secret>{STRING}),"
            r"\s{0,40}['\"](?:name|key|field|header)['\"]\s{0,10}:\s{0,10}['\"]$"
        ),
    ),
    (  # value: abc, and `name: PASSWORD` on the next line
        "value:",
        form(
            rf"value:{UNMASKED}[ \t]+(?P<secret>{STRING}|[^\s'\"#][^\r\n]{{0,1000}}?)[ \t]*\r?\n"
            r"[ \t]*(?:name|key):[ \t]+['\"]?$"
        ),
    ),
    ("entry ", form(rf"entry (?P<secret>{STRING}) for key [\w.'\"`]{{0,200}}$")),  # of MySQL
    (
        "nter ",
        form(rf"nter (?P<secret>{STRING}) (?:as|in|into) (?:the )?[\w ]{{0,20}}['\"]?$"),
    ),
    (
        "ill ",
        form(rf"ill (?:text |in )?(?P<secret>{STRING}) (?:in|into) [\w\[=#.'\" ]{{0,60}}$"),
    ),
    ("where ", form(rf"where (?P<secret>{STRING}) = [^\r\n]{{0,500}}$")),  # of pytest
)
"""What comes before a name, if its value does, and a word of it."""

QUERY_NAME = lazy(r"(?:(?m:^)[ \t]*|[&;]\s*|[?#])(?P<name>[\w.%\[\]\-]+)=(?!\*{4})")
QUERY_VALUE = lazy(
    rf"(?P<secret>[\[({{]|(?:(?!{FRAGMENT})[^&;\s'\"]){{0,1000}}(?!{FRAGMENT})[^&;\s'\"\])}}>,])"
)
LONG, REST = 1000, lazy(r"[^\s;&,)}\]'\"<\x1b]*")
"""Characters of a value that are looked at, and what comes behind them."""
ANY_NAME = lazy(rf"(?<![\w.-])(?P<name>[\w.-]{{1,100}})\\*['\"]?[ \t]*(?:=>|==?|:){UNMASKED}[ \t]*")
ANY_VALUE = form(rf"(?P<secret>{QUOTED}|[^\s;&]*[^\s;&,)}}\]])")
"""Looked for only where the settings have names: those may be any."""
