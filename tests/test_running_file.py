"""The file of a result while its test runs: whole at any time, and nobody else's."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from allure_commons import model2

from otel_allure.compat import kept
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.output.running_file import PAGE, RunningFile

UUID = "00000000-0000-0000-0000-000000000001"
NAME = f"{UUID}-result.json"


def so_far(text: str = "") -> dict[str, Any]:
    return {"uuid": UUID, "name": "it", "status": "broken", "description": text}


def last(text: str = "done") -> model2.TestResult:
    details = model2.StatusDetails(message="said")
    return model2.TestResult(
        uuid=UUID, name="it", status="passed", description=text, statusDetails=details
    )


@pytest.fixture
def directory(tmp_path: Path) -> ResultsDirectory:
    return ResultsDirectory(tmp_path / "results", Diagnostics(log=False))


def read(directory: ResultsDirectory) -> dict[str, Any]:
    assert [path.name for path in directory.path.iterdir()] == [NAME]
    found: dict[str, Any] = json.loads((directory.path / NAME).read_text("utf-8"))
    return found


SHORT, LONG = "x" * 100, "x" * PAGE


@pytest.mark.parametrize("texts", [["", SHORT, ""], ["", LONG, SHORT], [LONG, LONG + SHORT, ""]])
@pytest.mark.parametrize("at_the_end", [SHORT, LONG])
def test_it_says_one_thing_after_the_other(
    directory: ResultsDirectory, texts: list[str], at_the_end: str
) -> None:
    for text in texts:
        directory.write_running(so_far(text))
        assert read(directory) == so_far(text)
    directory.report_result(last(at_the_end))
    assert read(directory)["description"] == at_the_end
    assert read(directory)["status"] == "passed"
    assert directory.results_written == 1
    content = (directory.path / NAME).read_bytes()
    assert content == content.rstrip()  # no padding is left


def test_it_is_never_written_over_across_pages(
    directory: ResultsDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal that kills may interrupt a write there: half of it would be new."""
    lengths: list[int] = []
    write_over = kept.write_over

    def noting(file: int, data: bytes) -> bool:
        lengths.append(len(data))
        return write_over(file, data)

    monkeypatch.setattr(kept, "write_over", noting)
    for text in ("", SHORT, "x" * (PAGE - 80), LONG, SHORT):
        directory.write_running(so_far(text))
    directory.report_result(last(SHORT))
    assert lengths
    assert max(lengths) <= PAGE
    assert lengths == sorted(lengths)  # padded to what was there


def test_what_is_replaced_stays_whole_for_who_reads_it(directory: ResultsDirectory) -> None:
    directory.write_running(so_far(LONG))
    with (directory.path / NAME).open("rb") as before:
        directory.write_running(so_far(LONG + SHORT))
        assert json.loads(before.read()) == so_far(LONG)


@pytest.mark.skipif(sys.platform == "win32", reason="open files stay where they are")
@pytest.mark.parametrize("how", ["removed", "moved", "replaced", "with its directory"])
def test_the_last_word_is_where_it_belongs(
    directory: ResultsDirectory, tmp_path: Path, how: str
) -> None:
    """Others may clean the directory, or put another in its place, while tests run."""
    directory.write_running(so_far())
    path = directory.path / NAME
    match how:
        case "removed":
            path.unlink()
        case "moved":
            path.rename(tmp_path / "elsewhere")
        case "replaced":
            path.rename(tmp_path / "elsewhere")
            path.write_text("{}")
        case _:
            directory.path.rename(tmp_path / "before")
    directory.report_result(last())
    assert read(directory)["status"] == "passed"


def test_a_number_that_became_another_file(directory: ResultsDirectory, tmp_path: Path) -> None:
    """A daemon closes all files; what it opens then has the numbers of those that were."""
    users = tmp_path / "users"
    users.write_text("theirs")
    directory.write_running(so_far())
    (running,) = directory._running.values()
    number = running._file
    assert number is not None
    os.close(number)
    theirs = os.open(users, os.O_RDWR)
    assert theirs == number
    directory.write_running(so_far(SHORT))
    directory.report_result(last())
    assert os.read(theirs, 100) == b"theirs"  # it is open, and as it was
    os.close(theirs)
    assert read(directory)["status"] == "passed"


def test_few_are_held_open(directory: ResultsDirectory) -> None:
    """Code under test needs numbers of files, too."""
    for number in range(50):
        directory.write_running({**so_far(), "uuid": str(number)})
        directory.write_running({**so_far(SHORT), "uuid": str(number)})
    assert sum(running.is_held for running in directory._running.values()) == 20
    directory.forget()
    found = [json.loads(path.read_bytes()) for path in directory.path.iterdir()]
    assert [each["description"] for each in found] == [SHORT] * 50


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_a_full_disk_keeps_no_outcome_back(
    directory: ResultsDirectory, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """What is there already has a place: who it is and how it ended fits in.

    All of it is written when a file can be again.
    """
    directory.write_running(so_far(text))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept, "write_whole", full)
    directory.report_result(last(LONG))
    result = read(directory)
    assert result["status"] == "passed"
    assert "No space left on device" in str(result["parameters"])
    assert directory.lost
    assert directory.results_written == 0
    monkeypatch.undo()
    directory.report_container(model2.TestResultContainer(uuid="2"))
    (directory.path / "2-container.json").unlink()
    assert read(directory)["description"] == LONG
    assert directory.results_written == 1
    assert not directory.lost


def test_a_file_that_cannot_be_made_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RunningFile(str(tmp_path / "no" / "it"), b"{}", str(tmp_path / "no" / "it.tmp"))
    (tmp_path / "it").mkdir()
    with pytest.raises(OSError):
        RunningFile(str(tmp_path / "it"), b"{}", str(tmp_path / "it.tmp"))
    assert [path.name for path in tmp_path.iterdir()] == ["it"]


def test_a_file_that_is_not_held_is_whole_before_it_is_written_over(
    directory: ResultsDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(21):
        directory.write_running({**so_far(), "uuid": str(number)})
    seen: list[dict[str, Any]] = []
    write_over = kept.write_over

    def looking(file: int, data: bytes) -> bool:
        seen.append(json.loads((directory.path / "20-result.json").read_bytes()))
        return write_over(file, data)

    monkeypatch.setattr(kept, "write_over", looking)
    directory.write_running({**so_far(SHORT), "uuid": "20"})
    assert seen == [{**so_far(), "uuid": "20"}]
    directory.forget()


def test_a_last_word_that_cannot_be_said_in_its_place(
    directory: ResultsDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes another file."""
    directory.write_running(so_far())

    def refused(*_: object) -> bool:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(kept, "write_over", refused)
    directory.report_result(last())
    assert read(directory)["status"] == "passed"
