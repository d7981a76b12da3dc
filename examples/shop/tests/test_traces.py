"""Tests that ask their own trace: what was called, how often, when. One fails on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import allure
import pytest
from shop_client import Cart, Rendezvous, Shop

import otel_allure

PAPERS = 5


@pytest.fixture(autouse=True)
def instrumented(request: pytest.FixtureRequest) -> None:
    """Without instrumentations there are no calls to ask for."""
    if not request.config.getoption("allure_otel_instrument"):
        pytest.skip("needs --allure-otel-instrument=aiohttp-client,aiohttp-server,asyncpg")


@allure.feature("Catalogue")
@allure.story("Trace")
@allure.title("Two looks at once: one query each, at the same time")
@pytest.mark.budget(http=2, sql=2, errors=0)
async def test_two_looks_at_once(shop: Shop, trace: otel_allure.Trace) -> None:
    both_here = Rendezvous(2)

    async def look(customer: str, item: int) -> None:
        with allure.step(f"{customer} looks around"):
            await both_here.arrive()
            await shop.item(item)

    await asyncio.gather(look("Alice", 1), look("Bob", 2))
    await trace.wait_for("SELECT items", count=2)  # the server may be another process
    trace.overlap("Alice looks around", "Bob looks around")
    trace.http("GET /items/*").exactly(2).status(200).faster_than(5)
    trace.sql("SELECT items").exactly(2).below("GET /items/{id}")
    trace.no_errors()


@allure.feature("Orders")
@allure.story("Trace")
@allure.title("Order history does not ask once for each order")
async def test_history_without_n_plus_one(
    shop: Shop, cart_for: Callable[[str], Cart], trace: otel_allure.Trace
) -> None:
    """It fails: the shop asks for the lines of each order by a query of its own."""
    cart = cart_for("Erin")
    with allure.step("Buy filter papers a dozen times"):
        cart.put(PAPERS)
        for _ in range(12):
            await cart.check_out()
    await shop.orders("Erin")
    await trace.wait_for("SELECT order_lines", count=12)
    trace.step("Read all orders of *").no_n_plus_one()
