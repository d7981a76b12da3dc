"""Files are written whole or not at all, and what is lost is told."""

from __future__ import annotations

import errno
import os
import shutil
import socket

import pytest

from otel_allure import kept, results_directory
from otel_allure.problems import Problems
from otel_allure.results_directory import ResultsDirectory


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_full_disk(tmp_path, monkeypatch):
    """What does not fit is lost, without a trace but in the summary; then it goes on."""
    problems = Problems(log=False)
    directory = ResultsDirectory(tmp_path, problems)
    replace = os.replace
    full = OSError(errno.ENOSPC, "No space left on device")

    def no_room(source, target):
        raise full

    monkeypatch.setattr(kept._real, "replace", no_room)
    directory.report_attached_data(body="too much", file_name="1-attachment.txt")
    directory.report_attached_file(source=__file__, file_name="2-attachment.py")
    assert names(tmp_path) == []
    assert set(directory.lost) == {"1-attachment.txt", "2-attachment.py"}
    assert "No space left" in "".join(problems.lines())
    monkeypatch.setattr(kept._real, "replace", replace)
    directory.report_attached_data(body="fits", file_name="1-attachment.txt")
    assert names(tmp_path) == ["1-attachment.txt"]
    assert set(directory.lost) == {"2-attachment.py"}


def test_a_limit_of_the_system(run):
    """A test that attaches too much passes; the attachment is not referred to, others are."""
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
    directory = ResultsDirectory(tmp_path, Problems(log=False))
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
