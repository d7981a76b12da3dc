"""The vocabulary of the tests: what a visitor does in the shop, each action a step."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import allure


class Reply(NamedTuple):
    status: int
    body: Any


class Shop:
    """The shop as seen by an HTTP client."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def request(self, method: str, path: str, **options: Any) -> Reply:
        async with self._session.request(method, path, **options) as response:
            body = None if response.status == 204 else await response.json()
            return Reply(response.status, body)

    @allure.step("See what is on offer")
    async def items(self) -> Reply:
        return await self.request("GET", "/items")

    @allure.step("Look at item {item_id}")
    async def item(self, item_id: int) -> Reply:
        return await self.request("GET", f"/items/{item_id}")

    @allure.step("Read order {order_id}")
    async def order(self, order_id: int) -> Reply:
        return await self.request("GET", f"/orders/{order_id}")

    @allure.step("Read all orders of {customer}")
    async def orders(self, customer: str) -> Reply:
        return await self.request("GET", "/orders", params={"customer": customer})

    @allure.step("Cancel order {order_id}")
    async def cancel(self, order_id: int) -> Reply:
        return await self.request("DELETE", f"/orders/{order_id}")

    @allure.step
    async def place_order(self, form: dict[str, Any]) -> Reply:
        attach_json("order form", form)
        reply = await self.request("POST", "/orders", json=form)
        attach_json(f"answer: {reply.status}", reply.body)
        return reply


class Cart:
    """What one customer wants; knows the orders it led to, in order to cancel them."""

    def __init__(self, shop: Shop, customer: str) -> None:
        self.customer = customer
        self._shop = shop
        self._quantities: dict[int, int] = {}
        self._orders: list[int] = []

    @allure.step("Put {quantity} of item {item_id} into the cart")
    def put(self, item_id: int, quantity: int = 1) -> None:
        self._quantities[item_id] = self._quantities.get(item_id, 0) + quantity

    async def check_out(self) -> Reply:
        lines = [{"item_id": item, "quantity": n} for item, n in self._quantities.items()]
        reply = await self._shop.place_order({"customer": self.customer, "lines": lines})
        if reply.status == 201:
            self._orders.append(reply.body["id"])
        return reply

    async def give_back(self) -> None:
        while self._orders:
            reply = await self._shop.cancel(self._orders.pop())
            assert reply.status == 204


class Rendezvous:
    """``asyncio.Barrier``, which Python 3.10 lacks: all wait for the last one to arrive."""

    def __init__(self, parties: int) -> None:
        self._missing = parties
        self._complete = asyncio.Event()

    async def arrive(self) -> None:
        self._missing -= 1
        if not self._missing:
            self._complete.set()
        await self._complete.wait()


@asynccontextmanager
async def visit(server: str) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession(server) as session:
        yield Shop(session)


def attach_json(name: str, value: Any) -> None:
    allure.attach(json.dumps(value, indent=2), name, allure.attachment_type.JSON)
