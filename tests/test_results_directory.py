"""Files are written whole or not at all, and what is lost is told."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket

import pytest
from allure_commons import model2

from otel_allure.compat import kept
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.outcome import Outcome
from otel_allure.output import results_directory
from otel_allure.output.report import Report
from otel_allure.output.results_directory import ForeignFilesError, ResultsDirectory
from otel_allure.testing.results import Results
from otel_allure.testing.spans import build_span


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_full_disk(tmp_path, monkeypatch):
    """What does not fit is lost, without a trace but in the summary; then it goes on."""
    diagnostics = Diagnostics(log=False)
    directory = ResultsDirectory(tmp_path, diagnostics)
    replace = os.replace
    full = OSError(errno.ENOSPC, "No space left on device")

    def no_room(source, target):
        raise full

    monkeypatch.setattr(kept._real, "replace", no_room)
    directory.report_attached_data(body="too much", file_name="1-attachment.txt")
    directory.report_attached_file(source=__file__, file_name="2-attachment.py")
    assert names(tmp_path) == []
    assert set(directory.lost) == {"1-attachment.txt", "2-attachment.py"}
    assert "No space left" in "".join(diagnostics.lines())
    monkeypatch.setattr(kept._real, "replace", replace)
    directory.report_attached_data(body="fits", file_name="1-attachment.txt")
    assert names(tmp_path) == ["1-attachment.txt"]
    assert set(directory.lost) == {"2-attachment.py"}


def test_a_limit_of_the_system(run):
    """A test that attaches too much passes; in the attachment's place is a note."""
    done = run(
        """
        import resource
        import signal
        import allure

        def test_one():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
            allure.attach("x" * 200_000, "too much")
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            allure.attach("fits", "enough")
        """,
        plugins=(),
        passed=1,
    )
    (result,) = done.report.results
    assert [a["name"] for a in result["attachments"]] == ["enough"]
    assert [step["name"] for step in result["steps"]] == ["too much (lost: File too large)"]
    assert not [name for name in names(done.report.directory) if name.endswith(".tmp")]
    done.outcome.stdout.fnmatch_lines(["*the report is not complete*", "*File too large*"])


def test_two_writers_share_no_temporary_file():
    assert results_directory._temporary("a") != results_directory._temporary("a")


SOURCES = {
    "directory": IsADirectoryError,
    "missing": FileNotFoundError,
    "dangling": FileNotFoundError,
    "pipe": shutil.SpecialFileError,
    "device": shutil.SpecialFileError,
    "socket": shutil.SpecialFileError,
}


@pytest.mark.parametrize("kind", SOURCES)
def test_what_is_no_file_cannot_be_attached(tmp_path, kind):
    """It is an error at that line, and never waits."""
    path = tmp_path / "source"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "directory":
            path.mkdir()
        elif kind == "dangling":
            path.symlink_to("nowhere")
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "socket":
            os.chdir(tmp_path)
            listener.bind("source")
        with pytest.raises(SOURCES[kind]):
            results_directory.check_regular(path)


def test_files_without_a_size_can_be_attached(tmp_path):
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    directory.report_attached_file(source="/proc/self/status", file_name="1-attachment.txt")
    assert "Pid:" in (tmp_path / "1-attachment.txt").read_text()


def test_attaching_what_is_no_file(run):
    run(
        """
        import os
        import shutil
        import allure
        import pytest

        def test_one(tmp_path):
            os.mkfifo(tmp_path / "pipe")
            for path in (tmp_path / "pipe", "/dev/zero"):
                with pytest.raises(shutil.SpecialFileError, match="Not a regular file"):
                    allure.attach.file(path)
            with pytest.raises(IsADirectoryError):
                allure.attach.file(tmp_path)
        """,
        plugins=(),
        passed=1,
    )


def test_a_note_is_where_an_attachment_is_lost(run, tmp_path):
    """In the step that made it, at the test for what it has printed, and at the run."""
    large = tmp_path / "large.txt"
    large.write_text("large")
    report = run(
        f"""
        import errno
        import allure
        from otel_allure.compat import kept

        write = kept._real.write

        def no_room(file, data):
            if bytes(data).strip() == b"large":
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, data)

        def test_one():
            kept._real.write = no_room
            with allure.step("save"):
                allure.attach("large", "dump")
                allure.attach.file({str(large)!r})
            print("large")
            allure.global_attach("large", "of all")
        """,
        plugins=(),
        passed=1,
    ).report
    (result,) = report.results
    (step,) = result["steps"]
    lost = "(lost: No space left on device)"
    assert [each["name"] for each in step["steps"]] == [f"dump {lost}", f"large.txt {lost}"]
    note = {"name": "not shown", "value": f"stdout {lost}", "excluded": True}
    assert result["parameters"] == [note]
    (of_run,) = report.directory.glob("*-globals.json")
    (error,) = json.loads(of_run.read_text())["errors"]
    assert error["message"] == f"of all {lost}"


def test_a_file_that_vanishes_while_it_is_attached(run):
    """Its place has a note, and the test goes on."""
    report = run(
        """
        import os
        import allure
        from otel_allure.recording import attachments as allure_api

        def test_one(tmp_path, monkeypatch):
            path = tmp_path / "file.txt"
            path.write_text("here")
            check = allure_api.check_regular
            monkeypatch.setattr(allure_api, "check_regular", lambda p: (check(p), os.remove(p)))
            allure.attach.file(path, "report")
        """,
        plugins=(),
        passed=1,
    ).report
    (result,) = report.results
    assert [each["name"] for each in result["steps"]] == [
        "report (lost: No such file or directory)"
    ]
    assert "attachments" not in result


def test_a_note_is_where_what_is_made_of_spans_is_lost(tmp_path, monkeypatch):
    """Nothing refers to a file that is not there."""
    write = kept._real.write

    def no_room(file, data):
        if b"SELECT" in bytes(data) and b'"uuid"' not in bytes(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(kept._real, "write", no_room)
    report = Report(tmp_path)
    sql = {"db.system.name": "sqlite", "db.query.text": "SELECT 1\nFROM a"}
    report.add([build_span("query", 2, 1, kind="client", attributes=sql), build_span("root", 1)])
    report.settle()
    (result,) = Results(tmp_path).results
    (step,) = result["steps"]
    assert "attachments" not in step
    note = "SELECT a.sql (lost: No space left on device)"
    assert {"name": "not shown", "value": note, "excluded": True} in step["parameters"]


def test_cleaning_takes_what_allure_keeps_of_earlier_runs(tmp_path):
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "history-trend.json").write_text("[]")
    (tmp_path / "1-result.json").write_text("{}")
    ResultsDirectory(tmp_path, Diagnostics(log=False)).prepare(clean=True)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("zz-result.json", True),  # also of others, who name them as they like
        ("zz-attachment", True),
        ("zz-result.json.12-3.tmp", True),
        ("notes.txt", False),
        ("zz-result.json/", False),
        ("history/history.json", True),
        ("history/notes.txt", False),
    ],
)
def test_what_is_cleaned(tmp_path, name, is_ours):
    path = tmp_path / "results" / name
    if name.endswith("/"):
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    directory = ResultsDirectory(tmp_path / "results", Diagnostics(log=False))
    if is_ours:
        directory.prepare(clean=True)
    else:
        with pytest.raises(ForeignFilesError) as raised:
            directory.prepare(clean=True)
        assert raised.value.names == [name.split("/")[0]]
    assert path.exists() is not is_ours


def test_a_directory_in_none_that_is_there(tmp_path):
    directory = ResultsDirectory(tmp_path / "some" / "where", Diagnostics(log=False))
    directory.prepare(clean=True)
    assert directory.path.is_dir()


def test_a_result_that_is_not_there_is_not_amended(tmp_path):
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    assert not directory.amend("1", Outcome("broken", "it crashed", "where"))
    directory.report_result(model2.TestResult(uuid="1", name="it \N{SNOWMAN}", status="passed"))
    assert "\N{SNOWMAN}".encode() in (tmp_path / "1-result.json").read_bytes()
    assert directory.amend("1", Outcome("broken", "it crashed", "where"))
    assert directory.amend("1", Outcome("broken", "again"))
    (result,) = Results(tmp_path).results
    assert result["status"] == "broken"
    assert result["statusDetails"] == {"message": "again", "trace": "where"}


def test_what_could_not_be_written_has_a_bound(tmp_path, monkeypatch):
    """The oldest are given up, as a disk that is full for good must not fill the memory."""
    monkeypatch.setattr(results_directory, "_MOST_LATE", 400)
    directory = ResultsDirectory(tmp_path / "results", Diagnostics(log=False))
    directory.path.write_text("a file")
    for number in range(402):
        directory.report_result(model2.TestResult(uuid=f"{number}", name="it", status="passed"))
    directory.path.unlink()
    directory.report_attached_data("body", "it-attachment.txt")
    assert len(names(directory.path)) == 401
    assert directory.results_written == 400
    assert "2-result.json" in names(directory.path)


@pytest.mark.parametrize("durable", [False, True])
def test_the_last_word_of_a_test_is_in_its_place_unless_it_is_durable(tmp_path, durable):
    """To replace a file costs the disk more, and only what is replaced can be made durable."""
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    directory.durable = durable
    directory.write_running({"uuid": "1", "status": "broken"})
    path = tmp_path / "1-result.json"
    with path.open("rb") as before:
        directory.report_result(model2.TestResult(uuid="1", name="it", status="passed"))
        with path.open("rb") as after:
            assert os.path.sameopenfile(before.fileno(), after.fileno()) is not durable
    (result,) = Results(tmp_path).results
    assert result["status"] == "passed"


def test_a_fork_has_written_nothing(tmp_path):
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    directory.report_result(model2.TestResult(uuid="1", name="****", status="passed"))
    assert (directory.results_written, directory.masked) == (1, 1)
    directory.forget()
    assert (directory.results_written, directory.masked) == (0, 0)


def test_masked_values_are_counted_once(tmp_path, monkeypatch):
    """Also of more files than are remembered, and of one that is written again."""
    monkeypatch.setattr(results_directory, "_REMEMBERED", 3)
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    for number in range(5):
        directory.report_attached_data(f"**** and {number * '**** '}", f"{number}-attachment.txt")
        assert directory.masked == sum(range(1, number + 2))
    directory.report_attached_data("nothing", "4-attachment.txt")
    assert directory.masked == 1 + 2 + 3 + 4


def test_what_is_lost_is_not_remembered_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(results_directory, "_REMEMBERED", 3)
    (tmp_path / "results").write_text("a file")
    directory = ResultsDirectory(tmp_path / "results", Diagnostics(log=False))
    for number in range(5):
        directory.report_attached_data("body", f"{number}-attachment.txt")
    assert list(directory.lost) == [f"{number}-attachment.txt" for number in (2, 3, 4)]


@pytest.mark.parametrize("indented", ["", "1"])
def test_no_number_that_json_has_not(tmp_path, monkeypatch, indented):
    """A listener may put anything into a result."""
    monkeypatch.setenv("ALLURE_INDENT_OUTPUT", indented)
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    result = model2.TestResult(uuid="1", name="it", status="passed", start=float("nan"))
    directory.report_result(result)

    def refuse(constant):
        raise AssertionError(constant)

    text = (tmp_path / "1-result.json").read_text("utf-8")
    assert json.loads(text, parse_constant=refuse)["status"] == "passed"
