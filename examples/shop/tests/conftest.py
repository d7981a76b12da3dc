"""The stage: a database and a server for the whole run, a client and carts for each test.

The server runs in the process and on the event loop of the tests. Nothing is mocked: the
trace travels from client to server in a header of a request on a real socket.

With SHOP_APART=1 it runs in a process of its own, with SHOP_URL it is one that runs already; then
the tests want `--allure-otel-receiver`, to have its spans.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from app import create_app
from database import postgres, scratch_database
from shop_client import Cart, Shop, visit

import otel_allure


@pytest.fixture(scope="session")
async def database() -> AsyncIterator[str]:
    """The URL of an empty database, which is dropped after the last test."""
    if os.environ.get("SHOP_URL"):
        yield "the shop has its own"
        return
    with postgres() as server:
        async with scratch_database(server) as url:
            yield url


@pytest.fixture(scope="session")
async def server(database: str) -> AsyncIterator[str]:
    """The URL of the shop, on whichever port is free."""
    if url := os.environ.get("SHOP_URL"):
        yield url
        return
    if os.environ.get("SHOP_APART"):
        async with apart(database) as url:
            yield url
        return
    runner = web.AppRunner(create_app(database), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def apart(database: str) -> AsyncIterator[str]:
    """The URL of a shop in a process of its own, which sends its spans to the tests."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = await asyncio.create_subprocess_exec(
        *("opentelemetry-instrument", sys.executable, "app.py", "--port", str(port)),
        cwd=Path(__file__).parent.parent,
        env={
            **otel_allure.environment(),
            "DATABASE_URL": database,
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        },
    )
    try:
        while program.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield f"http://127.0.0.1:{port}/"
    finally:
        program.terminate()
        await program.wait()


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
