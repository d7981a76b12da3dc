"""How tests end: in set-up, call and tear-down, by all the ways there are."""

import sys

import allure
import pytest

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup, ExceptionGroup


class OwnError(Exception):
    pass


class OwnAssertion(AssertionError):
    pass


class NoMessage(Exception):
    def __str__(self):
        return ""


def raise_(error):
    raise error


WAYS = {
    "pass": lambda: None,
    "assert": lambda: raise_(AssertionError("asserted")),
    "own assertion": lambda: raise_(OwnAssertion("own")),
    "error": lambda: raise_(OwnError("broken", 2)),
    "no message": lambda: raise_(NoMessage()),
    "many lines": lambda: raise_(ValueError("one\ntwo\n\nfour")),
    "fail": lambda: pytest.fail("failed"),
    "fail without trace": lambda: pytest.fail("failed", pytrace=False),
    "skip": lambda: pytest.skip("skipped"),
    "xfail": lambda: pytest.xfail("imperative"),
    "xfail without reason": lambda: pytest.xfail(),
    "import or skip": lambda: pytest.importorskip("no_module_of_this_name"),
    "system exit": lambda: sys.exit(3),
    "group": lambda: raise_(ExceptionGroup("group", [ValueError("a"), AssertionError("b")])),
    "group of asserts": lambda: raise_(ExceptionGroup("group", [AssertionError("b")])),
    "group of groups": lambda: raise_(
        BaseExceptionGroup("outer", [ExceptionGroup("inner", [OwnError("deep")])])
    ),
    "from": lambda: raise_(OwnError("effect")),
    "syntax": lambda: compile("a b", "file.py", "exec"),
    "recursion": lambda: raise_(RecursionError("too deep")),
    "generator exit": lambda: raise_(GeneratorExit()),
    "stop iteration": lambda: raise_(StopIteration("stop")),
}
every_way = pytest.mark.parametrize("way", WAYS)
# A fixture that one of these leaves cannot be set up again, because of pytest itself.
FATAL = ("system exit", "generator exit", "stop iteration")
WAYS_OF_FIXTURES = [way for way in WAYS if way not in FATAL]


@every_way
def test_body(way):
    WAYS[way]()


@every_way
def test_step(way):
    with allure.step("outer"), allure.step("inner"):
        WAYS[way]()


@pytest.fixture
def before(request):
    WAYS[request.param]()


@pytest.mark.parametrize("before", WAYS_OF_FIXTURES, indirect=True)
def test_before(before):
    pass


@pytest.fixture
def after(request):
    yield
    WAYS[request.param]()


@pytest.mark.parametrize("after", WAYS_OF_FIXTURES, indirect=True)
def test_after(after):
    pass


@pytest.mark.parametrize("after", ["assert", "error", "skip", "xfail"], indirect=True)
@pytest.mark.parametrize("way", ["pass", "assert", "error", "skip", "xfail"])
def test_body_and_after(way, after):
    WAYS[way]()


@every_way
@pytest.mark.xfail(reason="expected")
def test_xfail(way):
    WAYS[way]()


@pytest.mark.xfail
@pytest.mark.parametrize("way", ["pass", "assert"])
def test_xfail_without_reason(way):
    WAYS[way]()


@pytest.mark.xfail(reason="strict", strict=True)
@pytest.mark.parametrize("way", ["pass", "assert", "error", "skip"])
def test_xfail_strict(way):
    WAYS[way]()


@pytest.mark.xfail(reason="only this", raises=OwnError)
@pytest.mark.parametrize("way", ["pass", "assert", "error"])
def test_xfail_raises(way):
    WAYS[way]()


@pytest.mark.xfail(False, reason="not now")
@pytest.mark.parametrize("way", ["pass", "assert"])
def test_xfail_condition(way):
    WAYS[way]()


@pytest.mark.xfail(run=False, reason="not run")
def test_xfail_not_run():
    pass


@pytest.mark.xfail(run=False)
def test_xfail_not_run_without_reason():
    pass


@pytest.mark.xfail(reason="expected")
@pytest.mark.parametrize("before", ["assert", "error", "skip"], indirect=True)
def test_xfail_before(before):
    pass


@pytest.mark.xfail(reason="expected")
@pytest.mark.parametrize("after", ["assert", "error", "skip"], indirect=True)
def test_xfail_after(after):
    pass


@pytest.mark.skip
def test_skip():
    pass


@pytest.mark.skip(reason="because")
def test_skip_with_reason():
    pass


@pytest.mark.skipif(sys.version_info > (3,), reason="Python 3")
def test_skipif():
    pass


@pytest.mark.skipif("sys.version_info > (3,)", reason="a string")
def test_skipif_string():
    pass


@pytest.mark.skip(reason="the class")
class TestSkipped:
    def test_one(self):
        pass


def test_cause():
    try:
        raise_(ValueError("cause"))
    except ValueError as error:
        raise OwnError("effect") from error


def test_context():
    with allure.step("step"):
        try:
            raise_(ValueError("context"))
        finally:
            raise OwnError("effect")


def test_notes():
    error = OwnError("noted")
    if sys.version_info >= (3, 11):
        error.add_note("a note")
    with allure.step("step"):
        raise error


def test_comparison():
    assert {"a": [1, 2, 3], "b": "x" * 100} == {"a": [1, 2, 4], "b": "y" * 100}


def test_raises_passes():
    with allure.step("expected"), pytest.raises(OwnError), allure.step("raises"):
        raise OwnError("caught")


def test_raises_does_not():
    with pytest.raises(OwnError):
        pass


def test_warning():
    with allure.step("warns"), pytest.warns(UserWarning):
        pass


def test_caught_between_steps():
    with allure.step("outer"):
        try:
            with allure.step("broken"):
                raise OwnError("caught")
        except OwnError:
            pass
        with allure.step("goes on"):
            pass


@pytest.fixture
def two_after(request):
    def finalizer():
        raise OwnError("finalizer")

    request.addfinalizer(finalizer)
    yield
    raise AssertionError("after")


def test_two_errors_after(two_after):
    pass


def test_missing_fixture(no_such_fixture):
    pass


@pytest.fixture
def no_yield():
    if False:
        yield


def test_fixture_without_yield(no_yield):
    pass


@pytest.fixture
def two_yields():
    yield 1
    yield 2


def test_fixture_with_two_yields(two_yields):
    pass


@pytest.fixture
def leaving():
    sys.exit(3)


def test_fixture_leaves(leaving):
    pass
