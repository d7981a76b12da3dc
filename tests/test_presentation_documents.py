"""What is attached to steps that are made of spans: HTTP exchanges, queries, messages."""

from __future__ import annotations

import builtins
import json
import re
import sys
import time

import pytest

from otel_allure.model.settings import Settings
from otel_allure.model.spans import Event, Span
from otel_allure.presentation import sql as sql_module
from otel_allure.presentation.presentation import Document, Presentation
from otel_allure.testing.spans import build_span

SECRET = "hunter2SECRET"
MASKED = "__ALLURE_REDACTED__"


def client(attributes: dict, **fields: object) -> Span:
    return build_span("name", 1, **{"kind": "client", "attributes": attributes, **fields})


def documents(
    attributes: dict, settings: Settings | None = None, **fields: object
) -> list[Document]:
    presentation = Presentation(settings or Settings())
    return list(presentation.documents(client(attributes, **fields)))


# -- HTTP exchanges

GET = {
    "http.request.method": "GET",
    "url.full": "http://shop/items/7",
    "http.response.status_code": 200,
}


def exchange(attributes: dict, **fields: object) -> dict:
    (document,) = documents({**GET, **attributes}, **fields)
    assert document[1:3] == ("application/vnd.allure.http+json", "httpexchange")
    return json.loads(document.body)


def test_exchange():
    """All that is known of a call."""
    assert exchange(
        {
            "http.request.method": "POST",
            "network.protocol.version": "1.1",
            "user_agent.original": "aiohttp",
            "http.request.header.content-type": ("application/json",),
            "http.request.body.content": '{"count": 1}',
            "http.response.status_code": 201,
            "http.response.header.x-id": ("a", "b"),
            "http.response.body.content": b"done",
        }
    ) == {
        "schemaVersion": 1,
        "request": {
            "method": "POST",
            "url": "http://shop/items/7",
            "httpVersion": "1.1",
            "headers": [
                {"name": "content-type", "value": "application/json"},
                {"name": "user-agent", "value": "aiohttp"},
            ],
            "body": {
                "contentType": "application/json",
                "encoding": "utf8",
                "value": '{"count": 1}',
                "size": 12,
                "truncated": False,
            },
        },
        "response": {
            "status": 201,
            "httpVersion": "1.1",
            "headers": [{"name": "x-id", "value": "a"}, {"name": "x-id", "value": "b"}],
            "body": {"encoding": "utf8", "value": "done", "size": 4, "truncated": False},
        },
        "start": 1,
        "stop": 2,
    }


def test_exchange_of_old_names():
    """They say the same; a server's URL is put together."""
    found = exchange(
        {
            "http.method": "GET",
            "http.scheme": "http",
            "http.host": "shop:8080",
            "http.target": "/items/7",
            "http.status_code": 404,
            "http.request.header.x_request_id": ["r-1"],
            "http.user_agent": "curl",
            "http.response_content_length": 12,
            **dict.fromkeys(GET),
        },
        kind="server",
    )
    assert found["request"] == {
        "method": "GET",
        "url": "http://shop:8080/items/7",
        "headers": [
            {"name": "x-request-id", "value": "r-1"},
            {"name": "user-agent", "value": "curl"},
        ],
    }
    assert found["response"] == {"status": 404, "body": {"size": 12, "truncated": True}}


def test_exchange_without_an_answer():
    """The error is in it, and no response."""
    found = exchange(
        {"http.response.status_code": None},
        status="error",
        end_ns=None,
        events=[
            Event(
                "exception",
                1,
                {
                    "exception.type": "ConnectionError",
                    "exception.message": "refused",
                    "exception.stacktrace": "Traceback",
                },
            )
        ],
    )
    assert found == {
        "schemaVersion": 1,
        "request": {"method": "GET", "url": "http://shop/items/7"},
        "error": {"name": "ConnectionError", "message": "refused", "stack": "Traceback"},
        "start": 1,
    }


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"http.response.status_code": None, "error.type": "timeout"}, {"name": "timeout"}),
        ({"http.response.status_code": 404, "error.type": "404"}, None),
    ],
)
def test_error_of_an_exchange(attributes, expected):
    """An answer is none, whatever its status."""
    body = {"http.response.body": "no"}
    assert exchange({**attributes, **body}, status="error").get("error") == expected


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"user_agent.original": "aiohttp", "network.protocol.version": "1.1"},
        {"http.request.header.user_agent": ("aiohttp",)},
        {"http.response.body.size": 12, "http.response_content_length": 12},
        {"http.response.status_code": 404, "status": "error"},
    ],
    ids=["nothing", "who asks", "who asks, captured", "a size", "an answer that is an error"],
)
def test_no_exchange_where_the_step_says_it_all(attributes):
    status = attributes.pop("status", "unset")
    assert documents({**GET, **attributes}, status=status) == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "GET /items/7"),
        ({"status": "error", "http.response.status_code": None}, "GET /items/7, no answer"),
        (
            {"status": "error", "http.response.status_code": None, "kind": "server"},
            "GET /items/7, error",
        ),
    ],
)
def test_exchange_is_named_after_what_was_called(fields, name):
    """Never just as its step, which would be drawn as its attachment then."""
    attributes = {**GET, "http.response.header.x": ("1",)}
    attributes.update({key: fields.pop(key) for key in list(fields) if "." in key})
    (document,) = documents(attributes, **fields)
    assert document.name == name
    assert document.name != Presentation().title(client(attributes, **fields))


@pytest.mark.parametrize("part", ["request", "response"])
@pytest.mark.parametrize("name", ["http.{}.body.content", "http.{}.body.text", "http.{}.body"])
def test_bodies_of_hooks(part, name):
    """Hooks of users and other instrumentations have names of their own."""
    assert exchange({name.format(part): "hello"})[part]["body"]["value"] == "hello"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("x" * 200_000, 200_000, id="cut by us"),
        pytest.param("x" * 10, 500, id="cut by the instrumentation"),
    ],
)
def test_bodies_that_are_cut_say_so(body, expected):
    found = exchange({"http.response.body": body, "http.response.body.size": expected})
    assert found["response"]["body"]["truncated"] is True
    assert found["response"]["body"]["size"] == expected
    assert len(found["response"]["body"]["value"]) < 101_000


def test_a_body_that_is_no_text_is_not_shown():
    """Secrets in it could not be found."""
    body = exchange({"http.response.body": b"\xff\x00" + SECRET.encode()})["response"]["body"]
    assert body["value"] == "(15 bytes that are not text are not shown)"


@pytest.mark.parametrize(
    "attributes",
    [
        {"url.full": f"https://bob:{SECRET}@shop/x"},
        {"url.full": f"https://shop/x?page=2&token={SECRET}#access_token={SECRET}"},
        {"http.request.header.authorization": (f"Bearer {SECRET}",)},
        {"http.request.header.cookie": (f"session={SECRET}",)},
        {"http.request.header.x_api_key": (SECRET,)},
        {"http.response.header.set_cookie": (f"session={SECRET}; Path=/",)},
        {"http.response.header.location": (f"https://shop/x?token={SECRET}",)},
        {"http.request.body": json.dumps({"user": {"password": SECRET}})},
        {"http.request.body": json.dumps([{"session_id": SECRET, "a": 1}])},
        {"http.request.body": {"password": SECRET}},
        {"http.request.body": f"user=bob&password={SECRET}"},
        {"http.response.body": f'{{"token": "{SECRET}", cut off'},
        {"user_agent.original": f"x token={SECRET}"},
    ],
    ids=lambda attributes: repr(attributes)[:60],
)
def test_no_secrets_in_an_exchange(attributes):
    text = json.dumps(exchange({"http.response.header.x": ("1",), **attributes}))
    assert SECRET not in text
    assert MASKED in text or "****" in text


def test_headers_with_secrets_are_masked_as_the_viewers_know_it():
    found = exchange({"http.request.header.authorization": ("Bearer abc",)})
    assert found["request"]["headers"] == [{"name": "authorization", "value": MASKED}]


def test_json_without_secrets_is_left_as_it_is():
    """Numbers, repeated names and white space too."""
    text = '{"a": 1.50,  "a": 10000000000000000000000000000}'
    assert exchange({"http.request.body": text})["request"]["body"]["value"] == text


@pytest.mark.parametrize(
    ("attributes", "fields"),
    [
        pytest.param({"http.method": "GET", "http.route": "/x"}, {"kind": "server"}, id="no url"),
        pytest.param(
            {**GET, "http.response.status_code": None}, {"kind": "internal"}, id="internal"
        ),
        pytest.param({"http.response.status_code": 200}, {}, id="no method"),
        pytest.param(GET, {"settings": Settings(attach_http=False)}, id="switched off"),
    ],
)
def test_no_exchange(attributes, fields):
    """Where it would say nothing, or is not wanted."""
    assert documents(attributes, **fields) == []


# -- SQL


def query(attributes: dict, settings: Settings | None = None) -> str:
    (document,) = documents({"db.system.name": "postgresql", **attributes}, settings)
    assert document.name.endswith(".sql")
    assert document[1:3] == ("text/plain", "txt")
    return document.body


LONG = "select a, b from orders join items on items.id = orders.item where a = $1 and b = $2"
FORMATTED = """\
select a, b
from orders
join items on items.id = orders.item
where a = $1
  and b = $2"""


@pytest.mark.parametrize("name", ["db.query.text", "db.statement"])
def test_query_is_formatted(name):
    assert query({name: LONG}) == FORMATTED


@pytest.mark.parametrize(
    "text",
    [
        "SELECT name\n  FROM items -- " + "x" * 80 + "\n WHERE id = $1",
        "SELECT " + "a, " * 4000 + "a FROM b",
    ],
    ids=["formatted already", "too long"],
)
def test_query_is_left_alone(text):
    assert query({"db.query.text": text}) == text


def test_query_without_sqlparse(monkeypatch):
    """It is shown as it is, and says why: reports differ by what is installed."""
    monkeypatch.setitem(sys.modules, "sqlparse", None)
    sql_module._formatted.cache_clear()
    text, note = query({"db.query.text": LONG}).rsplit("\n", 1)
    assert text == LONG
    assert note.startswith("-- ")
    assert "pip install otel-allure[sql]" in note
    sql_module._formatted.cache_clear()


def test_sqlparse_is_imported_only_where_it_is_needed(monkeypatch):
    imported: list[str] = []
    real = builtins.__import__
    monkeypatch.setattr(
        builtins, "__import__", lambda name, *a: imported.append(name) or real(name, *a)
    )
    query({"db.query.text": "SELECT name FROM items", "db.query.parameter.0": 1})
    assert not [name for name in imported if "sqlparse" in name]


def test_long_query_is_cut_with_a_note():
    text = query({"db.query.text": "SELECT a FROM b WHERE c IN (" + "1, " * 40_000 + "1)"})
    assert len(text) < 101_000
    assert text.endswith("\n… cut here: 120,030 characters in all")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param(
            {"db.query.parameter.name": "cup", "db.query.parameter.0": 7},
            ["name: cup", "0: 7"],
            id="as the conventions have it",
        ),
        pytest.param(
            {"db.statement.parameters": "(7, 'a cup', None)"},
            ["1: 7", "2: 'a cup'", "3: None"],
            id="a tuple",
        ),
        pytest.param(
            {"db.statement.parameters": "{'sku': 'cup', 'n': 1}"},
            ["sku: 'cup'", "n: 1"],
            id="a dict",
        ),
        pytest.param(
            {"db.statement.parameters": "(datetime.date(2026, 1, 2), Decimal('4.20'))"},
            ["1: datetime.date(2026, 1, 2)", "2: Decimal('4.20')"],
            id="objects",
        ),
        pytest.param(
            {"db.statement.parameters": "([(1, 'a'), (2, 'b')],)"},
            ["1: [(1, 'a'), (2, 'b')]"],
            id="many rows",
        ),
        pytest.param(
            {"db.statement.parameters": "(<object at 0x7f>, 7)"},
            ["all: (<object at 0x7f>, 7)"],
            id="no expression",
        ),
        pytest.param(
            {"db.query.parameter.text": "a\nb\n" + "x" * 600},
            ["text: a b " + "x" * 495 + "…"],
            id="on one line",
        ),
    ],
)
def test_parameters_of_a_query(attributes, expected):
    """They are below it."""
    text = query({"db.query.text": "INSERT INTO items VALUES ($1)", **attributes})
    query_text, _, parameters = text.partition("\n\n-- parameters\n")
    assert query_text == "INSERT INTO items VALUES ($1)"
    assert parameters.splitlines() == [f"-- {line}" for line in expected]


def test_many_parameters_are_cut_with_a_note():
    numbers = {"db.statement.parameters": str(tuple(range(105)))}
    assert query({"db.query.text": "SELECT 1", **numbers}).splitlines()[-1] == "-- … 5 more"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("UPDATE a SET name = $1, password = $2", "('bob', '{}')", id="numbered"),
        pytest.param("UPDATE a SET name = ?, password = ?", "('bob', '{}')", id="question marks"),
        pytest.param("UPDATE a SET name = %s, password = %s", "('bob', '{}')", id="format"),
        pytest.param("UPDATE a SET password = crypt($1, $2)", "('{}', 'salt')", id="in a function"),
        pytest.param(
            'INSERT INTO a (name, "password") VALUES (lower($1), $2)', "('bob', '{}')", id="insert"
        ),
        pytest.param("INSERT INTO a(name,api_key) VALUES (?,?)", "('bob', '{}')", id="insert, ?"),
        pytest.param(
            "SELECT 1 FROM a WHERE name = :n AND token = :t", "{{'n': 1, 't': '{}'}}", id=":t"
        ),
        pytest.param("SELECT 1 FROM a WHERE token = %(t)s", "{{'t': '{}'}}", id="%(t)s"),
        pytest.param("SELECT 1 FROM a WHERE b = $1", "({{'password': '{}'}},)", id="in a value"),
        pytest.param("SELECT f($1)", "{{'password': '{}'}}", id="by its name"),
        pytest.param("UPDATE a SET password = $1", "('{}', <object at 0x7f>)", id="not told apart"),
        pytest.param(
            "INSERT INTO a (name, password) VALUES ($1, f($2, 1)), ($3, f($4, 1))",
            "('a', 'b', 'c', '{}')",
            id="several rows",
        ),
        pytest.param(
            "INSERT INTO a (name, password) VALUES ($1, $2)", "([('bob', '{}')],)", id="executemany"
        ),
    ],
)
def test_no_secrets_in_parameters(text, values):
    """A parameter has the name of the column that it is compared with or written to."""
    found = query({"db.query.text": text, "db.statement.parameters": values.format(SECRET)})
    assert SECRET not in found
    assert "****" in found.partition("-- parameters")[2]


def test_no_secrets_in_named_parameters():
    attributes = {"db.query.text": "SELECT f($1)", "db.query.parameter.password": SECRET}
    assert SECRET not in query(attributes)


def test_no_secrets_in_numbered_parameters():
    """The conventions count from 0, SQL from 1."""
    numbered = {"db.query.parameter.0": "bob", "db.query.parameter.1": SECRET}
    text = query({"db.query.text": "UPDATE a SET name = $1, password = $2", **numbered})
    assert text.endswith("-- 0: bob\n-- 1: ****")


@pytest.mark.parametrize(
    "text",
    ["x" * 50_000, "'" * 50_001, "(" * 50_000, "into a(" * 7000, "/*" * 25_000, "a = " * 12_000],
    ids=lambda text: text[:5],
)
def test_time_grows_with_the_length_of_a_query(text):
    """And not with its square."""
    started = time.process_time()
    documents({"db.system": "x", "db.statement": text, "db.statement.parameters": "(" + text})
    assert time.process_time() - started < 2


@pytest.mark.parametrize("span_parameters", ["curated", "all"])
@pytest.mark.parametrize("system", ["postgresql", "redis"])
def test_no_literals_in_a_query(system, span_parameters):
    """If that is wanted: nothing in it need look like a secret."""
    attributes = {
        "db.system": system,
        "db.statement": "SET 'Alice' 17",
        "db.query.text": "SELECT 'Alice', 17",
        "db.statement.parameters": "('Alice', 17)",
        "db.query.parameter.a": "Alice 17",
    }
    presentation = Presentation(Settings(redact_sql=True, span_parameters=span_parameters))
    span = client(attributes)
    shown = [
        *presentation.documents(span),
        *presentation.parameters(span),
        presentation.title(span),
    ]
    assert not {"Alice", "17"} & set(re.findall(r"\w+", repr(shown)))


def test_no_secrets_in_a_query():
    text = f"SELECT 1 FROM a WHERE password = '{SECRET}'"
    assert SECRET not in query({"db.query.text": f"{text} OR name IN (1, 2, 3, 4, 5, 6, 7, 8, 9)"})
    short = client({"db.system": "sqlite", "db.statement": text})
    found = dict(Presentation().parameters(short))
    assert found["query"] == "SELECT 1 FROM a WHERE password = ****"


@pytest.mark.parametrize(
    ("attributes", "settings"),
    [
        pytest.param({"db.system": "x", "db.statement": "COMMIT;"}, None, id="as the title says"),
        pytest.param({"db.system": "redis", "db.statement": "GET ?"}, None, id="a short command"),
        pytest.param({"db.system": "x"}, None, id="none"),
        pytest.param({"db.system": "x", "db.statement": "SELECT 1 FROM a"}, None, id="short"),
        pytest.param(
            {"db.system": "x", "db.statement": LONG},
            Settings(attach_sql=False),
            id="switched off",
        ),
    ],
)
def test_no_query(attributes, settings):
    assert documents(attributes, settings) == []


def test_query_is_named_after_what_it_does():
    """With an end: a step is drawn as its attachment, if that has its name and is the only one."""
    (document,) = documents({"db.system": "x", "db.statement": LONG})
    assert document.name == "SELECT orders.sql"


def test_query_that_is_no_sql():
    """It is not formatted as such."""
    (document,) = documents({"db.system": "redis", "db.statement": "SET ?\nGET ?"})
    assert document == ("redis name.txt", "text/plain", "txt", "SET ?\nGET ?")


# -- GraphQL


@pytest.mark.parametrize(
    "attributes",
    [
        {"graphql.document": "query Cart { items }"},
        {"graphql.source": "query Cart { items }"},
        {"component": "graphql", "query": "query Cart { items }"},
    ],
    ids=["conventions", "JavaScript", "Strawberry"],
)
def test_graphql(attributes):
    variables = {"graphql.variables.sku": "cup", "graphql.variables.password": SECRET}
    (document,) = documents({**attributes, **variables}, kind="internal")
    assert document == (
        "query.graphql",
        "text/plain",
        "txt",
        "query Cart { items }\n# $sku: cup\n# $password: ****",
    )


def test_no_graphql_of_a_resolver():
    """It would be a part of the operation's."""
    assert documents({"graphql.source": "items", "graphql.field.path": "items.0"}) == []


# -- generative AI


def test_messages():
    (document,) = documents(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps([{"role": "user", "content": "Hello"}]),
            "gen_ai.output.messages": ({"role": "assistant", "content": "Hi"},),
            "gen_ai.system_instructions": "Be kind.",
        }
    )
    assert document[:3] == ("messages.json", "application/json", "json")
    assert json.loads(document.body) == {
        "instructions": "Be kind.",
        "input": [{"role": "user", "content": "Hello"}],
        "output": [{"role": "assistant", "content": "Hi"}],
    }


def test_messages_as_events():
    """Older versions have them there."""
    event = Event("gen_ai.user.message", 1, {"content": "Hello", "api_key": SECRET})
    (document,) = documents({"gen_ai.system": "openai"}, events=[event, Event("other", 1)])
    assert json.loads(document.body) == {
        "events": [{"event": "gen_ai.user.message", "content": "Hello", "api_key": "****"}]
    }


def test_no_secrets_in_messages():
    text = json.dumps([{"role": "tool", "arguments": {"password": SECRET}, "a": f"token={SECRET}"}])
    (document,) = documents({"gen_ai.operation.name": "chat", "gen_ai.input.messages": text})
    assert SECRET not in document.body


def test_long_messages_are_cut_with_a_note():
    """What is cut is no JSON any more."""
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.system_instructions": "x" * 300_000}
    (document,) = documents(attributes)
    assert document[:3] == ("messages.txt", "text/plain", "txt")
    assert "… cut here: 300," in document.body
