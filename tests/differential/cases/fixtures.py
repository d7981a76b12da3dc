"""Fixtures: all scopes, finalizers, overrides, and which tests used them."""

import functools

import allure
import pytest


def finalizer():
    with allure.step("in the finalizer"):
        allure.attach("text", "attached")


@pytest.fixture
def plain():
    with allure.step("set up"):
        allure.attach("text", "attached")
    return 1


@pytest.fixture
def yielding():
    with allure.step("set up"):
        pass
    yield 1
    with allure.step("tear down"):
        allure.attach("text", "attached")


@pytest.fixture
def finalized(request):
    request.addfinalizer(finalizer)
    request.addfinalizer(lambda: None)
    request.addfinalizer(functools.partial(finalizer))


@pytest.fixture
def both(request):
    request.addfinalizer(finalizer)
    yield


@pytest.fixture
@allure.title("Titled")
def titled(request):
    request.addfinalizer(finalizer)
    yield


def test_plain(plain):
    with allure.step("body"):
        pass


def test_yielding(yielding):
    with allure.step("body"):
        pass


def test_finalized(finalized):
    pass


def test_both(both):
    pass


def test_titled(titled):
    pass


@pytest.fixture
def late(request):
    def make(name):
        def late_finalizer():
            allure.attach(name, name)

        request.addfinalizer(late_finalizer)

    make("in set-up")
    return make


def test_finalizer_added_by_the_body(late):
    late("in the body")


def test_finalizer_of_the_request(request):
    def of_the_request():
        with allure.step("finalizer of the request"):
            allure.attach("text", "attached")

    request.addfinalizer(of_the_request)


def test_finalizer_of_the_node(request):
    request.node.addfinalizer(lambda: allure.attach("text", "of the node"))


# -- a step across the yield


@pytest.fixture
def across():
    with allure.step("across"):
        with allure.step("before"):
            pass
        yield
        with allure.step("after"):
            pass
    with allure.step("at last"):
        pass


@pytest.fixture
def across_too(across):
    with allure.step("across too"), allure.step("and this"):
        yield


def test_step_across_yield(across):
    with allure.step("body"):
        allure.attach("text", "attached")


def test_steps_across_yield(across_too):
    with allure.step("body"):
        pass


@pytest.fixture
def across_and_fails():
    with allure.step("across"):
        yield
        raise ValueError("after")


def test_step_across_yield_fails(across_and_fails):
    assert 1 == 2


# -- scopes


@pytest.fixture(scope="session", autouse=True)
def of_session():
    with allure.step("session begins"):
        pass
    yield
    with allure.step("session ends"):
        pass


@pytest.fixture(scope="package")
def of_package():
    yield


@pytest.fixture(scope="module")
def of_module(of_package):
    with allure.step("module begins"):
        pass
    yield
    with allure.step("module ends"):
        pass


@pytest.fixture(scope="class")
def of_class(of_module):
    yield


@pytest.fixture
def of_function(of_class):
    yield


@pytest.fixture(autouse=True)
def automatic():
    pass


class TestScopes:
    def test_one(self, of_function):
        pass

    def test_two(self, of_function):
        pass

    def test_without(self):
        pass


class TestOtherScopes:
    def test_three(self, of_class):
        pass


@pytest.mark.usefixtures("of_module", "plain")
def test_usefixtures():
    pass


def test_getfixturevalue(request):
    with allure.step("before"):
        pass
    request.getfixturevalue("yielding")
    with allure.step("after"):
        pass


@pytest.fixture(scope="module")
def lazy():
    with allure.step("lazy"):
        pass
    yield


@pytest.fixture
def through(request):
    return request.getfixturevalue("lazy")


def test_getfixturevalue_of_module(request):
    request.getfixturevalue("lazy")


def test_getfixturevalue_in_fixture(through):
    pass


def test_uses_lazy(lazy):
    pass


# -- overrides, of the conftest file too


@pytest.fixture
def overridden(overridden):
    return [*overridden, "module"]


@pytest.fixture(scope="module")
def overridden_wide(overridden_wide):
    yield


class TestOverrides:
    @pytest.fixture
    def overridden(self, overridden):
        yield [*overridden, "class"]

    def test_chain(self, overridden):
        assert overridden == ["conftest", "module", "class"]

    def test_wide(self, overridden_wide):
        pass


def test_chain(overridden, overridden_wide):
    assert overridden == ["conftest", "module"]


@pytest.mark.parametrize("overridden", ["by a parameter"])
def test_overridden_by_a_parameter(overridden):
    pass


# -- parametrised


@pytest.fixture(scope="module", params=[1, 2], ids=["one", "two"])
def wide_parametrised(request):
    with allure.step(f"set up {request.param}"):
        pass
    yield request.param


def test_wide_parametrised(wide_parametrised):
    pass


def test_wide_parametrised_too(wide_parametrised):
    pass


@pytest.fixture
def parametrised(request):
    yield request.param


@pytest.mark.parametrize("parametrised", [1, 2], indirect=True)
def test_indirect(parametrised):
    pass


# -- that go wrong


@pytest.fixture(scope="module")
def broken_wide():
    raise ValueError("broken")


def test_broken_wide(broken_wide):
    pass


def test_broken_wide_again(broken_wide):
    pass


@pytest.fixture
def never_reached(broken_wide):
    pass


def test_never_reached(plain, never_reached):
    pass


@pytest.fixture(scope="module")
def skipping_wide():
    pytest.skip("skipped")


def test_skipping_wide(skipping_wide):
    pass


def test_skipping_wide_again(skipping_wide):
    pass


@pytest.fixture(scope="class")
def broken_after():
    yield
    raise ValueError("after")


class TestBrokenAfter:
    def test_one(self, broken_after):
        pass

    def test_two(self, broken_after):
        pass


@pytest.mark.skip
def test_skipped_with_fixtures(of_module, plain):
    pass


# -- others


@pytest.fixture
def factory():
    made = []

    @allure.step("make {name}")
    def make(name):
        made.append(name)

    yield make
    for name in made:
        with allure.step(f"dispose of {name}"):
            pass


def test_factory(factory):
    with allure.step("use it"):
        factory("a")
        factory("b")


class TestXunit:
    @classmethod
    def setup_class(cls):
        with allure.step("set up the class"):
            pass

    def setup_method(self, method):
        with allure.step("set up the method"):
            pass

    def teardown_method(self):
        with allure.step("tear down the method"):
            pass

    @classmethod
    def teardown_class(cls):
        pass

    def test_method(self):
        with allure.step("body"):
            pass


def test_of_pytest(tmp_path, monkeypatch, capsys, caplog, request, pytestconfig, recwarn):
    print("captured")
    assert capsys.readouterr().out == "captured\n"


@allure.step("a step that is a fixture")
def helper():
    with allure.step("inside"):
        return 1


@pytest.fixture
@allure.step("a fixture in a step")
def stepped():
    with allure.step("inside"):
        return 1


def test_stepped(stepped):
    helper()
