"""Disks that fail while tests run: what was written stays, and writing goes on when it can."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from otel_allure.compat import kept
from otel_allure.model.settings import Settings
from otel_allure.output.report import Report

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")

SOURCE = """
    import contextlib
    import os
    import resource
    import shutil

    import allure
    import pytest

    R = os.path.abspath("results")

    @contextlib.contextmanager
    def limited(what, value):
        soft, hard = resource.getrlimit(what)
        resource.setrlimit(what, (value, hard))
        try:
            yield
        finally:
            resource.setrlimit(what, (soft, hard))

    @contextlib.contextmanager
    def no_more_files():
        held = []
        with limited(resource.RLIMIT_NOFILE, 64), contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                while True:
                    stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
            yield

    def quota():
        return limited(resource.RLIMIT_FSIZE, 20)

    @contextlib.contextmanager
    def moved_away():
        os.rename(R, R + "-away")
        yield
        for name in set(os.listdir(R + "-away")).difference(os.listdir(R)):
            os.rename(os.path.join(R + "-away", name), os.path.join(R, name))
        shutil.rmtree(R + "-away")

    @contextlib.contextmanager
    def a_file_in_its_place():
        os.rename(R, R + "-away")
        open(R, "w").close()
        yield
        os.unlink(R)
        os.rename(R + "-away", R)

    @contextlib.contextmanager
    def read_only():
        user = os.geteuid()
        os.chmod(R, 0o555)
        if user == 0:  # who may do everything
            os.seteuid(65534)
        yield
        os.seteuid(user)
        os.chmod(R, 0o755)

    FAULTS = [no_more_files, quota, moved_away, a_file_in_its_place, read_only]
    within = []

    @pytest.fixture
    def after_the_test():
        within.append(contextlib.ExitStack())
        return within[0]

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
    @pytest.mark.parametrize("length", [1, 6000], ids=["short", "long"])
    def test_in_a_step(fault, length):
        with allure.step("before"):
            allure.attach("x" * 100, "note")
        with fault(), allure.step("within " + "y" * length):
            allure.attach("x" * 100, "note")
        with allure.step("after"):
            allure.attach("x" * 100, "note")

    OTHERS = [fault for fault in FAULTS if fault is not quota]  # pytest itself writes to a file

    @pytest.mark.parametrize("fault", OTHERS, ids=lambda fault: fault.__name__)
    @pytest.mark.parametrize("length", [1, 6000], ids=["short", "long"])
    def test_to_its_end(fault, length, after_the_test):
        with allure.step("before " + "y" * length):
            allure.attach("x" * 100, "note")
        after_the_test.enter_context(fault())
        with allure.step("within"):
            pass

    @pytest.mark.parametrize("extension", ["y" * 300, "a\\0b", "\\udcff", "/../z"], ids=[*"abcd"])
    def test_names_that_are_refused(extension):
        allure.attach("x" * 100, "note", extension=extension)

    def test_last():
        allure.attach("x" * 100, "note")
"""
CONFTEST = """
    import sys
    import pytest

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(item):
        try:
            return (yield)
        finally:
            for stack in item.module.within:
                stack.close()
            item.module.within.clear()
"""
TESTS = 2 * 5 + 2 * 4 + 4 + 1


def test_writing_goes_on_when_it_can(run: Callable[..., Any], pytester: pytest.Pytester) -> None:
    """Each test is there with its outcome and all steps; what is lost has a note, and is told."""
    pytester.makeconftest(CONFTEST)
    finished = run(SOURCE, plugins=(), passed=TESTS)
    results = finished.report.results
    assert len(results) == TESTS
    assert {result["status"] for result in results} == {"passed"}
    for result in results:
        for step in result.get("steps", ()):
            for attachment in step.get("attachments", ()):
                assert len(finished.report.body(attachment)) == 100
    for result in results:
        if result["fullName"].endswith("#test_names_that_are_refused"):
            found = [a["name"] for a in result.get("attachments", ())]
            assert found + [s["name"] for s in result.get("steps", ())] == ["note"]
    in_a_step = [r for r in results if r["fullName"].endswith("#test_in_a_step")]
    assert [[s["name"].split()[0] for s in r["steps"]] for r in in_a_step] == [
        ["before", "within", "after"]
    ] * len(in_a_step)
    assert not list(finished.report.directory.glob("*.tmp"))
    finished.outcome.stdout.fnmatch_lines(["writing to */results: OSError:*more)"])


# -- the power fails


def synced(path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[str]:
    """Write a test's result and an attachment; return what was synced and renamed, in order."""
    order: list[str] = []
    fsync, replace = kept._real.fsync, kept._real.replace

    def sync(file: int) -> None:
        order.append("sync " + Path(f"/proc/self/fd/{file}").readlink().name.split(".")[0])
        fsync(file)

    def rename(source: str, target: str) -> None:
        order.append("rename " + Path(target).name.split(".")[0])
        replace(source, target)

    monkeypatch.setattr(kept._real, "fsync", sync)
    monkeypatch.setattr(kept._real, "replace", rename)
    report = Report(path / "results", settings=Settings(**settings))
    report.directory.report_attached_data("body", "1-attachment.txt")
    return order


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux")
def test_what_is_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is on the disk before the name is, and the name before we go on."""
    assert synced(tmp_path, monkeypatch, fsync=True) == [
        "sync 1-attachment",
        "rename 1-attachment",
        "sync results",
    ]
    assert synced(tmp_path, monkeypatch) == ["rename 1-attachment"]
