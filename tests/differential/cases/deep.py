"""More steps in each other than a report can hold."""

import contextlib

import allure


def test_deep():
    with contextlib.ExitStack() as stack:
        for i in range(400):
            stack.enter_context(allure.step(f"level {i}"))
