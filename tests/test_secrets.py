"""Secrets of many kinds, planted wherever a report has a text: none of them is in any file.

The same with `redact=off`, which must find all of them: else nothing would have been planted.
"""

from __future__ import annotations

import base64
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from otel_allure import AllureSpanExporter
from otel_allure.testing.results import Results


class Kind(NamedTuple):
    """A secret in its form. The form is a format string, so that no scanner takes it for real."""

    name: str
    form: str
    secret: str

    @property
    def text(self) -> str:
        return self.form.replace("{}", self.secret)


def _kinds() -> Iterator[Kind]:
    for number, (name, form) in enumerate(_FORMS.items(), start=10):
        # As issuers make them: letters and digits, no word.
        secret = f"Zq{number}xW9kP3vT{number}mB7"
        if name in _LENGTHS:
            alphabet, length = _LENGTHS[name]
            secret = (secret.translate(alphabet) * 5)[:length]
        if name == "basic":
            secret = base64.b64encode(f"bob:{secret}".encode()).decode()
        yield Kind(name, form, secret)


_UPPER = {i: chr(i).upper() for i in range(97, 123)}
_HEX = {i: f"{i % 16:x}" for i in range(65, 123)}
_LENGTHS = {
    "AWS key": (_UPPER, 16),
    "Twilio": (_HEX, 32),
    "npm": ({}, 36),
    "Hugging Face": ({}, 34),
    "Google": ({}, 35),
    "private key": ({}, 64),
    "OpenSSH key": ({}, 64),
}
_FORMS = {
    # URLs and DSNs
    "URL": "https://bob:{}@example.com/path",
    "URL with a token": "cloning https://{}@github.com/a/b.git failed",
    "PostgreSQL": "postgresql+asyncpg://shop:{}@db:5432/shop",
    "MySQL": "mysql+pymysql://shop:{}@db/shop",
    "MongoDB": "mongodb+srv://shop:{}@cluster0.example.net/?retryWrites=true",
    "Redis": "redis://:{}@cache:6379/0",
    "RabbitMQ": "amqp://guest:{}@mq//",
    "SQL Server": "mssql+pyodbc://sa:{}@db/shop?driver=x",
    "JDBC": "jdbc:postgresql://db/shop?user=u&password={}",
    "JDBC for Oracle": "jdbc:oracle:thin:scott/{}@//db:1521/shop",
    "ADO": "Server=db;User Id=sa;Password={};Timeout=3",
    "libpq": "host=db user=bob password={} dbname=x",
    "Azure storage": "AccountName=a;AccountKey={}==;EndpointSuffix=core.windows.net",
    "Azure bus": "Endpoint=sb://x.example.net/;SharedAccessKeyName=n;SharedAccessKey={}=",
    "Azure SAS": "https://a.example.net/c?sv=2022-11-02&sig={}%3D",
    # values in queries and forms
    "query": "https://example.com/?page=2&token={}",
    "query with a key": "GET /search?api_key={}&q=cup",
    "S3": "https://b.example.com/o?X-Amz-Credential=x&X-Amz-Signature={}",
    "Google storage": "https://storage.example.com/o?X-Goog-Signature={}",
    "fragment": "https://example.com/callback#access_token={}&state=1",
    "form": "grant_type=client_credentials&client_secret={}",
    # headers
    "bearer": "Authorization: Bearer {}",
    "basic": "Authorization: Basic {}",
    "digest": 'Proxy-Authorization: Digest username="bob", response="{}"',
    "cookie": "Cookie: theme=dark; sid={}",
    "set-cookie": "Set-Cookie: sid={}; Path=/; HttpOnly",
    "x-api-key": "X-Api-Key: {}",
    "x-auth-token": "x-auth-token: {}",
    "x-csrf-token": "X-CSRF-Token: {}",
    "x-vault-token": "X-Vault-Token: {}",
    "private-token": "PRIVATE-TOKEN: {}",
    "AWS session": "x-amz-security-token: {}",
    "bearer in a sentence": "sent bearer {} to it",
    "header of a dict": "{'authorization': 'Token {}', 'accept': '*/*'}",
    # what issuers made
    "JWT": "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.{} back",
    "AWS key": "key AK" + "IA{}",
    "GitHub": "gh" + "p_{}{}",
    "GitHub, fine": "github" + "_pat_{}_{}",
    "GitLab": "gl" + "pat-{}",
    "Slack": "xo" + "xb-123456789012-{}",
    "Slack's hook": "https://hooks.slack" + ".com/services/T0/B0/{}",
    "Stripe": "s" + "k_live_{}",
    "Stripe's hook": "wh" + "sec_{}",
    "npm": "n" + "pm_{}",
    "PyPI": "py" + "pi-AgEIcHlwaS5vcmc{}",
    "OpenAI": "s" + "k-proj-{}{}",
    "Anthropic": "s" + "k-ant-api03-{}-{}",
    "Hugging Face": "h" + "f_{}",
    "Google": "AI" + "za{}",
    "Google OAuth": "ya" + "29.{}",
    "Google client": "GOC" + "SPX-{}",
    "SendGrid": "S" + "G.{}.{}",
    "Twilio": "S" + "K{}",
    "Docker": "dckr" + "_pat_{}",
    "Vault": "hv" + "s.{}",
    "private key": "-----BEGIN RSA PRIVATE" + " KEY-----\n{}\n{}\n-----END RSA PRIVATE KEY-----",
    "OpenSSH key": "-----BEGIN OPENSSH PRIVATE" + " KEY-----\n{}\n-----END",
    # assignments
    "JSON": '{"user": "bob", "password": "{}"}',
    "JSON in JSON": '{\\"client_secret\\": \\"{}\\", \\"a\\": 1}',
    "dict": "{'apiKey': '{}', 'a': 1}",
    "YAML": "db:\n  user: bob\n  password: {}\n",
    "ini": "[db]\nuser = bob\npasswd = {}\n",
    "TOML": 'secret_key = """{}"""',
    "shell": "PGPASSWORD={} psql -h db",
    "AWS file": "aws_secret_access_key = {}",
    "XML": '<db:password kind="text">{}</db:password>',
    "option": "run --db-password {} --verbose",
    "arguments": "['run', '--token', '{}']",
    "curl": "curl -u bob:{} https://example.com",
    "call": "connect(host='db', password='{}')",
    "comparison": "assert token == '{}'",
    "environ": "os.environ['APP_SECRET'] = '{}'",
    # SQL
    "MySQL user": "CREATE USER bob IDENTIFIED BY '{}'",
    "PostgreSQL user": "CREATE ROLE bob LOGIN ENCRYPTED PASSWORD '{}'",
    "role": "ALTER ROLE bob PASSWORD = '{}'",
    # known by value
    "variable": "deployed with {} as bob",
    "variable in a URL": "logged in with {}",
    "variable, quoted": "/login/%22{}%22/now",
}
KINDS = list(_kinds())
BY_NAME = {kind.name: kind for kind in KINDS}
VARIABLES = {
    "DEPLOY_PASSWORD": BY_NAME["variable"].secret,
    "SHOP_DSN": f"postgresql://shop:{BY_NAME['variable in a URL'].secret}@db/shop",
    "APP_TOKEN": f'"{BY_NAME["variable, quoted"].secret}"',
}


@pytest.fixture(params=["on", "off"])
def redact(request, monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_REDACT", request.param)
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_TRACE_URL_PATTERN", "https://x:y@h/{trace_id}")
    return request.param == "on"


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")


def contents(path: Path) -> bytes:
    """Return what is in a file, what it has in base64 too."""
    data = path.read_bytes()
    decoded = []
    for match in _BASE64.finditer(data):
        whole = match[0].rstrip(b"=")
        whole = whole[: len(whole) // 4 * 4]
        decoded.append(base64.b64decode(whole))
    return b"\n".join([data, *decoded])


def check(directory: Path, redact: bool) -> None:
    """Look for the secrets in all files: there are none, or all if they are not masked."""
    files = {path: contents(path) for path in directory.rglob("*") if path.is_file()}
    found = {
        kind.name: sorted(
            {path.suffix for path, data in files.items() if kind.secret.encode() in data}
        )
        for kind in KINDS
    }
    if redact:
        assert {name: where for name, where in found.items() if where} == {}
        assert any(b"****" in data for data in files.values())
    else:
        assert [name for name, where in found.items() if not where] == []


def test_there_are_enough():
    assert len(KINDS) == len({kind.secret for kind in KINDS}) >= 50


def test_spans(redact, tmp_path):
    """In every part of a span that is not ours, in every document that is made of spans."""
    texts = [kind.text for kind in KINDS]
    exporter = AllureSpanExporter(tmp_path / "results", max_steps=40)
    # One trace has the resource with all of them: each of a hundred would take a minute.
    resource = Resource({"service.name": "shop", "deployment.note": "\n".join(texts)})
    provider, noted = TracerProvider(), TracerProvider(resource=resource)
    for each in (provider, noted):
        each.add_span_processor(SimpleSpanProcessor(exporter))
    noted.get_tracer("app").start_span("noted").end()
    tracer = provider.get_tracer("app")
    elsewhere = trace.SpanContext(1, 2, is_remote=True)
    for text in texts:
        link = trace.Link(elsewhere, {"why": text})
        with tracer.start_as_current_span(text, attributes={"note": text}, links=[link]) as root:
            root.set_attribute("several", [text, text])
            root.add_event(text, {"detail": text})
            _spans_below(tracer, text)
            root.record_exception(ValueError(text))
            root.set_status(Status(StatusCode.ERROR, text))
    provider.shutdown()
    check(tmp_path / "results", redact)
    made = {path.suffix for path in (tmp_path / "results").iterdir()}
    assert {".json", ".svg", ".txt", ".httpexchange", ".properties"} <= made


def _spans_below(tracer: trace.Tracer, text: str) -> None:
    http = {
        "http.request.method": "POST",
        "url.full": f"https://example.com/{text}",
        "http.response.status_code": 500,
        "http.request.header.x_note": (text,),
        "http.request.body.content": text,
        "http.response.body.content": json.dumps({"note": text}),
        "user_agent.original": text,
    }
    tracer.start_span("POST", kind=SpanKind.CLIENT, attributes=http).end()
    sql = {
        "db.system.name": "postgresql",
        "db.query.text": f"SELECT 1 /* {text} */ FROM things, others, and_more WHERE id = $1",
        "db.namespace": text,
    }
    tracer.start_span("SELECT", kind=SpanKind.CLIENT, attributes=sql).end()
    others = {
        "rpc.system": "grpc", "rpc.service": text, "rpc.method": "Pay",
        "rpc.grpc.status_code": 2,
    }  # fmt: skip
    tracer.start_span("rpc", kind=SpanKind.CLIENT, attributes=others).end()
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.input.messages": json.dumps([{"content": text}]),
    }
    tracer.start_span("chat", kind=SpanKind.CLIENT, attributes=said).end()
    for _ in range(15):  # folded
        with tracer.start_as_current_span(f"again {text}"):
            pass
    for number in range(40):  # too many
        tracer.start_span(f"capped {chr(65 + number)} {text}", attributes={"note": text}).end()


SUITE = """
    import asyncio, json, logging, pathlib, sys
    import allure, pytest
    from opentelemetry import trace

    TEXTS = json.loads(pathlib.Path(__file__).with_name("texts.json").read_text())
    each = pytest.mark.parametrize("note", TEXTS)

    @allure.step("decorated {note}")
    def decorated(note):
        pass

    @pytest.fixture
    def shop(request):
        with allure.step(request.node.callspec.params["note"]):
            yield
        allure.attach(request.node.callspec.params["note"], name="after")

    @each
    def test_texts(note, shop):
        decorated(note)
        allure.dynamic.title(f"title {note}")
        allure.dynamic.description(note)
        allure.dynamic.description_html(f"<pre>{note}</pre>")
        allure.dynamic.parameter("other", note)
        allure.dynamic.link(f"https://example.com/?q={note}", name=note)
        allure.dynamic.feature(note)
        allure.attach(note, name=f"named {note}")
        allure.attach(note.encode(), "bytes", allure.attachment_type.JSON)
        print(note)
        print(note, file=sys.stderr)
        logging.getLogger(note).warning("says %s", note)
        with allure.step("outer"):
            logging.getLogger("shop").error("says %s", note)
            try:
                with allure.step("fails"):
                    raise ValueError(note)
            except ValueError:
                logging.getLogger("shop").exception("failed")

    @each
    def test_failures(note):
        span = trace.get_tracer("app").start_span(note, attributes={"note": note})
        span.record_exception(ValueError(note))
        span.end()
        assert note == [note], f"message {note}"

    @each
    async def test_pictures(note):
        async def branch(name):
            with allure.step(f"{name} {note}"):
                await asyncio.sleep(0.001)
        await asyncio.gather(branch("a"), branch("b"))

    def test_of_the_run():
        for note in TEXTS:
            allure.global_attach(note, name=note)
            allure.global_error(note, note)
"""


def test_a_test_session(run, redact, pytester):
    """In everything that tests say, print, log and raise."""
    pytester.path.joinpath("texts.json").write_text(json.dumps([kind.text for kind in KINDS]))
    count = len(KINDS)
    done = run(SUITE, "-q", "--tb=long", passed=2 * count + 1, failed=count)
    check(done.report.directory, redact)
    made = {path.suffix for path in done.report.directory.iterdir()}
    assert {".json", ".svg", ".txt", ".properties"} <= made


# -- by name


NAMES = [
    "password",
    "db.password",
    "client_secret",
    "apiKey",
    "auth",
    "otp",
    "session.id",
    "http.request.header.authorization",
    "http.request.header.proxy_authorization",
    "http.request.header.x_api_key",
    "http.response.header.set_cookie",
    "db.query.parameter.password",
    "rpc.request.metadata.x-token",
]


@pytest.mark.parametrize("redact_setting", ["on", "off"])
def test_attributes_by_name(tmp_path, redact_setting):
    """Whatever form the value has, wherever else in the trace it is."""
    secrets = {name: f"plain-{number}-value" for number, name in enumerate(NAMES)}
    exporter = AllureSpanExporter(
        tmp_path, redact=redact_setting, span_parameters="all", max_steps=1
    )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    with tracer.start_as_current_span("root"):
        for name, secret in secrets.items():
            value = (secret,) if ".header." in name else secret
            tracer.start_span(f"says {secret}", attributes={name: value}).end()
    provider.shutdown()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    found = [name for name, secret in secrets.items() if secret.encode() in data]
    assert found == ([] if redact_setting == "on" else NAMES)


def everything_in(directory: Path) -> str:
    return b"\n".join(path.read_bytes() for path in directory.iterdir()).decode()


def test_parameters_by_name_are_masked_wherever_they_are(run):
    """In titles, messages, tracebacks, what is printed and attached; in ids, if they are strong."""
    done = run(
        """
        import allure, pytest

        @allure.step("log in as {user} with {password}")
        def login(user, password):
            allure.attach(f"sent {password}", name=f"body {password}")

        @pytest.mark.parametrize("user, password", [("bob", "hunter2!"), ("ann", "word")])
        def test_login(user, password):
            login(user, "step-secret-1")
            print("used", password, "and step-secret-1")
            if user == "bob":
                raise ValueError(f"{password} was refused")
        """,
        passed=1,
        failed=1,
    )
    text = everything_in(done.report.directory)
    assert "hunter2!" not in text
    assert "step-secret-1" not in text
    assert {result["name"] for result in done.report.results} == {
        "test_login[bob-****]",
        "test_login[ann-word]",
    }
    (step, *_) = done.report["test_login[bob-****]"]["steps"]
    assert step["name"] == "log in as 'bob' with '****'"


def test_masked_parameters_tell_tests_apart(run):
    """The report tools take results of equal parameters for attempts at one test."""
    source = """
        import allure, pytest

        SECRETS = ["first-one-1", "second-2-one", "word", "other"]

        @pytest.mark.parametrize("password", SECRETS, ids="abcd")
        def test_login(password):
            pass

        @pytest.mark.parametrize("dsn", ["redis://:one@h", "redis://:two@h"])
        def test_connect(dsn):
            pass

        @pytest.mark.parametrize("number", [1, 2])
        def test_mode(number):
            mode = allure.parameter_mode
            allure.dynamic.parameter("number", f"raw-value-{number}", mode=mode.MASKED)
            allure.dynamic.parameter("code", f"hide-value-{number}", mode=mode.HIDDEN)
    """

    def identities(done):
        return sorted(
            (r["testCaseId"], *(p["value"] for p in r["parameters"] if not p.get("excluded")))
            for r in done.report.results
        )

    first = run(source, passed=8)
    found = identities(first)
    assert len(set(found)) == 8
    text = everything_in(first.report.directory)
    for secret in ("first-one", "second-2", "'word'", "other'", ":one@", "raw-value", "hide-value"):
        assert secret not in text, secret
    assert identities(run(None, "--clean-alluredir", passed=8)) == found  # also the next day


def test_names_of_tests_are_not_masked_by_names_of_parameters(run, monkeypatch, pytester):
    """Nor are folders by what else is called so: the tree and the search of a report need them."""
    monkeypatch.setenv("DB_PASSWORD", "production_db1")
    folder = pytester.mkpydir("production_db1")
    folder.joinpath("test_lexer.py").write_text(
        textwrap.dedent(
            """
            import pytest

            @pytest.mark.parametrize("token", ["NAME", "OPERATOR", "production", "x=1"])
            def test_lexer(token): pass
            """
        )
    )
    done = run(None, passed=4)
    names = {"NAME", "OPERATOR", "production", "x=1"}
    assert {r["name"] for r in done.report.results} == {f"test_lexer[{name}]" for name in names}
    for result in done.report.results:
        assert result["fullName"] == "production_db1.test_lexer#test_lexer"
        assert result["titlePath"] == ["production_db1", "test_lexer.py"]
        labels = {label["name"]: label["value"] for label in result["labels"]}
        assert labels["parentSuite"] == "production_db1"
        assert labels["package"] == "production_db1.test_lexer"
        (parameter,) = result["parameters"]
        assert parameter["value"].startswith("****")


def test_steps_have_no_mark(run):
    done = run(
        """
        import allure

        @allure.step
        def login(password):
            pass

        def test_it():
            login("hunter2!")
        """,
        passed=1,
    )
    (step,) = done.report["test_it"]["steps"]
    assert step["parameters"] == [{"name": "password", "value": "****"}]


# -- texts and files


def test_attachments_are_left_alone_where_there_is_nothing_or_no_text(run):
    """Byte by byte; files and bytes of unknown type are not looked into."""
    done = run(
        r"""
        import allure

        def test_it(tmp_path):
            allure.attach("plain\r\ntext \u0130\ud800", name="text")
            allure.attach(b"a: \xff password:", "broken", allure.attachment_type.TEXT)
            allure.attach("caf\xe9".encode("utf-16"), "wide", allure.attachment_type.TEXT)
            allure.attach(b"\x00\x01password=abc", "unknown")
            allure.attach(b"\x89PNG password=abc", "picture", allure.attachment_type.PNG)
            (tmp_path / "a.txt").write_text("password=abc")
            allure.attach.file(tmp_path / "a.txt", name="file")
        """,
        passed=1,
    )
    bodies = {
        a["name"]: (done.report.directory / a["source"]).read_bytes()
        for a in done.report["test_it"]["attachments"]
    }
    assert bodies == {
        "text": b"plain\r\ntext \xc4\xb0\\ud800",
        "broken": b"a: \xff password:",
        "wide": "caf\xe9".encode("utf-16"),
        "unknown": b"\x00\x01password=abc",
        "picture": b"\x89PNG password=abc",
        "file": b"password=abc",
    }


def test_attachments_can_be_left_as_they_are(run):
    done = run(
        """
        import allure

        def test_it():
            allure.attach("password=abc", name="password=abc")
        """,
        "--allure-redact-attachments=off",
        passed=1,
    )
    (attachment,) = done.report["test_it"]["attachments"]
    assert attachment["name"] == "password=****"
    assert done.report.body(attachment) == "password=abc"


# -- SQL


def test_literals_of_sql(tmp_path):
    """They are in no file, and repeated queries are told as such all the same."""
    exporter = AllureSpanExporter(tmp_path, redact_sql=True, max_steps=5)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("db")
    with tracer.start_as_current_span("root"):
        for number in range(12):
            attributes = {
                "db.system": "postgresql",
                "db.statement": f"SELECT * FROM people WHERE ssn = '{number}-planted' AND x = $1",
                "db.statement.parameters": f"('{number}-planted',)",
                "db.query.parameter.0": f"{number}-planted",
            }
            tracer.start_span("SELECT", kind=SpanKind.CLIENT, attributes=attributes).end()
    provider.shutdown()
    assert "planted" not in everything_in(tmp_path)
    (folded, *_) = Results(tmp_path).results[0]["steps"]
    assert "(N+1 query?)" in folded["name"]


# -- how many


def test_how_many_are_masked_is_told(run):
    done = run(
        """
        import allure

        def test_it():
            with allure.step("password=abc"):
                allure.attach("token=abc, secret=abc", name="text")
        """,
        passed=1,
    )
    done.outcome.stdout.fnmatch_lines(["otel-allure: 3 values are masked in the report"])
    done.outcome.stdout.fnmatch_lines(["otel-allure: masked by *name *"])
    told = (done.report.directory / "environment.properties").read_text()
    assert "Masked\\ values = 3" in told


def test_nothing_is_told_if_nothing_was_found(run):
    done = run("def test_it(): pass", passed=1)
    done.outcome.stdout.no_fnmatch_line("*masked in the report")
    assert "Masked" not in (done.report.directory / "environment.properties").read_text()


def test_workers_count_together(run):
    pytest.importorskip("xdist")
    done = run(
        """
        import allure, pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(number):
            with allure.step("password=abc"):
                pass
        """,
        "-n2",
        plugins=("xdist.plugin",),
        passed=4,
    )
    done.outcome.stdout.fnmatch_lines(["otel-allure: 4 values are masked in the report"])


def test_a_file_that_is_written_again_counts_once(tmp_path, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_WATERFALL", "off")  # a picture is not plain text
    exporter = AllureSpanExporter(tmp_path)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    root = tracer.start_span("password=abc")
    root.end()
    for _ in range(5):
        tracer.start_span("late", trace.set_span_in_context(root)).end()
    provider.shutdown()
    (result,) = tmp_path.glob("*-result.json")
    count = result.read_text().count("****")
    assert f"Masked\\ values = {count}\n" in (tmp_path / "environment.properties").read_text()


HISTORY = """
    import allure
    import enum
    import pytest

    class Colour(enum.Enum):
        RED = 1

    VALUES = [
        1, True, None, "", "a", "\\u2603", b"\\xff", (1, 2), [], {"host": "h", "password": ""},
        {"password": "hunter2"}, Colour.RED, int, "x" * 100_000, "x" * 99_999 + "y",
        "Bearer abcdefghijklmnopqrstuvwxyz", "postgres://u:pw@h/db", float("nan"), "null",
    ]

    @pytest.mark.parametrize("value", VALUES, ids=map(str, range(len(VALUES))))
    def test_value(value): pass

    @pytest.mark.parametrize("password", VALUES, ids=map(str, range(len(VALUES))))
    def test_password(password): pass

    @pytest.mark.parametrize("token", ["t"])
    def test_dynamic(token):
        allure.dynamic.parameter("secret", "dynamic")
        allure.dynamic.parameter("excluded", 12, excluded=True)
        allure.dynamic.parameter("masked", "m", mode=allure.parameter_mode.MASKED)
        allure.dynamic.parameter("token", "other")
    """


def test_history_goes_on(run, pytester):
    """A test's identity is allure-pytest's, whatever is masked or cut of its parameters."""
    pytest.importorskip("allure_pytest")
    ours = run(HISTORY, plugins=()).report.results
    pytester.runpytest_subprocess(
        *("-p", "allure_pytest.plugin", "-p", "no:otel_allure", "-p", "no:cacheprovider"),
        "--alluredir=theirs",
    )
    theirs = Results(pytester.path / "theirs").results
    assert {r["name"]: r["historyId"] for r in ours} == {r["name"]: r["historyId"] for r in theirs}
    assert len(ours) == len({r["historyId"] for r in ours}) > 30
    # Allure 3 does not look at it, but at the parameters: those have to differ where tests do.
    shown = [(r["fullName"], *(p["value"] for p in r["parameters"])) for r in ours]
    assert len(shown) == len(set(shown))
    assert max(len(value) for _, *values in shown for value in values) < 3000


@pytest.mark.parametrize("value", ["", None, True, False, (), [], {}, {"password": ""}])
def test_nothing_is_no_secret(run, value):
    """So it is not masked, and Allure 3 knows the test as the same."""
    source = f"""
        import pytest

        @pytest.mark.parametrize("password", [{value!r}], ids=["id"])
        def test_one(password): pass
        """
    if isinstance(value, dict) and value:
        source = source.replace('"password"', '"case"').replace("(password)", "(case)")
    (result,) = run(source, plugins=(), passed=1).report.results
    (parameter,) = result["parameters"]
    assert parameter["value"] == (repr(value) if value != "" else "''")
