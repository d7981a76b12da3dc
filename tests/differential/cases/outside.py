"""Steps at import; a test that has nothing to do with them."""

import allure

with allure.step("while the module is imported"):
    pass


@allure.step("decorated")
def helper():
    pass


helper()


def test_one():
    with allure.step("body"):
        helper()


def test_two():
    pass
