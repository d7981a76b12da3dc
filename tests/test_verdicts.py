"""The first lines that people read of tests, each of another kind."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("xdist")

SUITE = """
import asyncio
import os
import sqlite3
import time

import allure
import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from otel_allure import AllureSpanProcessor


def service(name):
    provider = TracerProvider(resource=Resource({"service.name": name}))
    provider.add_span_processor(AllureSpanProcessor())
    return provider.get_tracer(name)


def call(tracer, method, kind=SpanKind.CLIENT, **asked):
    asked = {name.replace("_", ".", 1): value for name, value in asked.items()}
    return tracer.start_as_current_span(method, kind=kind, attributes=asked)


def get(tracer, path, kind=SpanKind.CLIENT):
    where = {"http_route": path} if kind is SpanKind.SERVER else {"url_full": f"http://host{path}"}
    return call(tracer, "GET", kind, **{"http.request.method": "GET"}, **where)


def fails(span, status):
    span.set_attribute("http.response.status_code", status)
    span.set_status(trace.StatusCode.ERROR)


def query(statement):
    own = trace.get_tracer("sqlite")
    with call(own, "SELECT", db_system="sqlite", db_statement=statement):
        return sqlite3.connect(":memory:").execute(statement).fetchall()


own, gateway, stock = trace.get_tracer("own"), service("gateway"), service("stock")


def ask_the_gateway():
    with get(own, "/shoes") as request, get(gateway, "/{p}", SpanKind.SERVER) as answer:
        fails(request, 502)
        fails(answer, 502)
        try:
            with get(stock, "/{p}", SpanKind.SERVER):
                raise RuntimeError("stock is out of sync")
        except RuntimeError:
            return 502


def test_own_assertion():
    with allure.step("Add up"), own.start_as_current_span("work"):
        assert 1 + 1 == 3


def test_remote_error():
    with allure.step("Ask the gateway"):
        status = ask_the_gateway()
    with allure.step("It answers"):
        assert status == 200


def test_time_out():
    async def wait():
        with get(own, "/slow"), get(stock, "/{p}", SpanKind.SERVER):
            await asyncio.Event().wait()

    with allure.step("Wait"):
        asyncio.run(asyncio.wait_for(wait(), 0.05))


def test_sql_error():
    with allure.step("Load the orders"):
        query("SELECT * FROM orders")


def test_n_plus_one():
    with allure.step("Open the page"):
        for number in range(6):
            query(f"SELECT {number}")


def test_retry():
    for status in (503, 503):
        with get(own, "/stock") as span:
            fails(span, status)
    assert status == 200


def test_concurrent_branch():
    async def branch(name, failure):
        with allure.step(name), get(own, f"/{name}"):
            if failure is not None:
                raise failure

    async def both():
        await asyncio.gather(branch("fine", None), branch("torn", ConnectionError("torn")))

    asyncio.run(both())


@pytest.fixture
def orders():
    query("SELECT * FROM orders")


def test_fixture(orders):
    raise AssertionError


@pytest.fixture(scope="module")
def catalogue():
    with allure.step("Read it"):
        try:
            query("SELECT * FROM catalogue")
        except sqlite3.Error:
            raise RuntimeError("no catalogue") from None


def test_wider_fixture(catalogue):
    pass


@pytest.fixture(scope="class")
def page(catalogue):
    pass


@pytest.fixture(scope="module")
def shop(request):
    try:
        request.getfixturevalue("catalogue")
    except RuntimeError as error:
        raise OSError("no shop") from error


def test_fixture_that_asks_for_one_by_name(shop):
    pass


class TestSetUp:
    @classmethod
    def setup_class(cls):
        query("SELECT * FROM classes")

    def test_set_up_of_a_class(self):
        pass


@pytest.fixture(scope="class")
def connection():
    yield
    query("SELECT * FROM connections")


class TestWiderFixture:
    def test_the_same_fixture_in_another_test(self, page):
        pass

    def test_that_uses_it(self, connection):
        pass

    def test_tear_down(self):
        pass


def test_subtest(subtests):
    with subtests.test("first"):
        query("SELECT * FROM orders")
    with subtests.test("second"):
        pass


def test_crash():
    with allure.step("Crash"):
        os._exit(3)
"""

NO_TABLE = "sqlite3.OperationalError: no such table: orders\n\ncaused in SELECT orders, called by"
NO_CATALOGUE = (
    "RuntimeError: no catalogue\n\ncaused by sqlite3.OperationalError: no such table: catalogue,"
    ' in SELECT catalogue, called by step "Read it" ← fixture "catalogue"'
)
WHERE = "in stock · GET /{p}, called by"
# What can be found by `tag` is in square brackets.
VERDICTS = {
    "test_own_assertion": "AssertionError: assert (1 + 1) == 3",
    "test_remote_error": "AssertionError: assert 502 == 200\n\ncaused by RuntimeError: stock is out"
    f' of sync, {WHERE} gateway ← step "Ask the gateway"',
    "test_time_out": f'TimeoutError\n\ncaused by a time-out: 0 ms {WHERE} step "Wait"',
    "test_sql_error": f'{NO_TABLE} step "Load the orders"',
    "test_n_plus_one": "[n+1]",
    "test_retry": "AssertionError: assert 503 == 200\n\ncaused by HTTP 503, in GET /stock[retry]",
    "test_concurrent_branch": 'ConnectionError: torn\n\ncaused in GET /torn, called by step "torn"',
    "test_fixture": f'{NO_TABLE} fixture "orders"',
    "test_wider_fixture": NO_CATALOGUE,
    "test_the_same_fixture_in_another_test": NO_CATALOGUE,
    "test_fixture_that_asks_for_one_by_name": NO_CATALOGUE.replace(
        "RuntimeError: no catalogue", "OSError: no shop"
    ),
    "test_set_up_of_a_class": "sqlite3.OperationalError: no such table: classes\n\ncaused in"
    ' SELECT classes, called by fixture "setup_class of TestSetUp"',
    "test_that_uses_it": "",
    "test_tear_down": "sqlite3.OperationalError: no such table: connections\n\ncaused in"
    ' SELECT connections, called by tear-down of fixture "connection"',
    "test_subtest": f'contains 1 failed subtest\n\n{NO_TABLE} step "first"',
    "test_crash": "worker 'gw0' crashed while running 'test_what_people_read_first.py::test_crash'"
    "\nThe worker ended with exit code 3.",
}


def test_what_people_read_first(run):
    """In one run, with a worker that does not survive it."""
    report = run(SUITE, "-n", "1", "--allure-fixtures=own", plugins=("xdist",)).report
    found = {}
    for result in report.results:
        message = result.get("statusDetails", {}).get("message", "")
        message = re.sub(r"\d\S* m?s in", "0 ms in", message)
        message = message.removeprefix("asyncio.exceptions.")  # in Python 3.10
        tags = [f"[{label['value']}]" for label in result["labels"] if label["name"] == "tag"]
        found[result["name"]] = message + "".join(tags)
    assert found == VERDICTS
