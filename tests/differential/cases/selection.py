"""One test for each way to be selected."""

import allure
import pytest


def test_plain():
    pass


@allure.epic("an epic", "another")
def test_epic():
    pass


@allure.feature("a feature")
def test_feature():
    pass


@allure.story("a story")
def test_story():
    pass


@allure.severity(allure.severity_level.CRITICAL)
def test_severity():
    pass


@allure.severity(allure.severity_level.NORMAL)
def test_severity_normal():
    pass


@allure.id(10)
def test_id():
    pass


@allure.id("11")
def test_id_text():
    pass


@allure.label("owner", "somebody")
@pytest.mark.parametrize("x", [1, 2])
def test_label(x):
    pass


@allure.tag("a tag")
def test_tag():
    pass


@allure.epic("of the class")
class TestClass:
    def test_in_class(self):
        pass

    @allure.severity("own")
    def test_own_severity(self):
        pass
