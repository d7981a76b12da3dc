"""What is told of the run as a whole, and where nothing runs."""

import allure
import pytest

TEXT = allure.attachment_type.TEXT


def test_globals(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("a,b")
    allure.global_attach("text", "typed", TEXT)
    allure.global_attach("text", "untyped")
    allure.global_attach(b"bytes", name="json", attachment_type=allure.attachment_type.JSON)
    allure.global_attach("x", "own", "application/x-own", "own")
    allure.global_attach.file(str(file), "file", allure.attachment_type.CSV)
    allure.global_attach.file(str(file))
    allure.global_error("a message")
    allure.global_error("message and trace", "line one\nline two")
    try:
        raise ValueError("caught")
    except ValueError as error:
        allure.global_error(error)
    with allure.step("step"):
        allure.global_attach("x", "inside of a step", TEXT)


@pytest.fixture(scope="module", autouse=True)
def wide():
    allure.global_attach("x", "before", TEXT)
    yield
    allure.global_attach("x", "after", TEXT)
