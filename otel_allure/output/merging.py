"""Directories of results -> one: of several machines or shards.

Names of files follow from the ids of spans, so the same result is the same file. Where several are
parts below one span, of one trace, their names are numbered; each directory has begun at 0.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from allure_commons.model2 import TestResult

from otel_allure.model.conventions import RESULT
from otel_allure.output.allure_json import result_file_name
from otel_allure.output.from_json import item_of
from otel_allure.output.joining import join_parts, part_of
from otel_allure.output.results_directory import ResultsDirectory, is_file_of_results
from otel_allure.output.to_json import plain
from otel_allure.translation.attributes import BELONGS_TO
from otel_allure.translation.identity import part_uuid

_SPAN, _BELOW, _TRACE = "otel.span", "otel.below", "trace_id"
_CONTAINER = "-container.json"
_ITEMS = (RESULT, _CONTAINER, "-globals.json")
"""Files whose content is known; the others are copied whatever is in them."""
NO_TIME = "Span {}, but no step has this time: clocks may differ"
OnProblem = Callable[[str, str, object], object]
"""Told which file, where in it, and what is wrong with it."""


def results_in(paths: Iterable[Path]) -> list[Path]:
    """Return those of some files that are results, and what belongs to these, by their names."""
    paths = list(paths)
    folders = {path.parent for path in paths if path.name.endswith(RESULT)}
    return [path for path in paths if path.parent in folders and is_file_of_results(path)]


def merge_results(paths: Iterable[Path], directory: ResultsDirectory, on_problem: OnProblem) -> int:
    """Copy results into a directory and join parts of one trace; return how many results came.

    What is there already stays, where it is not less than what comes.

    Args:
        paths: of results, and of what belongs to them.
        directory: where they go.
        on_problem: told of files that are left out, as they cannot be read.

    Raises:
        OSError: if a file cannot be written.
    """
    number = 0
    with directory.locked():
        for path in paths:
            try:
                item = _read(path) if path.name.endswith(_ITEMS) else {}
                path.open("rb").close()
            except (OSError, ValueError) as error:
                on_problem(str(path), "", error)
                continue
            number += path.name.endswith(RESULT)
            _copy(path, item, directory.path)
        for name in sorted(each.name for each in directory.path.glob(f"*{RESULT}")):
            join_parts(directory, name)
    return number


def put_into_tests(directory: ResultsDirectory) -> int:
    """Put what programs did in a test's trace into the test's result; return how many parts.

    Results of tests say which trace they are, not which span each step is. So a part is put where
    its time is: below the innermost step that alone contains it, of the test or its fixtures.
    """
    with directory.locked():
        tests, parts = _tests_and_parts(directory.path)
        containers = _containers_of(tests, directory.path) if parts else {}
        changed: dict[Path, dict[str, Any]] = {}
        for path, trace_id in parts.items():
            its = tests[trace_id]
            files = [*its, *(file for _, test in its for file in containers[str(test.get("uuid"))])]
            place = _put(_read(path), files)
            changed[place[0]] = place[1]
        for path, item in changed.items():
            path.write_text(json.dumps(item, ensure_ascii=False), "utf-8")
        for path in parts:
            path.unlink()
    return len(parts)


_File = tuple[Path, dict[str, Any]]


def _tests_and_parts(folder: Path) -> tuple[dict[str, list[_File]], dict[Path, str]]:
    """Return the results of tests by their traces, and which results are parts of which trace."""
    tests: dict[str, list[_File]] = {}
    parts: dict[Path, str] = {}
    for path, result in _items_in(folder, RESULT):
        labels = _each(result, "labels")
        traces = [str(its.get("value")) for its in labels if its.get("name") == _TRACE]
        for trace_id in traces:
            tests.setdefault(trace_id, []).append((path, result))
        if not traces and _told(result, _SPAN) is not None:
            parts[path] = str(_told(result, _TRACE))
    return tests, {path: trace_id for path, trace_id in parts.items() if trace_id in tests}


def _containers_of(tests: dict[str, list[_File]], folder: Path) -> dict[str, list[_File]]:
    """Return the containers of tests by the uuids of these."""
    found: dict[str, list[_File]] = {
        str(test.get("uuid")): [] for its in tests.values() for _, test in its
    }
    for file in _items_in(folder, _CONTAINER):
        children = file[1].get("children")
        for child in children if isinstance(children, list) else ():
            if str(child) in found:
                found[str(child)].append(file)
    return found


def missing_attachments(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the results and containers that name files which are not there, each with the names."""
    there = set(os.listdir(folder))  # noqa: PTH208 - names, of all at once
    for kind in _ITEMS:
        for path, item in _items_in(folder, kind):
            its = [item, *_steps(item)]
            for each in (*_each(item, "befores"), *_each(item, "afters")):
                its += [each, *_steps(each)]
            named = [attached for each in its for attached in _each(each, "attachments")]
            names = [str(a.get("name")) for a in named if a.get("source") not in there]
            if names:
                yield path, names


def _put(part: dict[str, Any], files: list[_File]) -> _File:
    """Put a part into a test or a fixture that contains it, else the first; return the file."""
    step = plain(part_of(item_of(TestResult, part)).step)
    places = ((file, item) for file in files for item in _timed(file[1]))
    file, item = next((p for p in places if _contains(p[1], step)), (files[0], None))
    if item is None:
        item = file[1]
        value = NO_TIME.format(_told(part, _BELOW))
        note = {"name": BELONGS_TO, "value": value, "excluded": True}
        step["parameters"] = [*_each(step, "parameters"), note]
    if any(_told(each, _SPAN) == _told(step, _SPAN) for each in _steps(item)):
        return file  # it was put there before
    while len(inside := [s for s in _each(item, "steps") if _contains(s, step)]) == 1:
        item = inside[0]
    item["steps"] = sorted([*_each(item, "steps"), step], key=lambda each: _time(each, "start"))
    return file


def _timed(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a test, or the fixtures of a container."""
    return [*_each(item, "befores"), *_each(item, "afters")] if "children" in item else [item]


def _contains(item: dict[str, Any], step: dict[str, Any]) -> bool:
    is_later = _time(item, "start") <= _time(step, "start")
    return is_later and _time(step, "stop") <= _time(item, "stop")


def _steps(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    todo = [item]
    while todo:
        its = _each(todo.pop(), "steps")
        yield from its
        todo += its


def _copy(path: Path, part: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    place = _place(part) if path.name.endswith(RESULT) else None
    if place is not None:
        for each in count():
            part["uuid"] = part_uuid(*place, each)
            target = folder / result_file_name(part["uuid"])
            known = _item(target)
            if known is None or _told(known, _SPAN) == _told(part, _SPAN):
                break
        target.write_text(json.dumps(part, ensure_ascii=False), "utf-8")
    elif not target.exists() or target.stat().st_size < path.stat().st_size:
        shutil.copyfile(path, target)


def _place(part: dict[str, Any]) -> tuple[int, int] | None:
    """Return where a part belongs, by the ids of the trace and of the span above; None: nowhere."""
    try:
        return int(str(_told(part, _TRACE)), 16), int(str(_told(part, _BELOW)), 16)
    except ValueError:
        return None


# -- files, whoever has written them


def _items_in(folder: Path, kind: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield what is in the files of a kind, but for those that cannot be read."""
    for path in sorted(folder.glob(f"*{kind}")):
        item = _item(path)
        if item is not None:
            yield path, item


def _item(path: Path) -> dict[str, Any] | None:
    """Return what is in a file, None if it cannot be read."""
    try:
        return _read(path)
    except (OSError, ValueError):
        return None


def _read(path: Path) -> dict[str, Any]:
    """Return what is in a file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no whole object of JSON.
    """
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"left out, it is no whole JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"left out, it is no object: {type(found).__name__}")
    return found


def _each(item: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the steps, or the like, of an item."""
    found = item.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _time(item: dict[str, Any], name: str) -> int:
    found = item.get(name)
    return int(found) if isinstance(found, (int, float)) else 0


def _told(item: dict[str, Any], name: str) -> Any:
    """Return what a parameter says, None if there is none."""
    return next((p.get("value") for p in _each(item, "parameters") if p.get("name") == name), None)
