"""Titles, descriptions, labels and links: on functions, classes and the module."""

import allure
import pytest

pytestmark = [
    allure.epic("an epic"),
    allure.severity(allure.severity_level.MINOR),
    allure.link("https://example.test/module", name="module"),
    allure.description("of the module"),
    pytest.mark.slow,
]


def test_inherits_from_the_module():
    pass


@allure.title("A title")
@allure.description("A description, *Markdown*.")
@allure.description_html("<b>HTML</b>")
@allure.severity(allure.severity_level.CRITICAL)
@allure.epic("another epic", "a third")
@allure.feature("a feature", "another")
@allure.story("a story")
@allure.parent_suite("top")
@allure.suite("middle")
@allure.sub_suite("bottom")
@allure.tag("a tag", "another")
@allure.id(123)
@allure.manual
@allure.label("owner", "somebody")
@allure.label("numbers", 1, 2.5, True)
@allure.link("https://example.test/plain")
@allure.link("https://example.test/typed", link_type="docs", name="Documentation")
@allure.issue("12")
@allure.issue("13", "thirteen")
@allure.testcase("https://example.test/case", name="the case")
@pytest.mark.fast
@pytest.mark.with_arguments(1, key=2)
@pytest.mark.usefixtures
@pytest.mark.filterwarnings("ignore")
def test_everything():
    """The description wins over the docstring."""


@pytest.mark.parametrize("a, b", [(1, "two"), (None, [3])], ids=["first", "sécond"])
@allure.title("{a} and {b} and {doubled} and {param_id} and {unknown} and {b!r:>8}")
def test_title_with_placeholders(a, b, doubled):
    pass


@pytest.fixture
def doubled():
    return {"key": "value"}


@allure.title("{a[0]} {a[1].real} {missing.attribute} {missing[key]}")
@pytest.mark.parametrize("a", [("x", 7)])
def test_title_with_fields(a):
    pass


@allure.title("")
def test_title_empty():
    pass


def test_docstring():
    """One line.

    And more of it.
    """


test_docstring.pytestmark = [allure.description("").mark]


@allure.severity("own")
@allure.suite("nearest")
@allure.suite("farther")
@allure.feature("same", "same")
@allure.tag("same")
@pytest.mark.same
def test_repeated():
    pass


@pytest.mark.parametrize(
    "severity",
    [
        pytest.param(1, marks=allure.severity(allure.severity_level.BLOCKER)),
        pytest.param(2, marks=[allure.severity(allure.severity_level.TRIVIAL), allure.id("p2")]),
        pytest.param(3, marks=[allure.link("https://example.test/3"), pytest.mark.third]),
    ],
)
def test_marks_of_parameters(severity):
    pass


@allure.epic("of the class")
@allure.suite("suite of the class")
@allure.severity(allure.severity_level.BLOCKER)
@allure.link("https://example.test/class", name="class")
@allure.description("of the class")
@allure.title("title of the class")
@pytest.mark.of_the_class
class TestClass:
    """A docstring of a class."""

    def test_inherits(self):
        pass

    @allure.title("own")
    @allure.severity(allure.severity_level.NORMAL)
    @allure.description("own")
    def test_overrides(self):
        pass

    @allure.feature("of the nested class")
    class TestNested:
        pytestmark = allure.tag("nested")

        def test_nested(self):
            pass


class TestInherited(TestClass):
    @allure.story("of the heir")
    def test_heir(self):
        pass


@allure.title("Above the decorator")
@pytest.fixture
def titled_above():
    pass


@pytest.fixture(scope="module")
@allure.title("Below the decorator")
def titled_below():
    yield


@pytest.fixture(params=[1, 2])
@allure.title("With {braces}")
def titled_with_parameters(request):
    return request.param


def test_titled_fixtures(titled_above, titled_below, titled_with_parameters):
    pass


def test_label_on_a_lambda():
    assert allure.label("x", "y")(lambda: 1)() == 1
    assert allure.title("title")(len) if False else True


@allure.label("tag", "as label")
@allure.label(allure.severity_level.CRITICAL, "odd")
def test_labels_by_name():
    pass


@allure.link("https://example.test/{}", name="{}")
@allure.issue("{curly}")
@allure.issue("a b/ü?x=1&y=2", "Ümlaut")
def test_links_with_braces():
    pass
