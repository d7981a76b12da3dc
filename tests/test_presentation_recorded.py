"""What becomes of spans that real instrumentations made, with old and new conventions."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest

from otel_allure.model.settings import Settings
from otel_allure.model.spans import Span
from otel_allure.presentation.presentation import Presentation
from otel_allure.translation.to_results import to_results
from tests.recorded import RECORDINGS, cases, read_jsonl, recording

PRESENTATION = Presentation(Settings(waterfall="off", join_calls=False))

CHECKOUT = Path(__file__).parent / "data" / "otlp" / "checkout-js.jsonl"

# Recording, case, steps. A status other than `passed` is in round brackets, attachments are in
# square ones; `3 x` are three equal steps after each other.
EXPECTED = """\
aio-pika
  publish and consume
    send shop,order.new
      receive shop
  three at once
    3 x send shop,order.new
      3 x receive shop
  nobody listens
    send nowhere
aiohttp
  get an item
    GET /items/7 → 200 [GET /items/7]
      GET /items/{id} → 200 [GET /items/{id}]
  place an order
    POST /orders → 201 [POST /orders]
      POST /orders → 201 [POST /orders]
  a missing item
    GET /missing → 404 [GET /missing]
      GET /missing → 404 [GET /missing]
  a server error
    GET /broken → 500 (broken) [GET /broken]
      GET /broken (broken) [GET /broken, error]
  a redirect
    GET /moved → 200 [GET /moved]
      GET /moved → 302
      GET /items/{id} → 200 [GET /items/{id}]
  three at once
    GET /items/0 → 200 [GET /items/0]
    GET /items/1 → 200 [GET /items/1]
    GET /items/2 → 200 [GET /items/2]
      3 x GET /items/{id} → 200 [GET /items/{id}]
  connection refused
    GET /items/7 (broken) [GET /items/7, no answer]
  a timeout
    GET /slow (broken) [GET /slow, no answer]
      GET /slow
  cancelled
    GET /slow (skipped) [GET /slow, no answer]
      GET /slow
aiokafka
  send and receive
    send orders
      receive orders
  a batch
    3 x send orders
    orders receive
      4 x receive orders
asyncpg
  one query
    SELECT customers
  a query of several lines
    SELECT customers [SELECT customers.sql]
  a transaction
    BEGIN
    INSERT orders
    UPDATE orders
    COMMIT
  one query for each
    SELECT customers
    30 x SELECT orders
  many at once
    INSERT orders
  a cursor
    BEGIN
    31 x SELECT customers
    COMMIT
  no such table
    SELECT ordrs (broken)
  not unique
    INSERT orders (broken)
  a timeout
    SELECT (broken)
  a password in the text
    CREATE ROLE clerk
  parameters are captured
    SELECT customers [SELECT customers.sql]
botocore
  a bucket
    S3.CreateBucket
    S3.PutObject
    S3.GetObject
    S3.ListObjectsV2
  no such key
    S3.GetObject → 404
  a table
    CreateTable carts
    PutItem carts
    GetItem carts
  a queue
    SQS.CreateQueue
    SendMessage orders
    ReceiveMessage orders
  connection refused
    S3.ListBuckets (broken)
fastapi
  get an item
    GET /items/{id} → 200
      2 x GET /items/{id} http send
  a missing item
    GET /items/{id} → 404
      2 x GET /items/{id} http send
  a server error
    GET /items/{id} → 500 (broken) [GET /items/{id}]
      GET /items/{id} http send (broken)
      GET /items/{id} http send
  not a number
    GET /items/{id} → 422
      2 x GET /items/{id} http send
  no such route
    GET /nowhere → 404
      2 x GET http send
grpc
  a call
    shop.v1.Warehouse/Stock
      shop.v1.Warehouse/Stock
  a stream
    shop.v1.Warehouse/Watch
      shop.v1.Warehouse/Watch
  not found
    shop.v1.Warehouse/Stock → NOT_FOUND
      shop.v1.Warehouse/Stock → NOT_FOUND
  a server error
    shop.v1.Warehouse/Stock → UNKNOWN (broken)
      shop.v1.Warehouse/Stock
  no such method
    shop.v1.Warehouse/Buy → UNIMPLEMENTED (broken)
  a timeout
    shop.v1.Warehouse/Stock → DEADLINE_EXCEEDED (broken)
      shop.v1.Warehouse/Stock
  connection refused
    shop.v1.Warehouse/Stock → UNAVAILABLE (broken)
grpc-aio
  a call
    shop.v1.Warehouse/Stock
      shop.v1.Warehouse/Stock
  a stream
    shop.v1.Warehouse/Watch
      shop.v1.Warehouse/Watch
  three at once
    3 x shop.v1.Warehouse/Stock
      3 x shop.v1.Warehouse/Stock
  not found
    shop.v1.Warehouse/Stock → NOT_FOUND
      shop.v1.Warehouse/Stock → NOT_FOUND
httpx
  get an item
    GET /items/7 → 200 [GET /items/7]
  place an order
    POST /orders → 201 [POST /orders]
  a missing item
    GET /missing → 404 [GET /missing]
  a server error
    GET /broken → 500 (broken) [GET /broken]
  a redirect
    GET /moved → 302 [GET /moved]
    GET /items/1 → 200 [GET /items/1]
  connection refused
    GET /items/7 (broken) [GET /items/7, no answer]
  a timeout
    GET /slow (broken) [GET /slow, no answer]
  three at once
    GET /items/0 → 200 [GET /items/0]
    GET /items/1 → 200 [GET /items/1]
    GET /items/2 → 200 [GET /items/2]
  cancelled
    GET /slow
openai
  a question
    chat gpt-shop [messages.json]
  a stream
    chat gpt-shop [messages.json]
  a tool call
    chat gpt-shop [messages.json]
  embeddings
    embeddings embed-shop
  too many requests
    chat busy (broken) [messages.json]
  connection refused
    chat gpt-shop (broken) [messages.json]
openai-v2
  a question
    chat gpt-shop [messages.json]
  a stream
    chat gpt-shop [messages.json]
  a tool call
    chat gpt-shop [messages.json]
  embeddings
    embeddings embed-shop
  too many requests
    chat busy (broken) [messages.json]
  connection refused
    chat gpt-shop (broken) [messages.json]
psycopg
  one query
    SELECT customers
  a query of several lines
    SELECT customers [SELECT customers.sql]
  a transaction
    INSERT orders
    UPDATE orders
  one query for each
    30 x SELECT orders
  many at once
    INSERT orders
  no such table
    SELECT ordrs (broken)
  not unique
    INSERT orders (broken)
  cancelled by the server
    SET
    SELECT (broken)
  one query, async
    SELECT customers
  parameters and a comment
    SELECT customers [SELECT customers.sql]
pymongo
  find one
    find carts
  insert and update
    insert carts
    update carts [update carts.txt]
  a pipeline
    aggregate carts
  not unique
    delete full (broken)
redis
  set and get
    redis SET
    redis GET
  nothing there
    redis GET
  a hash
    redis HSET
    redis HGETALL
  a pipeline
    redis INCRBY INCRBY INCRBY [redis INCRBY INCRBY INCRBY.txt]
  a transaction
    redis SET DECRBY [redis SET DECRBY.txt]
  a wrong type
    redis LPUSH (broken)
  one command for each
    30 x redis GET
  connection refused
    redis GET (broken)
  at once, async
    3 x redis GET
  a timeout, async
    redis BLPOP
requests
  get an item
    GET /items/7 → 200 [GET /items/7]
  place an order
    POST /orders → 201 [POST /orders]
  a missing item
    GET /missing → 404 [GET /missing]
  a server error
    GET /broken → 500 (broken) [GET /broken]
  a redirect
    GET /moved → 200 [GET /moved]
  connection refused
    GET /items/7 (broken) [GET /items/7, no answer]
  a timeout
    GET /slow (broken) [GET /slow, no answer]
sqlalchemy
  insert
    connect
    30 x INSERT customers
  one query for each
    connect
    SELECT customers [SELECT customers.sql]
    30 x SELECT orders [SELECT orders.sql]
  not unique
    INSERT orders
    INSERT orders (broken)
  no such table
    connect
    SELECT ordrs (broken)
  PostgreSQL, async
    connect
    SELECT customers [SELECT customers.sql]
    INSERT orders [INSERT orders.sql]
  PostgreSQL, no such table
    connect
    SELECT ordrs (broken)
strawberry
  a query
    GraphQL Query: Items [query.graphql]
      GraphQL Parsing
      GraphQL Validation
      resolve items
      resolve items.0.price
      resolve items.1.price
  a mutation
    GraphQL Query [query.graphql]
      GraphQL Parsing
      GraphQL Validation
      resolve order
  a resolver fails
    GraphQL Query [query.graphql]
      GraphQL Parsing
      GraphQL Validation
      resolve items
      resolve items.0.stock (broken)
      resolve items.1.stock (broken)
  no such field
    GraphQL Query [query.graphql]
      GraphQL Parsing
      GraphQL Validation
  not GraphQL
    GraphQL Query [query.graphql]
      GraphQL Parsing
urllib3
  get an item
    GET /items/7 → 200 [GET /items/7]
  place an order
    POST /orders → 201 [POST /orders]
  a missing item
    GET /missing → 404 [GET /missing]
  a server error
    GET /broken → 500 (broken) [GET /broken]
  connection refused
    GET /items/7 (broken) [GET /items/7, no answer]
  a timeout
    GET /slow (broken) [GET /slow, no answer]
"""

# What the instrumentation says in one of the two conventions only.
ONLY_IN = {"openai-v2-old"}


def read(table: str) -> dict[str, dict[str, list[str]]]:
    """Return the steps by recording and case."""
    found: dict[str, dict[str, list[str]]] = {}
    for line in table.splitlines():
        text = line.strip()
        if line == text:
            rows = found.setdefault(text, {})
        elif not line.startswith("    "):
            steps = rows.setdefault(text, [])
        else:
            steps.append(line[4:])
    return found


def told(spans: list[Span]) -> list[str]:
    """Return the steps that are made of a trace, all but its root."""
    by_id = {span.span_id: span for span in spans}
    rows = [told_of(span, by_id) for span in spans[1:]]
    return [told_together(row, len(list(equal))) for row, equal in groupby(rows)]


def told_of(span: Span, by_id: dict[int, Span]) -> tuple[int, str]:
    depth, above = -1, by_id.get(span.parent_id or 0)
    text = PRESENTATION.title(span, above)
    status = PRESENTATION.outcome(span).status
    text += "" if status == "passed" else f" ({status})"
    text += "".join(f" [{document.name}]" for document in PRESENTATION.documents(span))
    while above is not None:
        depth, above = depth + 1, by_id.get(above.parent_id or 0)
    return depth, text


def told_together(row: tuple[int, str], count: int) -> str:
    depth, text = row
    return "  " * depth + (text if count == 1 else f"{count} x {text}")


def without_convention(name: str) -> str:
    return name.removesuffix("-old").removesuffix("-new")


@pytest.mark.parametrize("name", [name for name in RECORDINGS if name not in ONLY_IN])
def test_steps_of_a_recording(name):
    """Old and new conventions say the same."""
    found = {case: told(spans) for case, spans in cases(name).items()}
    assert found == read(EXPECTED)[without_convention(name)]


def test_every_recording_is_expected():
    assert {without_convention(name) for name in RECORDINGS} == set(read(EXPECTED))


def test_steps_of_another_language():
    """JavaScript's SDK, with its http, express and undici instrumentations."""
    spans = [span for spans in read_jsonl(CHECKOUT) for span in spans]
    by_id = {span.span_id: span for span in spans}
    found = sorted(told_together(told_of(span, by_id), 1) for span in spans)
    assert list(dict.fromkeys(text.strip() for text in found)) == [
        "reserve stock",
        "request handler",
        "POST /orders → 201",
        "GET /items/:id → 200",
        "GET /items/:id → 500 (broken)",
        "GET /items/1 → 200",
        "GET /items/2 → 200",
        "GET /items/3 → 200",
        "GET /items/9 → 500 (broken)",
        "checkout of a broken item (broken)",
        "checkout places an order",
        "step: order",
    ]


# -- parameters


def span_of(name: str, case: str, number: int = 1) -> Span:
    return cases(name)[case][number]


HTTP = {"url": "http://127.0.0.1:8080/items/7?colour=red&token=****", "service": "shop-tests"}
SQL = {
    "system": "postgresql",
    "server": "127.0.0.1:5432",
    "database": "postgres",
    "service": "shop-tests",
}
QUERIES = {
    "asyncpg": "SELECT name FROM customers WHERE id = $1",
    "psycopg": "SELECT name FROM customers WHERE id = %s",
}


@pytest.mark.parametrize(
    ("name", "case", "expected"),
    [
        *(
            (name, "get an item", HTTP)
            for name in RECORDINGS
            if name.startswith(("aiohttp", "httpx"))
        ),
        *((name, "get an item", HTTP) for name in RECORDINGS if name.startswith("requests")),
        *(
            (name, "one query", {"query": QUERIES[name.partition("-")[0]], **SQL})
            for name in RECORDINGS
            if name.startswith(("asyncpg", "psycopg"))
        ),
        (
            "redis-old",
            "set and get",
            {
                "system": "redis",
                "server": "127.0.0.1:6379",
                "database": "2",
                "query": "SET ? ? ? ?",
                "service": "shop-tests",
            },
        ),
        ("grpc", "a call", {"system": "grpc", "service": "shop-tests"}),
        (
            "aiokafka",
            "send and receive",
            {
                "system": "kafka",
                "server": "kafka:9092",
                "destination": "orders",
                "partition": "0",
                "key": "7",
                "service": "shop-tests",
            },
        ),
    ],
)
def test_parameters_of_a_recording(name, case, expected):
    assert dict(PRESENTATION.parameters(span_of(name, case))) == expected


# -- errors

WRONG_TYPE = (
    "redis.exceptions.ResponseError: "
    "WRONGTYPE Operation against a key holding the wrong kind of value"
)


@pytest.mark.parametrize(
    ("name", "case", "message", "has_trace"),
    [
        ("aiohttp-old", "a server error", "HTTP 500", False),
        ("aiohttp-new", "a timeout", "TimeoutError", True),
        (
            "httpx-new",
            "connection refused",
            "httpx.ConnectError: [Errno 111] Connection refused",
            True,
        ),
        (
            "asyncpg-new",
            "no such table",
            'asyncpg.exceptions.UndefinedTableError: relation "ordrs" does not exist',
            True,
        ),
        (
            "redis-old",
            "a wrong type",
            WRONG_TYPE,
            True,
        ),
        ("pymongo-old", "not unique", "E11000 duplicate key", False),
    ],
)
def test_message_of_a_recorded_error(name, case, message, has_trace):
    found = PRESENTATION.outcome(span_of(name, case))
    assert (found.status, found.message) == ("broken", message)
    assert (found.trace is not None) is has_trace


@pytest.mark.parametrize(
    ("name", "case", "expected"),
    [
        ("grpc-aio", "not found", "no such item: unicorn"),
        ("botocore", "no such key", "The specified key does not exist"),
    ],
)
def test_an_error_that_does_not_colour_is_told(name, case, expected):
    """What a client raised for an answer that the test may expect."""
    span = span_of(name, case)
    assert PRESENTATION.outcome(span).status == "passed"
    assert expected in dict(PRESENTATION.parameters(span))["error"]


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_span_changes_the_verdict_of_its_test(name):
    """Its steps may be broken, the test has passed."""
    for spans in cases(name).values():
        (result,) = to_results(spans, PRESENTATION).results
        assert result.status == "passed"


# -- documents


@pytest.mark.parametrize("convention", ["old", "new"])
def test_exchange_of_a_recording(convention):
    """With captured headers, those with secrets masked."""
    span = span_of(f"aiohttp-{convention}", "place an order")
    (document,) = PRESENTATION.documents(span)
    found = json.loads(document.body)
    masked = "__ALLURE_REDACTED__"
    assert {**found, "start": 0, "stop": 0} == {
        "schemaVersion": 1,
        "request": {
            "method": "POST",
            "url": "http://127.0.0.1:8080/orders",
            "headers": [
                {"name": "authorization", "value": masked},
                {"name": "x-request-id", "value": "r-1"},
            ],
        },
        "response": {
            "status": 201,
            "headers": [
                {"name": "content-type", "value": "application/json; charset=utf-8"},
                {"name": "set-cookie", "value": masked},
            ],
        },
        "start": 0,
        "stop": 0,
    }


@pytest.mark.parametrize("name", ["asyncpg-old", "asyncpg-new"])
def test_parameters_of_a_recorded_query(name):
    (document,) = PRESENTATION.documents(span_of(name, "parameters are captured"))
    assert document.body == "SELECT name FROM customers WHERE id = $1\n\n-- parameters\n-- 1: 7"


@pytest.mark.parametrize("name", RECORDINGS)
def test_no_secrets_of_a_recording(name):
    """Some were sent as headers and in URLs, some are in queries."""
    for span in recording(name)[1:]:
        shown = [PRESENTATION.title(span), PRESENTATION.outcome(span)]
        shown += [*PRESENTATION.parameters(span), *PRESENTATION.documents(span)]
        assert "s3cret" not in repr(shown)
