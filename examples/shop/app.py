"""A small shop: an aiohttp server on PostgreSQL, without a line of tracing in it.

Run it with ``python app.py``. Spans come from outside, by ``opentelemetry-instrument`` or by
the test suite; therefore ``web.Application`` is looked up when it is called, and not imported
by name: the instrumentation puts a class of its own in that place.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
from aiohttp import web
from database import postgres

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler

POOL: web.AppKey[Any] = web.AppKey("pool")  # asyncpg ships no type hints
SCHEMA = Path(__file__).with_name("schema.sql")
DISCOUNT_FROM = 10  # "Ten units or more: 10 % off", says the price list.
MAX_INTEGER = 2**31 - 1

routes = web.RouteTableDef()


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    """Healthy means: the database answers."""
    await request.app[POOL].fetchval("SELECT 1")
    return web.json_response({"status": "ok"})


@routes.get("/items")
async def list_items(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch("SELECT * FROM items ORDER BY id")
    return web.json_response([dict(row) for row in rows])


@routes.get("/items/{id}")
async def get_item(request: web.Request) -> web.Response:
    number = path_id(request)
    row = await request.app[POOL].fetchrow("SELECT * FROM items WHERE id = $1", number)
    if row is None:
        raise web.HTTPNotFound(text=f"there is no item {number}")
    return web.json_response(dict(row))


@routes.post("/orders")
async def place_order(request: web.Request) -> web.Response:
    """Take the goods from stock and record the order: all of it, or nothing."""
    customer, cart = await read_order_form(request)
    async with request.app[POOL].acquire() as connection, connection.transaction():
        # In the order of the items: two orders for the same goods never deadlock.
        lines = [
            (item, quantity, await take_from_stock(connection, item, quantity))
            for item, quantity in sorted(cart.items())
        ]
        total = total_cents(lines)
        order = await connection.fetchval(
            "INSERT INTO orders (customer, total_cents) VALUES ($1, $2) RETURNING id",
            customer,
            total,
        )
        await connection.executemany(
            "INSERT INTO order_lines (order_id, item_id, quantity, price_cents)"
            " VALUES ($1, $2, $3, $4)",
            [(order, *line) for line in lines],
        )
    receipt = {"id": order, "customer": customer, "total_cents": total}
    return web.json_response(receipt, status=201, headers={"Location": f"/orders/{order}"})


@routes.get("/orders")
async def list_orders(request: web.Request) -> web.Response:
    """The orders of ``?customer=``, read naively: one more query for each order.

    This "N+1" mistake hides behind a correct answer, and is plain to see in a trace.
    """
    pool = request.app[POOL]
    orders = await pool.fetch(
        "SELECT * FROM orders WHERE customer = $1 ORDER BY id",
        storable(request.query.get("customer")),
    )
    return web.json_response([await with_lines(pool, order) for order in orders])


@routes.get("/orders/{id}")
async def get_order(request: web.Request) -> web.Response:
    number, pool = path_id(request), request.app[POOL]
    order = await pool.fetchrow("SELECT * FROM orders WHERE id = $1", number)
    if order is None:
        raise web.HTTPNotFound(text=f"there is no order {number}")
    return web.json_response(await with_lines(pool, order))


@routes.delete("/orders/{id}")
async def cancel_order(request: web.Request) -> web.Response:
    """Forget the order and put its goods back on the shelf."""
    number = path_id(request)
    async with request.app[POOL].acquire() as connection, connection.transaction():
        lines = await connection.fetch(
            "DELETE FROM order_lines WHERE order_id = $1 RETURNING item_id, quantity", number
        )
        if not lines:
            raise web.HTTPNotFound(text=f"there is no order {number}")
        await connection.execute("DELETE FROM orders WHERE id = $1", number)
        for item, quantity in sorted(tuple(line) for line in lines):
            await connection.execute(
                "UPDATE items SET stock = stock + $2 WHERE id = $1", item, quantity
            )
    return web.Response(status=204)


async def take_from_stock(connection: Any, item: int, quantity: int) -> int:
    """Reserve the goods and return their price; the row stays locked until the commit."""
    price: int | None = await connection.fetchval(
        "UPDATE items SET stock = stock - $2 WHERE id = $1 AND stock >= $2 RETURNING price_cents",
        item,
        quantity,
    )
    if price is not None:
        return price
    if await connection.fetchval("SELECT 1 FROM items WHERE id = $1", item) is None:
        raise web.HTTPNotFound(text=f"there is no item {item}")
    raise web.HTTPConflict(text=f"item {item} is out of stock")


async def with_lines(pool: Any, order: Any) -> dict[str, Any]:
    lines = await pool.fetch(
        "SELECT item_id, quantity, price_cents FROM order_lines"
        " WHERE order_id = $1 ORDER BY item_id",
        order["id"],
    )
    return {**order, "lines": [dict(line) for line in lines]}


def total_cents(lines: list[tuple[int, int, int]]) -> int:
    """Add up ``(item, quantity, price)`` and take off the discount.

    ``>`` should read ``>=``. The mistake is left in: it is what the failing test finds.
    """
    total = sum(quantity * price for _, quantity, price in lines)
    units = sum(quantity for _, quantity, _ in lines)
    return total * 9 // 10 if units > DISCOUNT_FROM else total


async def read_order_form(request: web.Request) -> tuple[str, dict[int, int]]:
    """Return the customer and the quantity wanted of each item."""
    try:
        form = await request.json()
        cart = {positive(line["item_id"]): positive(line["quantity"]) for line in form["lines"]}
        if not cart or len(cart) < len(form["lines"]):
            raise ValueError("every item once, and at least one of them")
        return storable(form["customer"]), cart
    except (LookupError, TypeError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"not an order: {error}") from error


def path_id(request: web.Request) -> int:
    text = request.match_info["id"]
    try:
        return positive(int(text))
    except ValueError:
        raise web.HTTPBadRequest(text=f"not a number of ours: {text!r}") from None


def positive(value: Any) -> int:
    """Refuse what PostgreSQL's ``integer`` could not hold, before it has to."""
    if type(value) is not int or not 0 < value <= MAX_INTEGER:
        raise ValueError(f"not a positive number: {value!r}")
    return value


def storable(text: Any) -> str:
    """A text which PostgreSQL can store, that is, without NUL and lone surrogates."""
    if not isinstance(text, str) or not text or not text.isprintable():
        raise web.HTTPBadRequest(text="the name of the customer is missing")
    return text


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPError as error:
        error.text = json.dumps({"error": error.text})
        error.content_type = "application/json"
        raise


async def keep_session(_: Any) -> None:
    """No handler changes its session, so a connection goes back without a query to reset it."""


def create_app(database_url: str) -> web.Application:
    async def open_pool(app: web.Application) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url, min_size=1, reset=keep_session) as pool:
            await pool.execute(SCHEMA.read_text(encoding="utf-8"))
            app[POOL] = pool
            yield

    # A list, as the instrumentation inserts its own middleware at the front of it.
    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(routes)
    app.cleanup_ctx.append(open_pool)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8080")))
    arguments = parser.parse_args()
    # run_app() stops cleanly on SIGTERM; this does so while PostgreSQL is starting, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with postgres() as url:
        web.run_app(create_app(url), host=arguments.host, port=arguments.port)


if __name__ == "__main__":
    main()
