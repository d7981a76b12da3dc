"""Tests that replace parts of the world: what we write is whole, and what they see is attached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from allure_commons import model2

from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.outcome import Outcome
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.output.run_files import MARK
from otel_allure.testing.results import Results

pytestmark = pytest.mark.usefixtures("only_steps")


def contents(done):
    """The attachments of each test, by name."""

    def attachments(item):
        yield from item.get("attachments", ())
        for each in item.get("steps", ()):
            yield from attachments(each)

    return {
        result["name"]: {a["name"]: done.report.body(a) for a in attachments(result)}
        for result in done.report.results
    }


def test_faked_file_system(run):
    """Attachments are real files; those of faked files have what the test sees."""
    done = run(
        """
        import allure
        import pytest

        def test_attach(fs):
            fs.create_file("/data/a.txt", contents="faked")
            with allure.step("read"):
                allure.attach("text", "of the step")
            allure.attach.file("/data/a.txt", "faked file")

        def test_missing(fs):
            with pytest.raises(FileNotFoundError):
                allure.attach.file("/data/a.txt", "faked file")

        class TestWide:
            @pytest.fixture(autouse=True)
            def faked(self, fs_module):
                pass

            def test_wide(self):
                allure.attach("text", "wide")

        def test_last():
            allure.attach("text", "last")
        """,
        plugins=("pyfakefs.pytest_plugin",),
        passed=4,
    )
    done.outcome.stdout.no_fnmatch_line("*not complete*")
    assert contents(done) == {
        "test_attach": {"of the step": "text", "faked file": "faked"},
        "test_missing": {},
        "test_wide": {"wide": "text"},
        "test_last": {"last": "text"},
    }


REPLACED = [
    "builtins.hasattr",
    "builtins.open",
    "os.getpid",
    "os.open",
    "os.write",
    "os.replace",
    "os.rename",
    "os.mkdir",
    "os.makedirs",
    "os.stat",
    "os.path.join",
    "os.path.exists",
    "os.listdir",
    "os.unlink",
    "shutil.copyfile",
    "pathlib.Path.open",
    "pathlib.Path.mkdir",
    "pathlib.Path.replace",
    "tempfile.mkdtemp",
    "json.dumps",
    "json.loads",
    "uuid.uuid4",
    "time.time",
    "time.time_ns",
    "time.perf_counter_ns",
    "logging.getLogger",
    "threading.Lock",
]


@pytest.mark.parametrize("how", ["raises", "returns a mock"])
def test_mocks(run, pytester, how):
    """In the place of functions that write files, make names or tell the time."""
    Path(pytester.path, "real.txt").write_text("real", "utf-8")
    mocked = "side_effect=OSError('mocked')" if how == "raises" else "return_value=MagicMock()"
    done = run(
        f"""
        import allure
        import pytest
        from unittest.mock import MagicMock, patch

        @pytest.mark.parametrize("name", {REPLACED})
        def test_replaced(name):
            mock = MagicMock({mocked})
            with patch(name, mock):
                with allure.step("step"):
                    allure.attach("text", "of the step")
                allure.attach(b"bytes", "bytes")
                if name not in ("builtins.open", "pathlib.Path.open"):
                    allure.attach.file("real.txt", "file")
        """,
        plugins=(),
        passed=len(REPLACED),
    )
    done.outcome.stdout.no_fnmatch_line("*not complete*")
    assert len(done.report.results) == len(REPLACED)
    for name, attached in contents(done).items():
        expected = {"of the step": "text", "bytes": "bytes", "file": "real"}
        if ".open]" in name and "os.open" not in name:
            del expected["file"]
        assert attached == expected, name


def test_names_of_files_are_never_the_same(run):
    """Whatever random numbers the test gets."""
    done = run(
        """
        import allure
        import os
        import random
        import uuid

        def test_constant(monkeypatch):
            monkeypatch.setattr(os, "urandom", lambda size: bytes(size))
            monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0))
            random.seed(1)
            for n in range(3):
                allure.attach(str(n), f"number {n}")
        """,
        plugins=(),
        passed=1,
    )
    assert contents(done)["test_constant"] == {f"number {n}": str(n) for n in range(3)}


def test_directory_that_cannot_be_made_and_file_that_is_not_whole(tmp_path, monkeypatch):
    """Nothing of a file that could not be written is left."""
    from otel_allure.compat import kept
    from otel_allure.model.diagnostics import Diagnostics
    from otel_allure.output.results_directory import ResultsDirectory

    diagnostics = Diagnostics()
    directory = ResultsDirectory(tmp_path / "a" / "b", diagnostics)
    directory.report_attached_data("text", "first.txt")
    assert (tmp_path / "a" / "b" / "first.txt").read_text("utf-8") == "text"

    def full(file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept._real, "write", full)
    directory.report_attached_data("text", "second.txt")
    assert [path.name for path in directory.path.iterdir()] == ["first.txt"]
    assert len(diagnostics.lines()) == 1


FORKS = """
    import os
    import tempfile
    import allure
    import pytest

    @pytest.fixture
    def mocked(monkeypatch):
        def no(*_, **__):
            raise AssertionError("asked for by us")

        for module, name in [
            (os, "write"), (os, "listdir"), (os, "rename"), (os, "replace"), (os, "lseek"),
            (os, "unlink"), (os.path, "exists"), (tempfile, "mkstemp"),
        ]:
            monkeypatch.setattr(module, name, no)

    def test_forks({fixture}):
        pid = os.fork()
        if not pid:
            with allure.step("in the child"):
                allure.attach("text", "of the child")
            os._exit(0)
        os.waitpid(pid, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize("fixture", ["fs", "mocked"])
def test_children_in_a_faked_world(run, fixture):
    """What they do comes home."""
    done = run(FORKS.format(fixture=fixture), plugins=("pyfakefs.pytest_plugin",), passed=1)
    (result,) = done.report.results
    (step,) = result["steps"]
    assert step["name"] == "in the child"
    assert contents(done) == {"test_forks": {"of the child": "text"}}


def test_the_directory_in_a_faked_world(tmp_path, monkeypatch):
    """What is written is found again: to be changed, replaced or removed."""
    directory = ResultsDirectory(tmp_path, Diagnostics(log=False))
    directory.report_result(model2.TestResult(uuid="1", name="one", status="passed"))
    directory.write_run_files("environment.properties", f"{MARK}\na = b")

    def no(*_, **__):
        raise AssertionError("asked for by us")

    with monkeypatch.context() as mocks:
        for name in ("exists", "read_bytes", "read_text", "unlink"):
            mocks.setattr(Path, name, no)
        assert directory.amend("1", Outcome("broken", "crashed"))
        assert not directory.amend("2", Outcome("broken", "crashed"))
        directory.write_run_files("environment.properties", f"{MARK}\na = c")
        directory.report_attached_data(body="text", file_name="3-attachment.txt")
        directory.discard("3-attachment.txt")
        directory.discard("4-attachment.txt")
    (result,) = Results(tmp_path).results
    assert (result["name"], result["status"]) == ("one", "broken")
    assert (tmp_path / "environment.properties").read_text().endswith("a = c")
    assert not list(tmp_path.glob("*-attachment.txt"))
