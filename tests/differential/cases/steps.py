"""`allure.step` in all its forms, in code that does one thing after the other."""

import contextlib
import functools

import allure
import pytest


@allure.step("given {a} and {b}, {0}, {missing}, {c!r:>4}")
def given(a, b=2, *rest, c="c", **more):
    allure.attach(f"{a}", "inside")
    return a


@allure.step
def bare(x):
    """The docstring."""
    return x


class Page:
    """What users of page objects write."""

    name = "home"

    @allure.step("open {url} of {self.name}")
    def open(self, url):
        with allure.step("load"):
            pass
        return self

    @allure.step("click")
    def click(self):
        return self

    @classmethod
    @allure.step("made by {kind}")
    def make(cls, kind):
        return cls()

    @staticmethod
    @allure.step("static {x}")
    def static(x):
        return x

    @property
    @allure.step("a property")
    def title(self):
        return "title"

    @allure.step("called with {x}")
    def __call__(self, x):
        return x


def test_with():
    with allure.step("one"):
        with allure.step("two"), allure.step("three"):
            pass
        with allure.step("four"):
            pass
    with allure.step("five"):
        pass


def test_decorated():
    assert given(1) == 1
    assert given("x", 3, 4, 5, c="C", d=6) == "x"
    assert given(a=[1], b={"k": None}) == [1]
    assert bare("x") == "x"
    assert bare.__name__ == "bare"
    assert bare.__doc__ == "The docstring."


def test_methods():
    page = Page().open("/").click()
    assert Page.make("class").static(1) == 1
    assert page.title == "title"
    assert page(x=None) is None


def test_nested_calls():
    @allure.step("depth {n}")
    def recurse(n):
        if n:
            recurse(n - 1)

    recurse(5)


def test_many():
    for i in range(50):
        with allure.step(f"step {i % 3}"):
            pass


def test_values():
    for value in ("text", b"bytes", None, 1.5, [1, "a"], {"k": (1,)}, int, Page.name, "{braces}"):
        bare(value)


def test_formats():
    @allure.step("{a[0]} {a[1]} {b} {b.real} {{literal}}")
    def formatted(a, b):
        pass

    formatted(["x", "y"], 5)


def test_title_is_no_string():
    with allure.step("ünïcödé 日本 \n second line"):
        pass
    with allure.step(""):
        pass


def test_defaults():
    @allure.step("{x} {y} {z}")
    def defaults(x, y=None, *, z="z"):
        pass

    defaults(1)
    defaults(1, z=3)
    defaults(y=2, x=1)


def test_wrapped():
    @allure.step("outer")
    @functools.lru_cache
    def cached(x):
        return x

    @allure.step("context")
    @contextlib.contextmanager
    def manager():
        yield 1

    cached(1)
    with manager(), allure.step("inside of the manager"):
        pass
    list(map(allure.step("mapped {x}")(lambda x: x), [1, 2]))


def test_manager_with_a_step():
    @contextlib.contextmanager
    def manager():
        with allure.step("around"):
            yield

    with manager(), allure.step("inside"):
        pass


def test_exit_stack():
    with contextlib.ExitStack() as stack:
        stack.enter_context(allure.step("first"))
        stack.enter_context(allure.step("second"))
        with allure.step("third"):
            pass


test_lambda = lambda: bare(1)  # noqa: E731


def test_failing_call():
    @allure.step("divide {a} by {b}")
    def divide(a, b):
        with allure.step("really"):
            return a / b

    divide(1, 0)


def test_wrong_arguments():
    given()


def test_attachments_and_steps():
    allure.attach("1", "before")
    with allure.step("one"):
        allure.attach("2", "in one")
        with allure.step("two"):
            allure.attach("3", "in two")
        allure.attach("4", "in one again")
    allure.attach("5", "after")


def test_manual_enter():
    step = allure.step("by hand")
    step.__enter__()
    with allure.step("below"):
        pass
    step.__exit__(None, None, None)


def test_one_object_again():
    step = allure.step("again")
    for _ in range(2):
        with step:
            pass


def test_one_object_inside_of_itself():
    step = allure.step("itself")
    with step, step:
        pass


def test_handle():
    with allure.step("handle") as s:
        allure.attach(str(s is None), "is None")


def test_generator():
    @allure.step("generate")
    def generate():
        with allure.step("first"):
            pass
        yield 1
        with allure.step("second"):
            pass

    for _ in generate():
        with allure.step("consume"):
            pass


def test_failing_generator():
    @allure.step("generate")
    def generate():
        yield 1
        raise ValueError("late")

    list(generate())


def test_generator_closed_early():
    def generate():
        with allure.step("open"):
            yield 1

    generator = generate()
    next(generator)
    generator.close()


def test_class():
    @allure.step("construct {x}")
    class Thing:
        def __init__(self, x):
            self.x = x

    thing = Thing(1)
    assert isinstance(Thing, type), "the class has become a function"
    assert isinstance(thing, Thing)


def test_unrepresentable_argument():
    class Bad:
        def __repr__(self):
            raise ValueError("no repr")

    bare(Bad())


def test_placeholder_that_fits_nothing():
    @allure.step("{a.missing}")
    def attribute(a):
        pass

    attribute(1)


def test_attribute_of_an_argument():
    class Data:
        name = "the name"

    @allure.step("{data.name}")
    def attribute(data):
        return data

    attribute(Data())


@pytest.mark.parametrize("way", ["skip", "fail", "exit"])
def test_outcome_inside(way):
    with allure.step("outer"), allure.step(way):
        if way == "skip":
            pytest.skip("inside")
        if way == "fail":
            pytest.fail("inside")
        raise SystemExit(1)


def test_secret_arguments():
    @allure.step("log in as {user} with {password}")
    def log_in(user, password):
        pass

    log_in("me", "hunter2")
