"""A test that the hooks of the conftest file attach to."""

import allure


def test_hooks():
    with allure.step("body"):
        pass
