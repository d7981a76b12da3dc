"""What people read of spans that come from instrumentation: tables of spans and expectations."""

from __future__ import annotations

import pytest

from otel_allure import conventions as c
from otel_allure.outcome import OK, Outcome
from otel_allure.presentation import Presentation, as_text
from otel_allure.spans import Event, Span
from otel_allure.testing import build_span

PRESENTATION = Presentation()
title, parameters, outcome = (
    PRESENTATION.title,
    PRESENTATION.parameters,
    PRESENTATION.outcome,
)


def client(attributes: dict, name: str = "the span's name", **fields: object) -> Span:
    return build_span(name, 1, **{"kind": "client", "attributes": attributes, **fields})


# -- titles


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        pytest.param(
            {
                "http.request.method": "GET",
                "url.full": "https://api/users/7?x=1#top",
                "http.response.status_code": 200,
            },
            "GET /users/7 → 200",
            id="http client",
        ),
        pytest.param(
            {"http.method": "GET", "http.url": "https://api/users/7?x=1", "http.status_code": 200},
            "GET /users/7 → 200",
            id="http client, old names",
        ),
        pytest.param(
            {
                "http.request.method": "GET",
                "http.route": "/users/{id}",
                "url.path": "/users/7",
                "http.response.status_code": 404,
            },
            "GET /users/{id} → 404",
            id="http server: the route, which is the same for all",
        ),
        pytest.param(
            {"http.method": "POST", "http.target": "/users?x=1", "http.status_code": 500},
            "POST /users → 500",
            id="http server, old names",
        ),
        pytest.param(
            {"http.request.method": "GET", "url.template": "/users/{id}"},
            "GET /users/{id}",
            id="http without an answer",
        ),
        pytest.param({"http.method": "GET"}, "GET", id="http without a place"),
        pytest.param({"http.method": "GET", "http.url": "http://api"}, "GET /", id="http root"),
        pytest.param(
            {"http.method": "GET", "http.url": "http://[::1"}, "GET", id="http, no url at all"
        ),
        pytest.param({"http.method": "GET", "http.url": b"http://a/b"}, "GET /b", id="http, bytes"),
        pytest.param(
            {"db.system.name": "postgresql", "db.query.summary": "SELECT users"},
            "SELECT users",
            id="database, summary",
        ),
        pytest.param(
            {"db.system.name": "postgresql", "db.query.text": "select * from users where id = $1"},
            "SELECT users",
            id="database, query",
        ),
        pytest.param(
            {"db.system": "postgresql", "db.statement": 'INSERT INTO "users" VALUES ($1)'},
            "INSERT users",
            id="database, old names",
        ),
        pytest.param(
            {"db.system": "x", "db.statement": "/* by: me */ -- why\n UPDATE users SET a = 1"},
            "UPDATE users",
            id="database, comments",
        ),
        pytest.param(
            {"db.system": "x", "db.statement": "CREATE TABLE IF NOT EXISTS users (id int)"},
            "CREATE users",
            id="database, table",
        ),
        pytest.param(
            {"db.system": "x", "db.statement": "BEGIN;"}, "BEGIN", id="database, one word"
        ),
        pytest.param(
            {"db.system": "redis", "db.operation": "GET", "db.name": "0"},
            "GET 0",
            id="database without a query",
        ),
        pytest.param(
            {"db.system.name": "mongodb", "db.operation.name": "find", "db.collection.name": "u"},
            "find u",
            id="database collection",
        ),
        pytest.param({"db.system": "x"}, "the span's name", id="database, nothing more"),
        pytest.param(
            {"db.system": "x", "db.statement": "-- nothing"}, "the span's name", id="no query"
        ),
        pytest.param({"rpc.system": "grpc"}, "the span's name", id="anything else"),
        pytest.param({}, "the span's name", id="nothing"),
        pytest.param(
            {c.KIND: c.STEP, "http.method": "GET"}, "the span's name", id="a step of ours"
        ),
    ],
)
def test_title(attributes, expected):
    """Old and new names of the conventions give the same title."""
    assert title(client(attributes)) == expected


def test_title_of_an_internal_span_is_its_name():
    """It is not the call itself: a framework's middleware, for instance."""
    assert title(client({"http.method": "GET"}, kind="internal")) == "the span's name"


def test_title_is_cut_where_it_is_long():
    """With a mark."""
    found = title(client({"http.method": "GET", "http.target": "/" + "x" * 500}))
    assert (len(found), found[-1]) == (120, "…")


def test_a_span_without_a_name_has_a_title():
    """The report tools show none, or something unreadable."""
    assert title(client({}, name="")) == "unnamed span"
    assert title(client({c.KIND: c.STEP}, name="")) == "unnamed span"


SECRET = "hunter2SECRET"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "span",
    [
        pytest.param(client({}, name=f"GET https://bob:{SECRET}@api/"), id="name"),
        pytest.param(client({}, name=f"GET /x?api_key={SECRET}"), id="name with a query"),
        pytest.param(client({}, name=f"GET /x?sig={SECRET}", kind="internal"), id="internal name"),
        pytest.param(
            client({"http.method": "GET", "http.url": f"https://api/x?token={SECRET}"}), id="query"
        ),
        pytest.param(
            client({"http.method": "GET", "http.target": f"/x?token={SECRET}"}), id="target"
        ),
        pytest.param(
            client({"db.system": "x", "db.query.summary": f"SET PASSWORD='{SECRET}'"}), id="summary"
        ),
    ],
)
def test_no_secrets_in_titles(span):
    """They are masked, or left out with the query."""
    assert SECRET not in title(span)


def test_no_half_of_a_secret_in_a_title_that_is_cut():
    """It is masked before."""
    found = title(client({"http.method": "GET", "http.target": "/" + "x" * 80 + "/" + JWT}))
    assert "eyJ" not in found


# -- parameters


def test_parameters():
    """What is neither said elsewhere nor about the process; secrets are masked."""
    span = client(
        {
            "http.method": "GET",
            "http.url": "https://bob:pw@api/x?token=t&page=2",
            "http.status_code": 200,
            "http.request.header.authorization": ["Bearer abc"],
            "http.request.header.accept": ("text/html", "text/plain"),
            "net.peer.name": "api",
            "thread.id": 1,
            "exception.type": "E",
            "otel.scope.name": "s",
            "user.name": "bob",
            "user.password": "pw",
            "flag": True,
            "count": 3,
            "body": b"\xff{}",
            "nothing": None,
            "nested": {"password": "pw", "a": [1, {"api_key": "k", "b": 2}]},
        },
        resource={"service.name": "shop"},
    )
    assert list(parameters(span)) == [
        ("service", "shop"),
        ("http.url", "https://****@api/x?token=****&page=2"),
        ("http.request.header.authorization", "****"),
        ("http.request.header.accept", "text/html, text/plain"),
        ("user.name", "bob"),
        ("user.password", "****"),
        ("flag", "true"),
        ("count", "3"),
        ("body", "\ufffd{}"),
        ("nothing", "None"),
        ("nested", "{password: ****, a: 1, {api_key: ****, b: 2}}"),
    ]


@pytest.mark.parametrize("name", [None, "", "unknown_service", "unknown_service:python"], ids=repr)
def test_a_service_that_is_not_known_is_no_parameter(name):
    """The SDK makes a name up where none is given."""
    assert list(parameters(client({}, resource={"service.name": name}))) == []


def test_long_values_are_cut():
    """With a mark; and no half of a secret is left at the cut."""
    ((_, text),) = parameters(client({"body": "x" * 5000}))
    assert (len(text), text[-1]) == (2000, "…")
    ((_, text),) = parameters(client({"body": "x " * 990 + JWT + " x" * 9000}))
    assert "eyJ" not in text


def test_as_text_of_values_in_themselves():
    """However deep they are."""
    value: list = []
    for _ in range(5000):
        value = [value]
    assert as_text(value) == "…"


# -- outcome

RAISED = Event(
    "exception",
    1,
    {
        "exception.type": "ValueError",
        "exception.message": "no",
        "exception.stacktrace": "Traceback",
    },
)
BROKEN_BY_IT = Outcome("broken", "ValueError: no", "Traceback")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, OK, id="unset"),
        pytest.param({"status": "ok"}, OK, id="ok"),
        pytest.param({"events": [RAISED]}, OK, id="raised and handled"),
        pytest.param({"status": "error"}, Outcome("broken", "error"), id="error"),
        pytest.param(
            {"status": "error", "status_message": "why"}, Outcome("broken", "why"), id="message"
        ),
        pytest.param(
            {"status": "error", "attributes": {"error.type": "timeout"}},
            Outcome("broken", "timeout"),
            id="error.type",
        ),
        pytest.param({"status": "error", "events": [RAISED]}, BROKEN_BY_IT, id="raised"),
        pytest.param(
            {"status": "error", "events": [RAISED, Event("message", 2)]},
            BROKEN_BY_IT,
            id="raised, and more events",
        ),
        pytest.param(
            {"status": "error", "events": [Event("exception", 1)], "status_message": "why"},
            Outcome("broken", "why"),
            id="raised, nothing known",
        ),
        pytest.param(
            {"status": "error", "events": [Event("exception", 1, {"exception.type": b"E"})]},
            Outcome("broken", "E"),
            id="raised, bytes",
        ),
        pytest.param(
            {
                "status": "error",
                "events": [
                    Event(
                        "exception",
                        1,
                        {"exception.type": "AssertionError", "exception.message": "1 == 2"},
                    )
                ],
            },
            Outcome("failed", "AssertionError: 1 == 2"),
            id="a check that failed",
        ),
        *(
            pytest.param(
                {"status": "error", "attributes": {name: code}}, expected, id=f"{code}, {name}"
            )
            for name in ("http.response.status_code", "http.status_code")
            for code, expected in [
                (404, OK),
                ("404", OK),
                (400, OK),
                (499, OK),
                (500, Outcome("broken", "500")),
                (503, Outcome("broken", "503")),
                ("what", Outcome("broken", "what")),
            ]
        ),
        pytest.param(
            {
                "status": "error",
                "attributes": {"http.response.status_code": 404, "error.type": "404"},
            },
            OK,
            id="404 as the conventions have it",
        ),
        pytest.param(
            {
                "status": "error",
                "attributes": {"http.response.status_code": 404},
                "events": [RAISED],
            },
            BROKEN_BY_IT,
            id="404 and something raised",
        ),
    ],
)
def test_outcome(fields, expected):
    """A 4xx may be what the test wants to see; a 5xx and an exception colour the step."""
    assert outcome(client(**{"attributes": {}, **fields})) == expected


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"status_message": f"cannot reach redis://:{SECRET}@db"}, id="message"),
        pytest.param({"attributes": {"error.type": f"token={SECRET}"}}, id="error.type"),
        *(
            pytest.param(
                {"events": [Event("exception", 1, {name: f"E: password='{SECRET}' in it"})]},
                id=name,
            )
            for name in ("exception.type", "exception.message", "exception.stacktrace")
        ),
    ],
)
def test_no_secrets_in_outcomes(fields):
    """Nor in the traces of exceptions, which show source lines with literals."""
    found = outcome(client(**{"attributes": {}, "status": "error", **fields}))
    assert found.status == "broken"
    assert "****" in repr(found)
    assert SECRET not in repr(found)
