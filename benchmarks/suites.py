"""Test files of any size, which runs without a report, with allure-pytest and with ours get alike.

`SIZE` is how many tests there are, or how many of whatever a single test is about.
"""

from __future__ import annotations

SUITES = {
    "empty": """
@pytest.mark.parametrize("i", range(SIZE))
def test(i):
    pass
""",
    "ten_steps": """
@pytest.mark.parametrize("i", range(SIZE))
def test(i):
    for n in range(10):
        with allure.step("a step"):
            pass
""",
    "concurrent": """
async def one(n):
    with allure.step(f"step {n}"):
        await asyncio.sleep(0)

@pytest.mark.asyncio
@pytest.mark.parametrize("i", range(SIZE))
async def test(i):
    await asyncio.gather(*map(one, range(10)))
""",
    "rich": """
@allure.step("Put {count} of {article} into the basket")
def put(article, count):
    return count

@allure.epic("Shop")
@allure.feature("Basket")
@allure.severity("critical")
@allure.tag("fast", "basket")
@allure.link("https://example.org/basket")
@pytest.mark.parametrize("article", ["cup", "plate"])
@pytest.mark.parametrize("i", range((SIZE + 1) // 2))
def test(article, i, tmp_path):
    for n in range(3):
        put(article, n)
    allure.attach(f"{article} {i}", "receipt", allure.attachment_type.TEXT)
""",
    "steps": """
@pytest.mark.parametrize("i", range(50))
def test(i):
    for n in range(SIZE // 100):
        with allure.step("outer"):
            with allure.step("inner"):
                pass
""",
    "steps_of_a_test": """
def test():
    for n in range(SIZE):
        with allure.step("a step"):
            pass
""",
    "concurrent_steps_of_a_test": """
async def one(n):
    with allure.step(f"step {n}"):
        await asyncio.sleep(0)

@pytest.mark.asyncio
async def test():
    await asyncio.gather(*map(one, range(SIZE)))
""",
    "log_records_of_a_test": """
def test():
    for n in range(SIZE):
        logging.getLogger("shop").warning("order %s", n)
""",
    "attachment": """
def test():
    allure.attach(bytes(1_000_000) * SIZE, "picture", allure.attachment_type.PNG)
""",
    "text_attachment": """
def test():
    line = "2026-01-01 12:00:00,123 INFO shop: order 7 of Alice: 3 cups, 2 plates, 41.50 EUR\\n"
    allure.attach(line * (SIZE * 12_000), "server.log", allure.attachment_type.TEXT)
""",
}
PLUGINS = dict.fromkeys(
    ("concurrent", "concurrent_steps_of_a_test"), ("-p", "pytest_asyncio.plugin")
)
"""What else a suite needs, for pytest's command line."""
MODULES = ("allure", "asyncio", "logging", "pytest")


def suite(name: str, size: int) -> str | None:
    """Return the source of a test file; None if there is no suite of that name."""
    if name not in SUITES:
        return None
    body = SUITES[name]
    imports = "".join(f"import {module}\n" for module in MODULES if f"{module}." in body)
    return f"{imports}\nSIZE = {size}\n{body}"
