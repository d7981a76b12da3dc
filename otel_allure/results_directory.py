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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any

from allure_commons import hookimpl
from allure_commons.model2 import Globals, Label, Parameter, TestResult, TestResultContainer

from otel_allure import kept
from otel_allure.about_run import may_replace
from otel_allure.problems import Problems
from otel_allure.texts import text_of, type_name


class ResultsDirectory:
    """Writes into a directory of Allure results, which is made when the first file is.

    Args:
        path: the directory.
        problems: told about what cannot be written; nothing is raised.
    """

    def __init__(self, path: str | os.PathLike[str], problems: Problems) -> None:
        self.path = Path(path).absolute()
        self.results_written = 0
        """Number of results that were written here; one that was replaced is one."""
        self._masked: dict[str, int] = {}
        self._masked_before = 0
        self.lost: dict[str, str] = {}
        """What could not be written of late, by file name: why."""
        self.early: set[str] | None = None
        """Names of what is written before `prepare`, where that is still to come."""
        self._problems = problems

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

    def _entries(self) -> list[Path]:
        return [path for path in self.path.iterdir() if not _HARMLESS.fullmatch(path.name)]

    @hookimpl
    def report_result(self, result: TestResult) -> None:
        """Write a test's result."""
        name = result_file_name(result.uuid)
        is_new = not kept.exists(kept.joined(str(self.path), name))
        if self._write_json(name, result):
            self.results_written += is_new

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
            return _as_seen(source)

        with self._problems.caught(f"copying {source} into {self.path}"):
            self._put(file_name, content)

    def amend(self, uuid: str, status: str, message: str | None) -> bool:
        """Give a result that is written another status; return whether there is one."""
        name = result_file_name(uuid)
        path = kept.joined(str(self.path), name)
        if not kept.exists(path):
            return False
        result = json.loads(b"".join(kept.read(path)))
        details = {**result.get("statusDetails", {}), "message": message}
        changed = {**result, "status": status, "statusDetails": details}
        return self._write(name, json.dumps(changed, ensure_ascii=False).encode())

    def discard(self, file_name: str) -> None:
        """Remove a file that turned out to be a part of what another one says."""
        self._masked.pop(file_name, None)
        with (
            self._problems.caught(f"removing files from {self.path}"),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
        ):
            kept.unlink(kept.joined(str(self.path), file_name))
            self.results_written -= file_name.endswith(_RESULT)

    def _write_json(self, file_name: str, item: Any) -> bool:
        with self._problems.caught(f"writing {type(item).__name__} to {self.path}"):
            encode = _indented if os.environ.get("ALLURE_INDENT_OUTPUT") else _compact
            text = self._json(item, encode)
            # A lone surrogate becomes its JSON escape.
            data = text.encode("utf-8", "backslashreplace")
            if self._write(file_name, data):
                self._note_masked(file_name, data)
                return True
        return False

    def _json(self, item: Any, encode: Callable[[Any], str]) -> str:
        try:
            return encode(plain(item))
        except Exception as error:  # a listener has put something odd into it
            self._problems.add(f"writing all of a {type(item).__name__}", error)
            return encode(_bare(item, error))

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

    def _write(self, file_name: str, data: bytes) -> bool:
        with self._problems.caught(f"writing to {self.path}"):
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
                kept.write_whole(path, temporary, content())
            except FileNotFoundError:  # the first file, or somebody removed the directory
                kept.make_directory(directory)
                kept.write_whole(path, temporary, content())
            self.lost.pop(file_name, None)
        except BaseException as error:
            self.lost[file_name] = getattr(error, "strerror", None) or text_of(error)
            if len(self.lost) > _REMEMBERED:
                self.lost.pop(next(iter(self.lost)))
            raise

    def write_about_run(self, file_name: str, text: str) -> None:
        """Write one of the files of `about_run`, unless somebody else has written one."""
        path = kept.joined(str(self.path), file_name)
        with self._problems.caught(f"writing {file_name} to {self.path}"):
            there = b"".join(kept.read(path)) if kept.exists(path) else None
            if there is None or may_replace(file_name, there.decode("utf-8", "replace")):
                self._write(file_name, text.encode("utf-8", "backslashreplace"))


class ForeignFilesError(Exception):
    """A directory that is to be cleaned has something in it that Allure has not written.

    Attributes:
        names: of what is there.
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


_REMEMBERED = 10_000
"""Files of which is known that they are lost, or how much is masked in them: servers write many."""
_RESULT = "-result.json"
_HISTORY = "history"
_HARMLESS = re.compile(r"\.git(ignore|keep|attributes)|\.keep|\.DS_Store|\.nfs.*|lost\+found")
"""What belongs to the directory, not to its content: it is left alone."""
_OURS = re.compile(
    r".+-(result|container|globals|testrun)\.json"
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


def _as_seen(source: str | os.PathLike[str]) -> Iterator[bytes]:
    """Yield a file's content as the test sees it: from a faked file system, if there is one.

    From the real one, where a mock stands in the place of `open`.
    """
    try:
        with open(source, "rb") as file:  # noqa: PTH123 -- whatever `open` is by now
            chunk = file.read(kept.CHUNK)
            if isinstance(chunk, bytes):
                while chunk:
                    yield chunk
                    chunk = file.read(kept.CHUNK)
                return
    except Exception:
        if isinstance(open, BuiltinFunctionType):
            raise
    yield from kept.read(str(source))


_MASKS = re.compile(rb"(?<!\*)\*{4}(?!\*)|__ALLURE_REDACTED__")


def masked_in(data: bytes) -> int:
    """Return how many values are masked in the content of a file."""
    if b"****" not in data and b"__ALLURE_REDACTED__" not in data:
        return 0
    return len(_MASKS.findall(data))


_writes = itertools.count(1)


def _temporary(file_name: str) -> str:
    return f"{file_name}.{os.getpid()}-{next(_writes)}.tmp"


def result_file_name(uuid: str) -> str:
    """Return the name of a result's file."""
    return f"{uuid}{_RESULT}"


def container_file_name(uuid: str) -> str:
    """Return the name of a container's file."""
    return f"{uuid}-container.json"


def attachment_file_name(extension: str) -> str:
    """Return a new name for an attachment's body."""
    return f"{new_uuid()}-attachment.{extension}"


def new_uuid() -> str:
    """Return a random uuid, from the operating system: seeding `random` does not repeat it."""
    digits = kept.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_STRINGS_ONLY = (Label, Parameter)
"""Of these both report tools want name and value as strings, empty ones too."""
_TEXTS = frozenset(
    {
        *("uuid", "name", "fullName", "historyId", "testCaseId", "status", "description"),
        *("descriptionHtml", "message", "trace", "actual", "expected", "source", "type", "url"),
    }
)
"""Fields that are texts, whatever a listener has made of them."""
_BARE_TEXTS = ("uuid", "name", "fullName", "historyId", "testCaseId", "status")


def _bare(item: Any, error: Exception) -> dict[str, Any]:
    """Return what must not be lost of an object that cannot be written as a whole."""
    out: dict[str, Any] = {}
    for name in _BARE_TEXTS:
        value = getattr(item, name, None)
        if value is not None:
            out[name] = text_of(value)
    for name in ("start", "stop"):
        if type(value := getattr(item, name, None)) is int:
            out[name] = value
    if type(children := getattr(item, "children", None)) is list:
        out["children"] = list(map(text_of, children))
    if type(labels := getattr(item, "labels", None)) is list:
        named = [label for label in labels if isinstance(label, Label)]
        out["labels"] = [{"name": text_of(x.name), "value": text_of(x.value)} for x in named]
    message = getattr(getattr(item, "statusDetails", None), "message", None)
    if message is not None:
        out["statusDetails"] = {"message": text_of(message)}
    if isinstance(item, TestResult):
        note = f"all but its outcome: {type_name(error)}: {text_of(error)}"
        out["parameters"] = [{"name": "not shown", "value": note, "excluded": True}]
    return out


def plain(item: Any) -> dict[str, Any]:
    """Return a model2 object as JSON has it: without what is empty, values as strings.

    Both report tools drop labels and parameters whose value is not a string.
    """
    out: dict[str, Any] = {}
    texts = _TEXTS
    for name, value in item.__dict__.items():
        if name in texts and type(value) is not str:
            if value is not None:
                out[name] = text_of(value)
        elif value:
            if type(value) is list:
                items = out[name] = []
                for entry in value:  # no comprehension: it would double the recursion's depth
                    is_item = hasattr(entry, "__attrs_attrs__")
                    items.append(plain(entry) if is_item else text_of(entry))
            else:
                out[name] = plain(value) if hasattr(value, "__attrs_attrs__") else value
        elif value == 0:  # False and the very first millisecond are values, None and "" are not
            out[name] = value
    if type(item) in _STRINGS_ONLY:
        out["name"] = "" if item.name is None else text_of(item.name)
        out["value"] = text_of(item.value)
    return out
