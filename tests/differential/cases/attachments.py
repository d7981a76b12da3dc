"""Texts, bytes and files; from tests, steps, fixtures and hooks; and what pytest captured."""

import logging
import pathlib
import sys

import allure
import pytest


def test_texts():
    allure.attach("plain text", "typed", allure.attachment_type.TEXT)
    allure.attach("without a type", "untyped")
    allure.attach("without a name")
    allure.attach("", "empty", allure.attachment_type.TEXT)
    allure.attach("ünïcödé 日本", "unicode ü/\\:*?", allure.attachment_type.TEXT)
    allure.attach('{"a": 1}', name="json", attachment_type=allure.attachment_type.JSON)
    allure.attach("<a/>", "media type", "application/xml", "xml")
    allure.attach("a,b", "media type alone", "text/csv")
    allure.attach("x", "extension alone", extension="log")
    allure.attach("a\r\nb\n", "line ends", allure.attachment_type.TEXT)
    allure.attach("x", "own type", "application/x-own", "own")


@pytest.mark.parametrize("kind", list(allure.attachment_type), ids=lambda kind: kind.name)
def test_types(kind):
    allure.attach(b"body", kind.name, kind)


def test_bytes():
    allure.attach(b"\x00\xff", "bytes")
    allure.attach(b"\x89PNG", "picture", allure.attachment_type.PNG)
    allure.attach(bytearray(b"array"), "bytearray", allure.attachment_type.TEXT)
    allure.attach(memoryview(b"view"), "memoryview", allure.attachment_type.TEXT)


def test_files(tmp_path):
    table, picture, plain = (tmp_path / name for name in ("t.csv", "p.png", "without"))
    for path in (table, picture, plain):
        path.write_bytes(b"body of a file")
    allure.attach.file(str(table))
    allure.attach.file(table, "path object")
    allure.attach.file(str(table), "typed", allure.attachment_type.CSV)
    allure.attach.file(str(picture), name="picture", attachment_type=allure.attachment_type.PNG)
    allure.attach.file(str(picture), "own extension", extension="gif")
    allure.attach.file(str(picture), "media type", "image/x-own", "own")
    allure.attach.file(str(plain), "no extension")
    table.write_bytes(b"changed afterwards")


def test_file_is_missing():
    with allure.step("attach"):
        allure.attach.file("no/such/file.txt", "missing", allure.attachment_type.TEXT)


def test_a_number():
    allure.attach(42, "a number", allure.attachment_type.TEXT)


def test_none():
    allure.attach(None, "None", allure.attachment_type.TEXT)


def test_name_is_no_string():
    allure.attach("x", 42, allure.attachment_type.TEXT)


@pytest.fixture
def attaching():
    allure.attach("x", "before", allure.attachment_type.TEXT)
    yield
    allure.attach("x", "after", allure.attachment_type.TEXT)


@pytest.fixture(scope="module")
def attaching_wide():
    allure.attach("x", "before the module", allure.attachment_type.TEXT)
    yield
    allure.attach("x", "after the module", allure.attachment_type.TEXT)


def test_fixture(attaching, attaching_wide):
    allure.attach("x", "body", allure.attachment_type.TEXT)


def test_order(attaching):
    with allure.step("step"):
        allure.attach("1", "first", allure.attachment_type.TEXT)
        allure.attach("2", "second", allure.attachment_type.TEXT)
    allure.attach("3", "third", allure.attachment_type.TEXT)
    print("captured")


def test_captured():
    print("on stdout")
    print("on stderr", file=sys.stderr)
    logging.getLogger("app").warning("logged")


@pytest.fixture
def loud():
    print("set up")
    yield
    print("torn down")


def test_captured_in_all_phases(loud):
    print("called")
    assert not pathlib.Path(), "fails"


def test_logs_in_steps():
    with allure.step("step"):
        logging.getLogger("app").error("in a step")
