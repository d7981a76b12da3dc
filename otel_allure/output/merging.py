"""Directories of results -> one: of several machines or shards.

Names of files follow from the ids of spans, so the same result is the same file. Where several are
parts below one span, of one trace, their names are numbered; each directory has begun at 0.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from allure_commons.model2 import TestResult

from otel_allure.model.conventions import RESULT
from otel_allure.output.allure_json import plain, result_file_name
from otel_allure.output.from_json import item_of
from otel_allure.output.joining import join_parts, part_of
from otel_allure.output.results_directory import ResultsDirectory, is_file_of_results
from otel_allure.translation.identity import part_uuid

_SPAN, _BELOW, _TRACE = "otel.span", "otel.below", "trace_id"


def results_in(paths: Iterable[Path]) -> list[Path]:
    """Return those of some files that are results, and what belongs to these, by their names."""
    paths = list(paths)
    folders = {path.parent for path in paths if path.name.endswith(RESULT)}
    return [path for path in paths if path.parent in folders and is_file_of_results(path)]


def merge_results(paths: Iterable[Path], directory: ResultsDirectory) -> int:
    """Copy results into a directory and join parts of one trace; return how many results came.

    What is there already stays, where it is not less than what comes.

    Raises:
        OSError: if a file cannot be read or written.
    """
    number = 0
    with directory.locked():
        for path in paths:
            number += path.name.endswith(RESULT)
            _copy(path, directory.path)
        for name in sorted(each.name for each in directory.path.glob(f"*{RESULT}")):
            join_parts(directory, name)
    return number


def put_into_tests(directory: ResultsDirectory) -> int:
    """Put what programs did in a test's trace into the test's result; return how many parts.

    Results of tests say which trace they are, not which span each step is. So a part is put where
    its time is: below the innermost step that alone contains it, of the test or its fixtures.
    """
    number = 0
    with directory.locked():
        results = {path: _read(path) for path in sorted(directory.path.glob(f"*{RESULT}"))}
        tests: dict[str, list[Path]] = {}
        for path, result in results.items():
            for label in result.get("labels", ()):
                if label.get("name") == _TRACE:
                    tests.setdefault(str(label.get("value")), []).append(path)
        for path, result in results.items():
            its = tests.get(_told(result, _TRACE) or "", []) if tests else []
            if its and path not in its:
                _put(result, its, results, directory.path)
                path.unlink()
                number += 1
    return number


def _put(
    part: dict[str, Any], tests: list[Path], results: dict[Path, dict[str, Any]], folder: Path
) -> None:
    step = plain(part_of(item_of(TestResult, part)).step)
    places = [(path, results[path], results[path]) for path in tests]
    places += [place for path in tests for place in _fixtures_of(results[path], folder)]
    path, whole, item = next((place for place in places if _contains(place[2], step)), places[0])
    if any(_told(each, _SPAN) == _told(step, _SPAN) for each in _steps(item)):
        return  # it was put there before
    while len(inside := [s for s in item.get("steps", ()) if _contains(s, step)]) == 1:
        item = inside[0]
    steps = [*item.get("steps", ()), step]
    item["steps"] = sorted(steps, key=lambda each: each.get("start") or 0)
    path.write_text(json.dumps(whole, ensure_ascii=False), "utf-8")


def _fixtures_of(
    test: dict[str, Any], folder: Path
) -> Iterator[tuple[Path, dict[str, Any], dict[str, Any]]]:
    """Yield the fixtures of a test, each with its container and the file of that."""
    for path in sorted(folder.glob("*-container.json")):
        container = _read(path)
        if test.get("uuid") in container.get("children", ()):
            for fixture in (*container.get("befores", ()), *container.get("afters", ())):
                yield path, container, fixture


def _contains(item: dict[str, Any], step: dict[str, Any]) -> bool:
    start, stop = int(step.get("start", 0)), int(step.get("stop", 0))
    return int(item.get("start", 0)) <= start and stop <= int(item.get("stop", 0))


def _steps(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    todo = [item]
    while todo:
        its = todo.pop().get("steps", ())
        yield from its
        todo += its


def _copy(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    part = _read(path) if path.name.endswith(RESULT) else {}
    told = {p.get("name"): p.get("value") for p in part.get("parameters", ())}
    if _BELOW in told and _TRACE in told:
        place = int(told[_TRACE], 16), int(told[_BELOW], 16)
        for each in count():
            part["uuid"] = part_uuid(*place, each)
            target = folder / result_file_name(part["uuid"])
            if not target.exists() or _told(_read(target), _SPAN) == told.get(_SPAN):
                break
        target.write_text(json.dumps(part, ensure_ascii=False), "utf-8")
    elif not target.exists() or target.stat().st_size < path.stat().st_size:
        shutil.copyfile(path, target)


def _read(path: Path) -> dict[str, Any]:
    """Return a result, empty if it cannot be read: then it is copied as it is."""
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _told(item: dict[str, Any], name: str) -> Any:
    """Return what a parameter says, None if there is none."""
    return next((p.get("value") for p in item.get("parameters", ()) if p.get("name") == name), None)
