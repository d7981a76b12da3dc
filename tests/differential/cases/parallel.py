"""Tests that xdist's workers share out."""

import allure
import pytest


@pytest.fixture(scope="module")
def wide():
    with allure.step("set up"):
        pass
    yield


@pytest.mark.parametrize("x", range(3))
def test_group(wide, x):
    with allure.step(f"step {x}"):
        allure.attach(str(x), "attached", allure.attachment_type.TEXT)


class TestOther:
    @allure.epic("an epic")
    def test_other(self, wide):
        allure.global_attach("x", "by a worker", allure.attachment_type.TEXT)

    def test_fails(self, wide):
        with allure.step("fails"):
            assert False, "in a worker"
