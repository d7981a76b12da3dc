from __future__ import annotations

from collections.abc import Callable

import allure


def test_the_price_is_shown(shop: str, opened: Callable[[str], str]) -> None:
    with allure.step("Open the page"):
        page = opened(shop)
    assert '<span id="price">9.00</span>' in page
