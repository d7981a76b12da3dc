"""Reading: what the shop offers, looked at by one visitor and by several at once."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import allure
import pytest
from shop_client import Rendezvous, Shop, attach_json, visit

Items = list[dict[str, Any]]


@pytest.fixture(scope="module")
async def catalogue(server: str) -> Items:
    """The list of items, asked for once: the tests of this module only read."""
    async with visit(server) as shop:
        items: Items = (await shop.items()).body
        return items


@allure.feature("Catalogue")
@allure.story("Service")
@allure.severity(allure.severity_level.BLOCKER)
@allure.title("The shop is open")
async def test_health(shop: Shop) -> None:
    assert await shop.request("GET", "/health") == (200, {"status": "ok"})


@allure.feature("Catalogue")
@allure.story("List")
@allure.description("The list as a table and as a picture: attachments of three kinds.")
def test_everything_has_a_price(catalogue: Items) -> None:
    with allure.step("Attach the price list"):
        allure.attach(as_csv(catalogue), "price list", allure.attachment_type.CSV)
        allure.attach(stock_chart(catalogue), "stock", allure.attachment_type.SVG)
        allure.attach(f"{len(catalogue)} items", "summary", allure.attachment_type.TEXT)
    assert all(item["price_cents"] > 0 for item in catalogue)


@allure.feature("Catalogue")
@allure.story("Item")
@pytest.mark.parametrize(
    ("item_id", "name"),
    [
        pytest.param(1, "Espresso cup", id="cup"),
        pytest.param(2, "Teapot", id="teapot"),
        pytest.param(3, "Gooseneck kettle", id="kettle"),
    ],
)
async def test_item(shop: Shop, item_id: int, name: str) -> None:
    allure.dynamic.title(f"Item {item_id} is the {name.lower()}")
    reply = await shop.item(item_id)
    assert (reply.status, reply.body["name"]) == (200, name)


@allure.feature("Catalogue")
@allure.story("Item")
@allure.severity(allure.severity_level.MINOR)
async def test_unknown_item(shop: Shop) -> None:
    """The server answers 404, and that is just what is asked of it: the test passes."""
    assert await shop.item(999) == (404, {"error": "there is no item 999"})


@allure.feature("Catalogue")
@allure.story("Item")
@pytest.mark.parametrize("text", ["teapot", "0", "-1", "99999999999"])
async def test_nonsense_item(shop: Shop, text: str) -> None:
    reply = await shop.request("GET", f"/items/{text}")
    assert reply.status == 400


@allure.feature("Catalogue")
@allure.story("Many visitors")
@allure.severity(allure.severity_level.CRITICAL)
@allure.title("Two visitors at once")
@allure.link("https://docs.python.org/3/library/asyncio-task.html#asyncio.gather", name="gather")
async def test_two_visitors_at_once(shop: Shop) -> None:
    """Two sibling steps, open at the same time, each with its own request and SQL inside.

    Neither sends its request before both steps have begun. A reporter which believes in one
    stack of open steps would put the second visitor into the first.
    """
    everyone_is_here = Rendezvous(2)

    async def look(visitor: str, item_id: int) -> str:
        with allure.step(f"{visitor} looks around"):
            await everyone_is_here.arrive()
            reply = await shop.item(item_id)
            attach_json(f"what {visitor} saw", reply.body)
            return str(reply.body["name"])

    alice, bob = await asyncio.gather(look("Alice", 1), look("Bob", 2))
    assert (alice, bob) == ("Espresso cup", "Teapot")


@allure.feature("Catalogue")
@allure.story("Many visitors")
async def test_first_to_come_last_to_leave(shop: Shop) -> None:
    """The steps of two tasks cross: Alice begins first, and Bob has long gone when she ends."""
    alice_is_in, bob_is_out = asyncio.Event(), asyncio.Event()

    async def alice() -> int:
        with allure.step("Alice takes her time"):
            alice_is_in.set()
            await bob_is_out.wait()
            return (await shop.item(3)).status

    async def bob() -> int:
        await alice_is_in.wait()
        with allure.step("Bob is in a hurry"):
            status = (await shop.item(5)).status
        bob_is_out.set()
        return status

    tasks = [asyncio.create_task(alice()), asyncio.create_task(bob())]
    assert [await task for task in tasks] == [200, 200]


def as_csv(items: Items) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, fieldnames=items[0])
    table.writeheader()
    table.writerows(items)
    return text.getvalue()


def stock_chart(items: Items) -> str:
    bars = "".join(
        f'<text x="4" y="{24 * row + 18}">{item["name"]}</text>'
        f'<rect x="130" y="{24 * row + 4}" width="{item["stock"]}" height="18" fill="#4078c0"/>'
        for row, item in enumerate(items)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="340" height="152">{bars}</svg>'
