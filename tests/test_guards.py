"""Lines that everything stands on, each with a test that fails without it."""

from __future__ import annotations

import errno
import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allure_commons import model2

from otel_allure.model.diagnostics import Diagnostics
from otel_allure.output import results_directory
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.recording.attachments import typed
from otel_allure.redaction.known_values import KnownValues

UUID = "00000000-0000-0000-0000-000000000001"
symlinks = pytest.mark.skipif(sys.platform == "win32", reason="links want rights there")


@pytest.fixture
def directory(tmp_path: Path) -> ResultsDirectory:
    return ResultsDirectory(tmp_path / "results", Diagnostics(log=False))


def result(name: str) -> model2.TestResult:
    return model2.TestResult(uuid=UUID, name=name, status="passed")


# -- files are there as a whole, or not at all


def test_a_result_is_not_written_in_its_place(directory: ResultsDirectory) -> None:
    """Who has opened the old one reads all of it, whenever the new one comes."""
    directory.report_result(result("old"))
    (path,) = directory.path.iterdir()
    with path.open("rb") as old:
        directory.report_result(result("new"))
        assert json.loads(old.read())["name"] == "old"
    assert json.loads(path.read_bytes())["name"] == "new"


def test_an_attached_file_is_not_seen_in_parts(
    directory: ResultsDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_text("content")
    seen: list[bool] = []

    def parts(_: object) -> Iterator[bytes]:
        yield b"first half"
        seen.append((directory.path / "it-attachment.txt").exists())
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(results_directory, "as_seen", parts)
    directory.report_attached_file(source, "it-attachment.txt")
    assert seen == [False]
    assert list(directory.path.iterdir()) == []  # nor is half of it left
    assert directory.lost == {"it-attachment.txt": "Input/output error"}


# -- what is known to be secret is found in whatever way it is written

SECRET = "s3cr:Et/" + "vålue~9"
RAW = SECRET.encode()
WAYS = {
    "as it is": SECRET,
    "base64": b64encode(RAW).decode(),
    "base64 of more, from the second byte": b64encode(b"u:" + RAW).decode(),
    "base64 of more, from the third byte": b64encode(b"u" + RAW).decode(),
    "base64 of URLs": b64encode(RAW, b"-_").decode(),
    "hexadecimal digits": RAW.hex(),
    "hexadecimal digits, large": RAW.hex().upper(),
    "a URL": "s3cr%3AEt%2Fv%C3%A5lue~9",
    "JSON": json.dumps(SECRET)[1:-1],
}


@pytest.mark.parametrize("way", WAYS)
def test_a_known_secret_is_found(way: str) -> None:
    text = f"before {WAYS[way]} after"
    places = KnownValues([SECRET]).places(text)
    assert places
    shown = "".join(c for at, c in enumerate(text) if not any(a <= at < b for a, b in places))
    assert not any(WAYS[way][i : i + 6] in shown for i in range(len(WAYS[way]) - 5)), shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


# -- cleaning does not leave the directory


@symlinks
@pytest.mark.parametrize("name", ["history", "it-result.json", "it-attachment"])
def test_cleaning_follows_no_link(directory: ResultsDirectory, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "history.json").write_text("{}")
    directory.prepare(clean=False)
    (directory.path / name).symlink_to(elsewhere, target_is_directory=True)
    directory.prepare(clean=True)
    assert list(directory.path.iterdir()) == []
    assert [path.name for path in elsewhere.iterdir()] == ["history.json"]


# -- whatever texts are, JSON has them


@pytest.mark.parametrize("text", ["\ud83d", "caf\udce9.txt", "\udfff\ud800", "pair \ud83d\ude00"])
def test_a_lone_surrogate_is_no_loss(directory: ResultsDirectory, text: str) -> None:
    directory.report_result(result(text))
    (path,) = directory.path.iterdir()
    content = path.read_bytes().decode("utf-8")  # which others could not read with one in it
    read: dict[str, Any] = json.loads(content)
    assert read["name"].encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


# -- names of files stay in the directory


@pytest.mark.parametrize(
    "extension", ["../../evil", "/etc/passwd", "..", "a/b", "a\\b", "\0", "x" * 300, ".", ""]
)
def test_an_extension_leads_nowhere(tmp_path: Path, extension: str) -> None:
    _, shown = typed(None, extension)
    name = f"it-attachment.{shown}"
    assert Path(tmp_path, name).resolve().parent == tmp_path.resolve()
    assert not set(shown) & set("/\\.\0")
    assert 0 < len(shown) <= 20
