"""The way out: allure_commons.model2 objects -> files, each one written whole or not at all.

It takes the `report_*` hooks of allure_commons, so it can be registered as one of its listeners.
A result that is reported again, because more of its trace arrived, replaces its file.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allure_commons import hookimpl

from otel_allure.compat import kept
from otel_allure.model import conventions as c
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.outcome import Outcome
from otel_allure.model.texts import text_of
from otel_allure.output.allure_json import (
    as_seen,
    container_file_name,
    masked_in,
    new_uuid,
    result_file_name,
)
from otel_allure.output.run_files import may_replace, with_what_was_there
from otel_allure.output.running_file import RunningFile
from otel_allure.output.tally import Tally

if TYPE_CHECKING:
    from allure_commons.model2 import Globals, TestResult, TestResultContainer


class ResultsDirectory:
    """Writes into a directory of Allure results, which is made when the first file is.

    Args:
        path: the directory.
        diagnostics: told about what cannot be written; nothing is raised.
    """

    def __init__(self, path: str | os.PathLike[str], diagnostics: Diagnostics) -> None:
        self.path = Path(path).absolute()
        self.results_written = 0
        """Number of results that were written here; one that was replaced is one."""
        self.tally: Tally | None = None
        """Which results were written, where that is asked for."""
        self._masked: dict[str, int] = {}
        self._masked_before = 0
        self.durable = False
        """Whether each file is on the disk when it has been written, should the power fail."""
        self._late: dict[str, tuple[bytes, Any]] = {}
        self.lost: dict[str, str] = {}
        """What could not be written of late, by file name: why."""
        self.early: set[str] | None = None
        """Names of what is written before `prepare`, where that is still to come."""
        self._running: dict[str, RunningFile] = {}
        self._diagnostics = diagnostics
        self.note_written = os.environ.get(c.WRITTEN)
        """Path of a file that takes the paths of what is written."""

    def prepare(self, *, clean: bool) -> None:
        """Make the directory, so that a run without results leaves an empty one.

        Args:
            clean: whether to remove what earlier runs have written there, and nothing else. The
                directory itself stays, as it may be a mount point; symbolic links are not followed.

        Raises:
            ForeignFilesError: if it is to be cleaned and has something else in it. Nothing is
                removed then.
            OSError: if it cannot be made, written to or cleaned.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        probe = self.path / _temporary("probe")
        probe.write_bytes(b"")
        probe.unlink()
        early, self.early = self.early or set(), None
        if not clean:
            return
        found = [path for path in self._entries() if path.name not in early]
        foreign = sorted(path.name for path in found if not _is_ours(path))
        if foreign:
            raise ForeignFilesError(foreign)
        for path in found:
            if path.name == _HISTORY and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def has_results(self) -> bool:
        """Whether there are results of tests in it, this run's or others'."""
        try:
            return any(name.endswith(c.RESULT) for name in kept.names_in(str(self.path)))
        except OSError:
            return False

    def _entries(self) -> list[Path]:
        return [path for path in self.path.iterdir() if not _HARMLESS.fullmatch(path.name)]

    @hookimpl
    def report_result(self, result: TestResult) -> None:
        """Write a test's result."""
        name = result_file_name(result.uuid)
        is_new = self._is_new(name)
        if self._write_json(name, result):
            self._note_result(name, result.__dict__, is_new=is_new)

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write a test's result that is as its JSON has it, for which no listener waits."""
        name = result_file_name(result["uuid"])
        is_new = self._is_new(name)
        with self._diagnostics.caught(f"writing TestResult to {self.path}"):
            data = _encoder()(result).encode("utf-8", "backslashreplace")
            if self._write_text(name, data, lambda: _result_of(result)):
                self._note_result(name, result, is_new=is_new)

    def _is_new(self, file_name: str) -> bool:
        if file_name in self._running:
            return True
        return not kept.exists(kept.joined(str(self.path), file_name))

    def _note_result(
        self, file_name: str, result: Mapping[str, Any], *, is_new: bool = True
    ) -> None:
        self.results_written += is_new
        if self.tally is not None:
            self.tally.note(file_name, result)

    @hookimpl
    def report_container(self, container: TestResultContainer) -> None:
        """Write fixtures and the tests that used them."""
        self._write_json(container_file_name(container.uuid), container)

    @hookimpl
    def report_globals(self, globals_item: Globals) -> None:
        """Write what belongs to the run, not to a test."""
        self._write_json(f"{new_uuid()}-globals.json", globals_item)

    @hookimpl
    def report_attached_data(self, body: str | bytes, file_name: str) -> None:
        """Write an attachment's body."""
        data = body.encode("utf-8", "backslashreplace") if isinstance(body, str) else bytes(body)
        if self._write(file_name, data) and isinstance(body, str):
            self._note_masked(file_name, data)

    @hookimpl
    def report_attached_file(self, source: str | os.PathLike[str], file_name: str) -> None:
        """Copy a file as an attachment's body."""

        def content() -> Iterable[bytes]:
            check_regular(source)
            return as_seen(source)

        with self._diagnostics.caught(f"copying {source} into {self.path}"):
            self._put(file_name, content)

    def amend(self, uuid: str, outcome: Outcome) -> bool:
        """Give a result that is written another outcome; return whether there is one.

        The trace that it has stays, if the outcome has none, and is below one that it has.
        """
        name = result_file_name(uuid)
        path = kept.joined(str(self.path), name)
        if not kept.exists(path):
            return False
        result = json.loads(b"".join(kept.read(path)))
        details = {**result.get("statusDetails", {}), "message": outcome.message}
        if traces := [trace for trace in (outcome.trace, details.get("trace")) if trace]:
            details["trace"] = "\n\n".join(traces)
        changed = {**result, "status": outcome.status, "statusDetails": details}
        return self._write(name, json.dumps(changed, ensure_ascii=False).encode())

    def discard(self, file_name: str) -> None:
        """Remove a file that turned out to be a part of what another one says."""
        self._masked.pop(file_name, None)
        self._late.pop(file_name, None)
        with (
            self._diagnostics.caught(f"removing files from {self.path}"),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
        ):
            kept.unlink(kept.joined(str(self.path), file_name))
            self.results_written -= file_name.endswith(c.RESULT)
            if self.tally is not None:
                self.tally.discard(file_name)

    def _write_json(self, file_name: str, item: Any) -> bool:
        with self._diagnostics.caught(f"writing {type(item).__name__} to {self.path}"):
            text = self._json(item, _encoder())
            # A lone surrogate becomes its JSON escape.
            data = text.encode("utf-8", "backslashreplace")
            return self._write_text(file_name, data, lambda: item)
        return False

    def _write_text(self, file_name: str, data: bytes, item: Callable[[], Any]) -> bool:
        """Write what `item` returns, as its JSON has it."""
        running = self._running.pop(file_name, None)
        if running is None:
            is_written = self._write(file_name, data)
        else:
            is_written = self._write_last(running, file_name, data, item)
        if is_written:
            self._note_masked(file_name, data)
            return True
        self._late[file_name] = data, item()
        if len(self._late) > _MOST_LATE:
            self._late.pop(next(iter(self._late)))
        return False

    def _write_late(self) -> None:
        """Write what could not be written before, now that something could."""
        waiting, self._late = self._late, {}
        for file_name, (data, item) in waiting.items():
            if self._late or not self._write(file_name, data):
                self._late[file_name] = data, item
            elif file_name.endswith(c.RESULT):
                self._note_masked(file_name, data)
                self._note_result(file_name, item.__dict__)

    # -- results of tests that run

    def write_running(self, result: Mapping[str, Any]) -> None:
        """Write what the result of a test that runs would be if the process ended now.

        `report_result` has the last word; until then nobody else is told of it, and nothing
        counts it.

        Args:
            result: as its JSON has it.

        Raises:
            OSError: if it cannot be written.
        """
        name = result_file_name(result["uuid"])
        path = kept.joined(str(self.path), name)
        data = _compact(result).encode("utf-8", "backslashreplace")
        temporary = kept.joined(str(self.path), _temporary(name))
        running = self._running.get(name)
        if running is not None:
            running.write(data, temporary)
            return
        held = len(self._running) < _HELD
        try:
            running = RunningFile(path, data, temporary, held=held)
        except FileNotFoundError:  # the first file, or somebody removed the directory
            kept.make_directory(str(self.path))
            running = RunningFile(path, data, temporary, held=held)
        self._running[name] = running
        if self.note_written:
            self._told(path)

    def _write_last(
        self, running: RunningFile, file_name: str, data: bytes, item: Callable[[], Any]
    ) -> bool:
        """Write the last word about a test; if there is no place for all, then what matters."""
        if not self.durable and running.end(data):
            self._told(running.path)
            return True
        if self._write(file_name, data):
            running.close()
            return True
        from otel_allure.output.to_json import bare

        lost = OSError(self.lost.get(file_name))
        text = _compact(bare(item(), lost))
        running.end(text.encode("utf-8", "backslashreplace"), nowhere_else=True)
        return False

    def _json(self, item: Any, encode: Callable[[Any], str]) -> str:
        from otel_allure.output.to_json import bare, plain

        try:
            return encode(plain(item))
        except Exception as error:  # a listener has put something odd into it
            self._diagnostics.add(f"writing all of a {type(item).__name__}", error)
            return encode(bare(item, error))

    def _note_masked(self, file_name: str, data: bytes) -> None:
        self._masked.pop(file_name, None)
        count = masked_in(data)
        if count:
            self._masked[file_name] = count
            if len(self._masked) > _REMEMBERED:  # it is not going to be replaced any more
                self._masked_before += self._masked.pop(next(iter(self._masked)))

    @property
    def masked(self) -> int:
        """Number of masked values in the files."""
        return self._masked_before + sum(self._masked.values())

    def forget(self) -> None:
        """Drop what is known of files, as a forked child does: they are its parent's."""
        self.results_written = self._masked_before = 0
        self._masked.clear()
        self._late.clear()
        for running in self._running.values():
            running.close()
        self._running.clear()

    def _write(self, file_name: str, data: bytes) -> bool:
        with self._diagnostics.caught(f"writing to {self.path}"):
            self._put(file_name, lambda: (data,))
            return True
        return False

    def _put(self, file_name: str, content: Callable[[], Iterable[bytes]]) -> None:
        """Write a file; it is there as a whole afterwards, or nothing is."""
        if self.early is not None:
            self.early.add(file_name)
        directory = str(self.path)
        path = kept.joined(directory, file_name)
        temporary = kept.joined(directory, _temporary(file_name))
        try:
            try:
                kept.write_whole(path, temporary, content(), durable=self.durable)
            except FileNotFoundError:  # the first file, or somebody removed the directory
                kept.make_directory(directory)
                kept.write_whole(path, temporary, content(), durable=self.durable)
            self.lost.pop(file_name, None)
            self._late.pop(file_name, None)
            self._told(path)
        except BaseException as error:
            self.lost[file_name] = getattr(error, "strerror", None) or text_of(error)
            if len(self.lost) > _REMEMBERED:
                self.lost.pop(next(iter(self.lost)))
            raise
        if self._late:
            self._write_late()

    def _told(self, path: str) -> None:
        """Tell whoever wants to know which files were written."""
        if self.note_written:
            with contextlib.suppress(OSError):  # who wanted to may be over
                kept.append(self.note_written, os.fsencode(f"{path}\n"))

    def write_run_files(self, file_name: str, text: str) -> None:
        """Write one of the files of `run_files`, unless somebody else has written one."""
        path = kept.joined(str(self.path), file_name)
        with self._diagnostics.caught(f"writing {file_name} to {self.path}"), self.locked():
            there = (
                b"".join(kept.read(path)).decode("utf-8", "replace") if kept.exists(path) else ""
            )
            if not there or may_replace(file_name, there):
                text = with_what_was_there(file_name, text, there)
                self._write(file_name, text.encode("utf-8", "backslashreplace"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep reports of other processes from changing files here meanwhile.

        Where that cannot be had, or somebody takes longer than a write can, it is done without.
        """
        try:
            kept.make_directory(str(self.path))
            file = kept.open_to_read(str(self.path))
        except OSError:  # Windows cannot open directories
            yield
            return
        try:
            for _ in range(_PATIENCE):
                if kept.lock(file):
                    break
                time.sleep(_PAUSE)
            yield
        finally:
            kept.close(file)


class ForeignFilesError(Exception):
    """A directory that is to be cleaned has something in it that Allure has not written.

    Attributes:
        names: of what is there.
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


_MOST_LATE = 1_000
"""So many results and containers wait until files can be written again."""
_REMEMBERED = 10_000
"""Files of which is known that they are lost, or how much is masked in them: servers write many."""
_HELD = 20
"""So many files of running tests are held open; code under test needs the numbers, too."""
_PAUSE = 0.002  # seconds
_PATIENCE = 500
"""So many pauses, one second in all."""
_HISTORY = "history"
_HARMLESS = re.compile(r"\.git(ignore|keep|attributes)|\.keep|\.DS_Store|\.nfs.*|lost\+found")
"""What belongs to the directory, not to its content: it is left alone."""
_OURS = re.compile(
    r".+-(result|container|globals|perf|testrun)\.json"
    r"|.+-attachment(\..*)?|.+-testsuite\.(json|xml)|.+\.[0-9]+(-[0-9]+)?\.tmp"
    r"|categories\.json|executor\.json|environment\.(properties|xml)|history\.jsonl"
)
_IN_HISTORY = re.compile(r"(history|(categories|duration|history|retry)(-trend)?)\.json")


def _is_ours(path: Path) -> bool:
    """Whether a writer of Allure results has made it, or Allure itself."""
    if path.name == _HISTORY:
        known = path.is_dir() and all(_IN_HISTORY.fullmatch(p.name) for p in path.iterdir())
        return path.is_symlink() or known
    is_file = path.is_symlink() or not path.is_dir()
    return is_file and _OURS.fullmatch(path.name) is not None


def is_file_of_results(path: Path) -> bool:
    """Whether a file is one that a directory of results has, by its name."""
    is_temporary = path.name.endswith(".tmp")
    return not is_temporary and path.is_file() and _OURS.fullmatch(path.name) is not None


def check_regular(source: str | os.PathLike[str]) -> None:
    """Raise what is wrong with a file that is to be copied.

    A pipe may never have anything in it, and a device may never end.

    Raises:
        OSError: as `open` does, and for what is neither a file nor a directory.
    """
    try:
        mode = os.stat(source).st_mode  # noqa: PTH116
        is_special = not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    except Exception:  # it is missing, or something stands in the place of `os.stat`
        is_special = False
    if is_special:
        raise shutil.SpecialFileError(errno.EINVAL, "Not a regular file", os.fspath(source))
    with open(source, "rb"):  # noqa: PTH123
        pass


_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=text_of).encode
_indented = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=text_of, indent=4).encode


def _result_of(told: Mapping[str, Any]) -> TestResult:
    from allure_commons.model2 import TestResult

    from otel_allure.output.from_json import item_of

    return item_of(TestResult, dict(told))


def _encoder() -> Callable[[Any], str]:
    return _indented if os.environ.get("ALLURE_INDENT_OUTPUT") else _compact


_writes = itertools.count(1)


def _temporary(file_name: str) -> str:
    return f"{file_name}.{kept.process_id()}-{next(_writes)}.tmp"
