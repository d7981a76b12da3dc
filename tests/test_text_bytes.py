"""Bytes that are a text are changed as one, in whatever encoding, and else stay what they are."""

from __future__ import annotations

import codecs
import os

import pytest

from otel_allure.recording.text_bytes import changed_text, is_text

BOM = codecs.BOM_UTF32_LE


def _masked(text: str) -> str:
    return text.replace("hunter2", "****")


@pytest.mark.parametrize(
    "encoding",
    [
        *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"),
        *("cp1252", "utf-7", "shift_jis", "gbk", "koi8-r"),
    ],
)
@pytest.mark.parametrize("text", ["password=hunter2", "p: hunter2\r\n\0more\n", "hunter2" * 300])
def test_encodings(encoding, text):
    """The text is found, and is written as it was."""
    assert changed_text(text.encode(encoding), _masked) == _masked(text).encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "around"),
    [
        ("utf-8", "é-☃-\U0001f600"),
        ("utf-16", "é-☃-\U0001f600"),
        ("utf-16-le", "é and more of it: Übergröße"),
        ("latin-1", "\xe9\xff"),
        ("koi8-r", "пароль"),
    ],
)
def test_other_characters(encoding, around):
    text = f"{around} hunter2 {around}"
    assert changed_text(text.encode(encoding), _masked) == _masked(text).encode(encoding)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xff hunter2 \x80\n\xc3", b"\xff **** \x80\n\xc3"),
        ("hunter2".encode("utf-16-le") + b"x", "****".encode("utf-16-le") + b"x"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8h\x00", codecs.BOM_UTF16_LE + b"\x00\xd8h\x00"),
        (BOM + b"\xff\xff\xff\xff", BOM + b"\xff\xff\xff\xff"),
        (BOM + b"\xff\xff\xff\xffhunter2", BOM + b"\xff\xff\xff\xff****"),
        (b"\0\0\0hunter2\0", b"\0\0\0****\0"),
        (b"", b""),
        (b"\xff\xfe", b"\xff\xfe"),
    ],
)  # fmt: skip
def test_broken_bytes_are_kept(data, expected):
    assert changed_text(data, _masked) == expected


def test_bytes_without_a_secret_are_the_same():
    """Whatever they are."""
    for size in range(200):
        data = os.urandom(size)
        for bom in (b"", b"\0", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, BOM):
            assert changed_text(bom + data, _masked) == bom + data


@pytest.mark.parametrize(
    "media_type",
    [
        *("text/plain", "text/html; charset=utf-16", "TEXT/CSV", "application/json"),
        *("application/vnd.api+json", "application/x-ndjson", "application/xml", "image/svg+xml"),
        *("application/soap+xml", "application/yaml", "application/x-yaml", "application/graphql"),
        *("application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "message/http"),
        *("application/javascript", "application/sql", "application/toml"),
    ],
)
def test_types_of_texts(media_type):
    assert is_text(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        *("", "image/png", "application/pdf", "application/zip", "application/octet-stream"),
        *("video/mp4", "application/x-protobuf", "application/vnd.tcpdump.pcap", "multipart/mixed"),
    ],
)
def test_types_that_are_none(media_type):
    assert not is_text(media_type)
