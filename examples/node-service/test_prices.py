from __future__ import annotations

import allure
import pytest
import requests


@pytest.mark.parametrize(("currency", "price"), [("EUR", 900), ("SEK", 9900)])
def test_a_price_in_a_currency(prices: str, currency: str, price: int) -> None:
    with allure.step(f"Ask for the price of a cup in {currency}"):
        answer = requests.get(f"{prices}/prices/1", {"currency": currency}, timeout=10)
    assert answer.json() == {"price": price}


def test_a_currency_that_nobody_knows(prices: str) -> None:
    with allure.step("Ask for the price of a bowl in shells"):
        answer = requests.get(f"{prices}/prices/2", {"currency": "shells"}, timeout=10)
    assert answer.status_code == 502
