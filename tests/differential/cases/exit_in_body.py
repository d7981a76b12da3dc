"""A test that ends the session."""

import allure
import pytest


@pytest.fixture
def fixture():
    yield


def test_before():
    pass


@allure.epic("an epic")
def test_exits(fixture):
    """A docstring."""
    with allure.step("exit"):
        pytest.exit("enough")


def test_never():
    pass
