"""`allure.dynamic`: in bodies, fixtures, steps and hooks."""

import allure
import pytest


def test_everything():
    """A docstring."""
    allure.dynamic.title("Dynamic title")
    allure.dynamic.description("Dynamic *description*")
    allure.dynamic.description_html("<i>dynamic</i>")
    allure.dynamic.severity(allure.severity_level.BLOCKER)
    allure.dynamic.epic("an epic", "another")
    allure.dynamic.feature("a feature")
    allure.dynamic.story("a story")
    allure.dynamic.tag("a tag", "another")
    allure.dynamic.id(7)
    allure.dynamic.manual()
    allure.dynamic.parent_suite("top")
    allure.dynamic.suite("middle")
    allure.dynamic.sub_suite("bottom")
    allure.dynamic.label("numbers", 1, 2.5, False, None)
    allure.dynamic.link("https://example.test/", name="one")
    allure.dynamic.link("https://example.test/", name="the same again")
    allure.dynamic.link("https://example.test/typed", link_type="docs")
    allure.dynamic.issue("8")
    allure.dynamic.issue("9", "nine")
    allure.dynamic.testcase("https://example.test/case", "case")


@allure.title("static {x}")
@allure.severity(allure.severity_level.MINOR)
@allure.suite("static suite")
@allure.link("https://example.test/static")
@pytest.mark.parametrize("x", [1])
def test_over_static(x):
    allure.dynamic.title("dynamic {x}")
    allure.dynamic.severity(allure.severity_level.CRITICAL)
    allure.dynamic.suite("dynamic suite")
    allure.dynamic.link("https://example.test/static", name="again")
    allure.dynamic.description("")


def test_last_one_wins():
    allure.dynamic.title("first")
    allure.dynamic.title("second")
    allure.dynamic.description("first")
    allure.dynamic.description("second")
    allure.dynamic.severity("first")
    allure.dynamic.severity("second")


@pytest.mark.parametrize("given, other", [(1, "two")])
def test_parameters(given, other):
    allure.dynamic.parameter("given", 100)
    allure.dynamic.parameter("new", "text")
    allure.dynamic.parameter("new", "changed")
    allure.dynamic.parameter("excluded", 3.5, excluded=True)
    allure.dynamic.parameter("not excluded", 3.5, excluded=False)
    allure.dynamic.parameter("default", "d", mode=allure.parameter_mode.DEFAULT)
    allure.dynamic.parameter("masked", "m", mode=allure.parameter_mode.MASKED)
    with allure.step("inside of a step"):
        allure.dynamic.parameter("hidden", "h", mode=allure.parameter_mode.HIDDEN)
        allure.dynamic.title("renamed inside of a step")


@pytest.mark.parametrize("user, password", [("me", "secret")])
def test_parameter_named_like_a_secret(user, password):
    allure.dynamic.parameter("token", "tok")


@pytest.mark.parametrize("given", [1])
def test_mode_of_a_known_parameter(given):
    allure.dynamic.parameter("given", 2, excluded=True)
    allure.dynamic.parameter("given", 3, mode=allure.parameter_mode.MASKED)


@pytest.fixture
def talkative():
    allure.dynamic.description("by the fixture")
    allure.dynamic.label("set-up", "yes")
    allure.dynamic.parameter("given", "by the fixture")
    allure.dynamic.link("https://example.test/fixture")
    yield
    allure.dynamic.label("tear-down", "yes")
    allure.dynamic.parameter("late", 1)
    allure.dynamic.link("https://example.test/late")


@pytest.mark.parametrize("given", [1])
def test_fixture_talks(talkative, given):
    """The docstring."""


@pytest.fixture
def titling():
    allure.dynamic.title("by the fixture")
    yield


def test_fixture_gives_title(titling):
    pass


@pytest.fixture
def titling_late():
    yield
    allure.dynamic.title("by the tear-down")
    allure.dynamic.description("by the tear-down")


def test_tear_down_gives_title(titling_late):
    allure.dynamic.title("by the body")


@pytest.fixture(scope="module")
def wide():
    allure.dynamic.label("wide", "set-up")
    yield
    allure.dynamic.label("wide", "tear-down")


def test_wide_first(wide):
    pass


def test_wide_last(wide):
    pass


def test_fails_after():
    allure.dynamic.title("Told before the failure")
    allure.dynamic.label("told", "yes")
    assert False, "no"


def test_objects():
    class Shown:
        def __repr__(self):
            return "<shown>"

    allure.dynamic.parameter("object", Shown())
    allure.dynamic.parameter("bytes", b"bytes")
    allure.dynamic.parameter("list", ["a", b"b", None])
    allure.dynamic.title(str(42))
