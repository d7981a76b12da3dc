"""What is masked, and what is not."""

from __future__ import annotations

import json
import random
import time

import pytest

from otel_allure.model.settings import Settings
from otel_allure.redaction.redaction import AS_IS, MASK, Redaction, secrets_in
from otel_allure.testing.spans import build_span

REDACTION = Redaction()
is_sensitive, redacted, redacted_text = (
    REDACTION.is_sensitive,
    REDACTION.value,
    REDACTION.text,
)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "user.password",
        "userPassword",
        "dbpassword",
        "PGPASSWORD",
        "password2",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "client_secret",
        "CLIENT-SECRET",
        "token",
        "access_token",
        "accessToken",
        "accesstoken",
        "id_token",
        "filter[token]",
        "api_key",
        "apiKey",
        "x-api-key",
        "private_key",
        "aws_secret_access_key",
        "AWSAccessKeyId",
        "authorization",
        "http.request.header.authorization",
        "http.request.header.proxy-authorization",
        "http.request.header.x-auth-token",
        "http.request.header.x_api_key",
        "http.request.header.cookie",
        "http.response.header.set-cookie",
        "http.response.header.set_cookie",
        "X-Amz-Signature",
        "X-Goog-Credential",
        "x-amz-security-token",
        "sig",
        "jwt",
        "otp",
        "pin",
        "session.id",
        "sessionid",
        "csrfmiddlewaretoken",
        "X-CSRF-Token",
        "credentials",
    ],
)
def test_sensitive_names(name):
    """Whatever their spelling: snake, camel, kebab, dots."""
    assert is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    [
        "authors",
        "author",
        "authority",
        "tokenizer",
        "max_tokens",
        "gen_ai.usage.input_tokens",
        "llm.token_count.prompt",
        "tokenCount",
        "page_token",
        "nextPageToken",
        "NextToken",
        "ContinuationToken",
        "syncToken",
        "idempotency-token",
        "existingSecret",
        "token_type",
        "auth.method",
        "password_policy",
        "password_length",
        "password_file",
        "token_url",
        "TOKEN_URI",
        "SSH_AUTH_SOCK",
        "secret.version",
        "auth_host",
        "session_timeout",
        "design",
        "signal",
        "assigned",
        "pinned",
        "compass",
        "passed",
        "bypass",
        "secretary",
        "keyboard",
        "key",
        "primary_key",
        "messaging.kafka.message.key",
        "session",
        "user.name",
        "url.full",
        "db.statement",
        "http.request.header.accept",
        "",
    ],
)
def test_names_that_are_not_sensitive(name):
    """Words count, not substrings; nor is what is said about a secret one."""
    assert not is_sensitive(name)


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # URLs and DSNs
        ("https://bob:pw@host/path", "https://****@host/path"),
        ("https://bob@host/path", "https://****@host/path"),
        ("postgresql+asyncpg://u:p@ss@db:5432/x", "postgresql+asyncpg://****@db:5432/x"),
        ("redis://:pw@cache/0", "redis://****@cache/0"),
        ("mongodb://u:p@a,b,c/db", "mongodb://****@a,b,c/db"),
        ("amqp://guest:guest@mq//", "amqp://****@mq//"),
        ("connect to 'https://u:p@h' failed", "connect to 'https://****@h' failed"),
        ("a://u:p@h and b://u:p@h", "a://****@h and b://****@h"),
        ("https://h/?token=abc&page=2", "https://h/?token=****&page=2"),
        ("https://h/?page=2&api_key=abc#top", "https://h/?page=2&api_key=****#top"),
        ("https://h/?page=2&sig=abc#top", "https://h/?page=2&sig=****#top"),
        ("https://h/cb#access_token=abc", "https://h/cb#access_token=****"),
        ("https://b/o?X-Amz-Signature=abc&v=1", "https://b/o?X-Amz-Signature=****&v=1"),
        ("sig=abc&v=1", "sig=****&v=1"),
        ("https://h/?user[password]=abc", "https://h/?user[password]=****"),
        (
            "Server=db;User Id=sa;Password=p w;Timeout=3",
            "Server=db;User Id=sa;Password=****;Timeout=3",
        ),
        ("Endpoint=sb://x/; SharedAccessKey=abc=", "Endpoint=sb://x/; SharedAccessKey=****"),
        ("host=db user=bob password=abc dbname=x", "host=db user=bob password=**** dbname=x"),
        ("host=db password='a b' dbname=x", "host=db password=**** dbname=x"),
        ("jdbc:postgresql://h/db?user=u&password=p", "jdbc:postgresql://h/db?user=u&password=****"),
        # headers and credentials
        ("Authorization: Bearer abcdef123456", "Authorization: ****"),
        ("authorization: Token abc\nAccept: */*", "authorization: ****\nAccept: */*"),
        ("Cookie: a=b; c=d\r\nHost: h", "Cookie: ****\r\nHost: h"),
        ("Set-Cookie: a=b; Path=/", "Set-Cookie: ****"),
        ("{'Authorization': 'Token abc', 'a': 1}", "{'Authorization': ****, 'a': 1}"),
        ("sent Bearer abcdef123456 to it", "sent Bearer **** to it"),
        ("sent Basic dXNlcjpwYXNz to it", "sent Basic **** to it"),
        (f"the token is {JWT}.", "the token is ****."),
        # assignments
        ("password=abc", "password=****"),
        ("password: abc", "password: ****"),
        ("PGPASSWORD=abc psql", "PGPASSWORD=**** psql"),
        ("db_password = 'a b'", "db_password = ****"),
        ("connect(password='abc', host='h')", "connect(password=****, host='h')"),
        ("connect(password=abc, host='h')", "connect(password=****, host='h')"),
        ("connect(password='it\\'s', host='h')", "connect(password=****, host='h')"),
        ("pwd=a,b)c", "pwd=****"),
        ('{"client_secret": "abc", "a": 1}', '{"client_secret": "****", "a": 1}'),
        ('{\\"access_token\\": \\"abc\\"}', '{\\"access_token\\": ****}'),
        ("ALTER USER x PASSWORD = 'abc'", "ALTER USER x PASSWORD = ****"),
        ("{'apiKey': 'abc'}", "{'apiKey': ****}"),
        ("пароль=hunter2", "пароль=****"),
        ("密码：hunter2", "密码：****"),  # noqa: RUF001
        ("assert token == 'abc123'", "assert token == ****"),
        ("password: Final[str] = 'abc'", "password: Final[str] = ****"),
        ("password='a b", "password=****"),
        ("password='a b\nmore", "password=****\nmore"),
        ("{'a': '{\\\\\"token\\\\\": \\\\\"a b\\\\\"}'}", "{'a': '{\\\\\"token\\\\\": ****}'}"),
        ("https://h/?q=https://h/?sig=abc", "https://h/?q=https://h/?sig=****"),
        ("password_confirmation=abc", "password_confirmation=****"),
        ("\u0130 password=abc", "\u0130 password=****"),
    ],
    ids=lambda text: text[:40],
)
def test_secrets_that_can_be_told_by_their_form(text, expected):
    """They are masked; what is around them stays."""
    assert redacted_text(text) == expected
    assert redacted_text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GET /users?page=2&sort=name",
        "https://example.com/authors/1?max_tokens=5&design=2#top",
        "https://example.com/path@v1",
        "https://example.com/?mail=bob@example.com",
        "mailto:bob@example.com",
        "bob@example.com",
        "git@github.com:a/b.git",
        "authors: Bob and Ann",
        "tokenizer: fast",
        "max_tokens: 5, tokens=7",
        "SELECT author, password FROM users WHERE id = $1",
        "Basic authentication failed",
        "Basic Authentication failed",
        "bearer authentication is required",
        "the password was wrong",
        "no such token",
        "<Kind.token: 0>",
        "12:30:45",
        "a.b.c eyJ not one",
        "File 'x.py', line 3, in sign_in",
        "token = make_token()",
        "    password = config['password']",
        "def login(user: str, password: str) -> bool:",
        "login(password=None, token: null)",
        "docker run -u 1000:1000 image",
        "the bearer token-based way",
        "Basic authentication. Then more",
        "risk-1-assessment-of-the-whole-project",
        "npm_config_globalconfig_and_more",
        "global-1-variables-are-seldom-good",
        "passwordless: yes",
    ],
    ids=lambda text: text[:40],
)
def test_what_is_no_secret_stays(text):
    """Ordinary URLs and sentences are not touched."""
    assert redacted_text(text) == text


NAMED = """
session_id={} user=bob
sessionId: {}
session.id={}
"sessionId": "{}"
auth={}
auth: {}
X-Auth: {}
pass={}
pass: {}
'pass': '{}'
DB_PASS={}
pin={}
otp: {}
sig={} v=1
csrf={}
xsrf: {}
credentials={}
credentials: {'a': '{}'}
X-Amz-Credential={}
signature={}
_auth={}
//registry/:_auth={}
--pass {} -v
--auth {}
docker run -e db_pass={} shop
export MY_PASS={}
set PASS={}
$env:API_KEY = "{}"
<sessionId>{}</sessionId>
<add key="ApiKey" value="{}"/>
<input type="hidden" name="csrf_token" value="{}">
{"name": "X-Api-Key", "value": "{}"}
{'name': 'token', 'value': '{}'}
{"key": "Authorization", "value": "{}"}
[('x-api-key', '{}'), ('a', 'b')]
('Authorization', 'Token {}')
[(b'cookie', b'{}')]
cookies={'JSESSIONID': '{}'}
User(name='bob', pin='{}')
User(name='bob', auth={})
%22password%22%3A%22{}%22
password%3D{}%26a=1
&quot;password&quot;: &quot;{}&quot;
""".strip().splitlines()


@pytest.mark.parametrize("value", ["Zq10xW9kP3", "a7-482913"])
@pytest.mark.parametrize("form", [*NAMED, '"password":\n    "{}"', 'name="pin"\r\n\r\n{}\r\n--x'])
def test_names_are_the_same_in_texts(form, value):
    """As in attributes; what is before and after the value stays."""
    text = f"it said: {form.replace('{}', value)}\nand more"
    masked = redacted_text(text)
    assert value not in masked
    assert masked.count(MASK) == 1
    before, after = masked.split(MASK)
    assert text.startswith(before)
    assert text.endswith(after)
    assert redacted_text(masked) == masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token=[Zq1xW9] x", "token=[****] x"),
        (
            "token: {'a': ['Zq1x', {'b': 'Zq2'}], 'n': 3}",
            "token: {'a': [****, {'b': ****}], 'n': 3}",
        ),
        ("secret=('Zq1xW9', 'in use')", "secret=(****, ****)"),
        ('{"password": {"value": "Zq1"}}', '{"password": {"value": "****"}}'),
        ("password: swordfish", "password: ****"),
        ("password = super_secret", "password = ****"),
        ("DB_PASSWORD=super_secret", "DB_PASSWORD=****"),
        ("password: swordfish user: bob", "password: **** user: bob"),
        ("token == 'Zq1'", "token == ****"),
        ("curl -u app:swordfish x", "curl -u **** x"),
    ],
)
def test_values_that_are_near_to_none(text, expected):
    assert redacted_text(text) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"password": "Zq1"}', '{"password": "****"}'),
        ('{"pin": 48291, "a": 1.50}', '{"pin": "****", "a": 1.50}'),
        ('[{"token":"Zq1"},\n {"sig":"Zq2"}]', '[{"token":"****"},\n {"sig":"****"}]'),
        ('{"note": "Cookie: a=b; c=Zq1"}', '{"note": "Cookie: ****"}'),
        ('{"cookie": ["a=Zq1", "b=Zq2"]}', '{"cookie": ["****", "****"]}'),
        ('{"note": "Cookie: a=Zq1", "x": 1}', '{"note": "Cookie: ****", "x": 1}'),
        ('{"secret": {"a": "Zq1", "b": ["Zq2"]}}', '{"secret": {"a": "****", "b": ["****"]}}'),
        ('{"body": "{\\"token\\": \\"Zq1\\"}"}', '{"body": "{\\"token\\": \\"****\\"}"}'),
        ('{"url": "https://u:Zq1@h/?sig=Zq2&a=1"}', '{"url": "https://****@h/?sig=****&a=1"}'),
        ('{"cmd": "run --token Zq1 -v", "o": 1}', '{"cmd": "run --token **** -v", "o": 1}'),
        ('{"name": "X-Api-Key", "value": "Zq1"}', '{"name": "X-Api-Key", "value": "****"}'),
        ('{"key": "pin", "value": 48291}', '{"key": "pin", "value": "****"}'),
        (
            '{"key": "pin", "value": {"arrayValue": {"values": [{"intValue": 48291}]}}}',
            '{"key": "pin", "value": {"arrayValue": {"values": [{"intValue": "****"}]}}}',
        ),
        ('{"name": "sid", "value": ["password1", 3]}', '{"name": "sid", "value": ["****", 3]}'),
        ('{"data": ["sid", "Zq1"], "value": 3}', '{"data": ["sid", "****"], "value": 3}'),
        ('[{"key": "page", "value": 48291}]', '[{"key": "page", "value": 48291}]'),
        ('{"token": ""}', '{"token": ""}'),
        ('{"token": null}', '{"token": null}'),
    ],
)  # fmt: skip
def test_json_stays_json(body, expected):
    """And as it was written."""
    assert redacted_text(body) == expected
    assert redacted_text(expected) == expected
    assert json.loads(expected)


def test_any_json_stays_json():
    """Whatever is in it: of the kinds of pieces that rules look for."""
    chance = random.Random(2)

    def text():
        return "".join(chance.choices(_PIECES, k=chance.randint(1, 8)))

    for _ in range(2_000):
        body = json.dumps({text(): text(), "password": [text(), 12345, {text(): text()}]})
        once = redacted_text(body)
        assert json.loads(once).keys(), body
        assert json.loads(redacted_text(once)).keys(), body


def test_by_name_or_by_form():
    """A sensitive name masks any value, any other name what can be told by its form."""
    assert redacted("api_key", "abc") == MASK
    assert redacted("url.full", "https://u:p@h/?sig=x") == "https://****@h/?sig=****"
    assert redacted("a", "b") == "b"


@pytest.mark.parametrize(
    "text",
    [
        "a://" + "a." * 10_000,
        "?" * 20_000 + "=",
        "_" * 20_000 + "=:",
        "a=" * 10_000,
        "password" * 2_500 + "=",
        "password=" + ")" * 20_000,
        "password='" + "\\" * 20_000,
        "eyJaaaaaa." * 2_000,
        "eyJ-" * 5_000,
        "bearer " * 3_000,
        "token=" + "," * 20_000,
        "a: " + " " * 20_000,
        "token" + " " * 20_000,
        "password='\\'" * 1_500,
        "".join(f"password={chr(92) * n}'" for n in range(200)),
        'password="""' * 1_500,
        "<password>" * 2_000,
        "<password " * 2_000,
        "--password " * 2_000,
        "password '" * 2_000,
        "basic " + "a-" * 10_000,
        "://" + "a@" * 10_000,
        "://" * 7_000,
        "-u a:" * 4_000,
        "cookie: '" * 2_000,
        "-----BEGIN PRIVATE KEY-----" * 700,
        "-----BEGIN " + "-" * 20_000,
        "password: " + "a[" * 10_000,
        "token = " + "a." * 10_000,
        "sk-" * 7_000,
        "[a-" * 7_000,
        "$a$" * 7_000,
        "".join(f"$a{n}$" for n in range(3_000)),
        "'\\" * 10_000,
        "E'" * 10_000,
        "1e" * 10_000,
        "known-value" * 2_000,
        "token=[" * 3_000,
        "token=['a', " * 2_000,
        "password={'" * 2_000,
        "token: " + "a" * 20_000 + "!",
        "password: must " + "a " * 10_000,
        "token = " + "aA" * 10_000,
        "password = " + "a." * 10_000 + "1",
        "token=${" * 3_000,
        "authorization: " + "a " * 10_000,
        '{"cookie": "a=1", "b": [' + '"token=a", ' * 2_000 + "1]}",
        '{"a": "' + "token=a\\n" * 2_000 + '"}',
        "INSERT INTO t (a, password) VALUES " + "(" * 20_000,
        "INSERT INTO t (a, password) VALUES ('a', b",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_texts_take_no_time(text):
    """A remote service must not keep the report busy: 20,000 characters, far below a second."""
    every = Settings(redact_names=("*ssn*",), redact_sql=True)
    redaction = Redaction(every, ["known-value-1", "x", *(f"other-{n}-value" for n in range(100))])
    start = time.process_time()
    redaction.sql(text)
    redaction.text(text)
    is_sensitive(text)
    assert time.process_time() - start < 1.5


# -- together


_PIECES = [
    "password", "Token", "api_key", "secret", "=", ":", " ", "'", '"', "\\", "abc", "12", "?", "&",
    "https://", "@", "u:p", "Bearer ", "basic ", "Authorization", "cookie", "<", ">", "</", "--",
    "_", ".", ",", "}", "\n", "A", "identified by ", "xoxb-", "aB3" * 8, "AKIA" + "B3" * 8,
    "\u0130", "\u017f", "\u212a", "PA\u017f\u017fWORD", "sig", "****", "None", "[", "]", "#", "-u ",
]  # fmt: skip


def _random_texts():
    chance = random.Random(1)
    for _ in range(4_000):
        yield "".join(chance.choices(_PIECES, k=chance.randint(1, 10)))


def test_what_is_looked_for_does_not_depend_on_the_rest():
    """A text without certain characters is passed over; behind them, the same is found."""
    rest = "\n\n= : - < _ . A AIza SK"
    for text in _random_texts():
        if not text.count("'") and not text.count('"') and "<" not in text:
            assert redacted_text(text + rest) == redacted_text(text) + rest, text


def test_masked_again_nothing_changes():
    for text in _random_texts():
        once = redacted_text(text)
        assert redacted_text(once) == once, text


def test_places_that_overlap_are_one():
    redaction = Redaction(Settings(redact_patterns=("efgh-1234",)), ["abcd-efgh"])
    assert redaction.text("x abcd-efgh-1234 y") == "x **** y"


# -- settings


def test_names_to_mask():
    redaction = Redaction(Settings(redact_names=("ssn", "*_iban")))
    assert redaction.value("SSN", "1") == MASK
    assert redaction.text("ssn=123 my_iban: 'DE 02' iban=1") == "ssn=**** my_iban: **** iban=1"


def test_names_to_leave():
    redaction = Redaction(Settings(redact_allow=("session.id", "job_token")))
    assert redaction.value("session.id", "abc") == "abc"
    assert redaction.text("?job_token=abc&token=abc") == "?job_token=abc&token=****"


def test_patterns_to_mask():
    redaction = Redaction(Settings(redact_patterns=(r"DE\d{20}", "x*")))
    assert redaction.text("to DE02120300000000202051 now") == "to **** now"


def test_nothing_is_masked_if_it_is_switched_off():
    redaction = Redaction(Settings(redact=False, redact_patterns=("b",)), ["known-value-1"])
    text = "password=abc known-value-1"
    assert redaction.text(text) == redaction.value("password", text) == text
    assert redaction.secrets_of([build_span("a", 1, attributes={"password": text})]) == set()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT * FROM t WHERE a = 'x' AND b = 12", "SELECT * FROM t WHERE a = ? AND b = ?"),
        ("SELECT 'it''s', E'\\'', -1.5e3, $1, t2.c3", "SELECT ?, ?, ?, $1, t2.c3"),
        ("SELECT $$a 'b'$$, $x$c$x$ FROM t", "SELECT ?, ? FROM t"),
        ("INSERT INTO t VALUES ('cut o", "INSERT INTO t VALUES (?"),
        ("SELECT $$cut o", "SELECT ?"),
    ],
)
def test_sql_without_literals(query, expected):
    assert Redaction(Settings(redact_sql=True)).sql(query) == expected
    assert REDACTION.sql(query) == query


# -- known values


def test_known_values():
    """As they are, and as they are written in a URL, in JSON, in HTML."""
    redaction = Redaction(known=['a"b&c/d e'])
    text = 'a"b&c/d e a%22b%26c%2Fd%20e a\\"b&c/d e a&quot;b&amp;c/d e'
    assert redaction.text(text) == "**** **** **** ****"


def test_what_becomes_known():
    """It is masked from then on, in texts that were seen before, too."""
    redaction = Redaction()
    text = "first-s3cret, second-s3cret"
    assert redaction.text(text) == text
    before = redaction.known
    redaction.learn(["short"])
    assert redaction.known is before
    redaction.learn(["first-s3cret"])
    assert redaction.known is not before
    assert redaction.text(text) == "****, second-s3cret"
    both = redaction.knowing(["second-s3cret"])
    assert both.text(text) == "****, ****"
    assert redaction.text(text) == "****, second-s3cret"
    assert both.knowing(["first-s3cret", "short"]) is both
    assert redaction.counts is both.counts


def test_what_is_masked_is_counted_by_rules():
    """Each time, also of a text that comes again."""
    redaction = Redaction(Settings(redact_patterns=(r"mine-\d",)))
    for _ in range(2):
        redaction.text("mine-1, mine-2")
        redaction.text("none")
        redaction.value("password", "abc")
    assert redaction.counts["own pattern"] == 4
    assert sum(redaction.counts.values()) == 6


def test_values_of_a_secret_name_are_known():
    """All texts in them, without the quotes that parameters have."""
    attributes = {
        "password": ["first-s3cret", {"a": ("second-s3cret", 5)}],
        "token": "'quoted-s3cret'",
        "secret": "\"'",
        "user": "bob",
    }
    found = REDACTION.secrets_of([build_span("a", 1, attributes=attributes)])
    assert found == {"first-s3cret", "second-s3cret", "quoted-s3cret", "\"'"}


def test_what_masks_nothing():
    text = "password=s3cret-1 and " + "gh" + "p_" + "aB3" * 12
    assert (AS_IS.text(text), AS_IS.identity(text), AS_IS.value("password", text)) == (text,) * 3


def test_a_secret_is_masked_wherever_else_it_is():
    """In a diff, and as a text in JSON that is nothing but letters and digits."""
    value = "Zq7xW9kP3vT1mB8s"
    assert redacted_text(f"- password={value}\n+ {value}\n? {value}") == (
        "- password=****\n+ ****\n? ****"
    )
    issued = "AK" + "IA" + "Q7ZX" * 4
    assert redacted_text(json.dumps({"note": issued, "n": 1})) == '{"note": "****", "n": 1}'


@pytest.mark.parametrize("value", ["short", "", "development", "Production", "        "])
def test_values_that_would_be_found_everywhere(value):
    text = f"in {value} or not, 1-{value}-2"
    assert Redaction(known=[value]).text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "test_lexer[NAME]",
        "test_lexer[token=abc]",
        "test_rules[password: short]",
        "test_login[word]",
        "tests/first-one/test_it.py::test_it",
        "production_db1.test_it#test_it",
        "test_header[Authorization: None]",
    ],
)
def test_what_tests_are_known_by_stays(name):
    """Whatever their parameters are called, and whatever else is called as a folder is."""
    known = ["word", "NAME", "first-one", "production_db1", "short", "test_lexer"]
    assert Redaction(known=known).identity(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"test_it[{'gh' + 'p_'}{'aB3' * 8}]", "test_it[****]"),
        ("test_login[bob-hunter2!]", "test_login[bob-****]"),
        ("test_it[https://bob:Zq10xW9kP3@h/]", "test_it[https://****@h/]"),
        ("test_it[token=Zq10xW9kP3vT]", "test_it[token=****]"),
        ("known-5-3cr3t/test_it.py", "****/test_it.py"),
        ("mine-7", "****"),
        (f"test_it[a\\n{'gh' + 'p_'}{'aB3' * 12}", "test_it[a\\n****"),
        ("test_it[token=" + "abcde" * 5 + "]", "test_it[token=****]"),
        ("test_it[token=" + "abcde" * 4 + "]", "test_it[token=****]"),
        ("test_it[token=" + "abcde" * 3 + "]", "test_it[token=" + "abcde" * 3 + "]"),
    ],
)
def test_what_cannot_be_anything_but_a_secret_is_masked_in_identities(name, expected):
    settings = Settings(redact_patterns=(r"mine-\d",))
    assert Redaction(settings, ["hunter2!", "known-5-3cr3t"]).identity(name) == expected


def test_many_known_values():
    known = [f"value-number-{n}" for n in range(1_000)]
    text = "x value-number-999 y value-number-1 z"
    assert Redaction(known=known).text(text) == "x **** y **** z"


def test_variables_of_the_environment():
    environ = {
        "DB_PASSWORD": "s3cret-1",
        "DATABASE_URL": "postgresql://u:s3cret-2@h/db",
        "SSN": "s3cret-3",
        "PATH": "/usr/bin:/bin",
        "PWD": "/home/bob/project",
        "SSH_AUTH_SOCK": "/run/user/1000/ssh",
        "API_KEY": "short",
        "MODE_TOKEN": "production",
    }
    assert secrets_in(environ, Settings(redact_names=("ssn",))) == [
        "s3cret-1",
        "s3cret-2",
        "s3cret-3",
    ]
    assert secrets_in(environ, Settings(redact=False)) == ["s3cret-2"]


def test_large_texts():
    """The time grows as they do."""
    text = "12:30:45 INFO shop: token=abc of a shopper\n" * 50_000
    start = time.process_time()
    assert redacted_text(text).count(MASK) == 50_000
    assert time.process_time() - start < 10
