"""Directories of results -> one: of several machines or shards.

Names of files follow from the ids of spans, so the same result is the same file. Where several are
parts below one span, of one trace, their names are numbered; each directory has begun at 0.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from otel_allure.model.conventions import RESULT
from otel_allure.output.allure_json import result_file_name
from otel_allure.output.joining import join_parts
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
            if not target.exists() or _span_of(_read(target)) == told.get(_SPAN):
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


def _span_of(result: dict[str, Any]) -> Any:
    return next((p["value"] for p in result.get("parameters", ()) if p.get("name") == _SPAN), None)
