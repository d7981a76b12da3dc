"""Somebody presses Ctrl-C."""

import allure


def test_interrupted():
    with allure.step("interrupt"):
        raise KeyboardInterrupt


def test_never():
    pass
