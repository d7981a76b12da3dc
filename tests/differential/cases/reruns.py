"""Tests that pytest-rerunfailures runs again."""

import allure
import pytest

attempts = {}


def attempt(name):
    attempts[name] = attempts.get(name, 0) + 1
    return attempts[name]


@pytest.fixture
def fixture():
    with allure.step("set up"):
        pass
    yield
    with allure.step("tear down"):
        pass


@pytest.fixture(scope="module")
def wide():
    yield


@allure.title("flaky {x}")
@allure.epic("flaky")
@pytest.mark.parametrize("x", [1])
@pytest.mark.flaky(reruns=2)
def test_flaky(fixture, wide, x):
    """A docstring."""
    n = attempt("flaky")
    allure.dynamic.label("attempt", n)
    allure.dynamic.parameter("told", "same")
    with allure.step(f"attempt {n}"):
        allure.attach(str(n), "attempt", allure.attachment_type.TEXT)
        assert n == 3


@pytest.mark.flaky(reruns=1)
def test_always_fails(wide):
    with allure.step(f"attempt {attempt('always')}"):
        raise ValueError("again")


@pytest.fixture
def flaky_fixture():
    n = attempt("fixture")
    with allure.step(f"attempt {n}"):
        assert n == 2


@pytest.mark.flaky(reruns=1)
def test_flaky_fixture(flaky_fixture):
    pass


def test_steady(wide):
    pass
