"""The stage: a database and a server for the whole run, a client and carts for each test.

The server runs in the process and on the event loop of the tests. Nothing is mocked: the
trace travels from client to server in a header of a request on a real socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from app import create_app
from database import postgres, scratch_database
from shop_client import Cart, Shop, visit


@pytest.fixture(scope="session")
async def database() -> AsyncIterator[str]:
    """The URL of an empty database, which is dropped after the last test."""
    with postgres() as server:
        async with scratch_database(server) as url:
            yield url


@pytest.fixture(scope="session")
async def server(database: str) -> AsyncIterator[str]:
    """The URL of the shop, on whichever port is free."""
    runner = web.AppRunner(create_app(database), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


@pytest.fixture
async def shop(server: str) -> AsyncIterator[Shop]:
    """An HTTP client of this test alone: no connection outlives the test."""
    async with visit(server) as shop:
        yield shop


@pytest.fixture
async def cart_for(shop: Shop) -> AsyncIterator[Callable[[str], Cart]]:
    """Hands out carts by the name of the customer; what they bought is given back."""
    carts: list[Cart] = []

    def take_cart(customer: str) -> Cart:
        carts.append(Cart(shop, customer))
        return carts[-1]

    yield take_cart
    for cart in carts:
        await cart.give_back()


@pytest.fixture
def cart(cart_for: Callable[[str], Cart]) -> Cart:
    """The cart of the one customer whom most tests need."""
    return cart_for("Alice")
