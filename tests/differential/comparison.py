"""Two directories of Allure results -> where they differ, apart from ids and times."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, NamedTuple

from otel_allure.testing.results import Results

Json = Any


class Leaf(NamedTuple):
    """One place where two reports differ; None where one has nothing."""

    test: str
    path: str
    theirs: Json
    ours: Json

    def __str__(self) -> str:
        return f"{self.test} {self.path}\n    theirs: {self.theirs!r}\n    ours:   {self.ours!r}"


def compare(theirs: Path, ours: Path) -> Iterator[Leaf]:
    """Yield every difference between two reports of the same tests."""
    left, right = _Report(theirs), _Report(ours)
    pairs = _pairs(left.results, right.results)
    names = _names(pairs)
    for (first, second), name in zip(pairs, names, strict=True):
        for side, result in ((left, first), (right, second)):
            if result is not None:
                side.names[result["uuid"]] = name
    for (first, second), name in zip(pairs, names, strict=True):
        if first is None or second is None:
            yield Leaf(name, "", _status(first), _status(second))
            continue
        shown = left.result(first), right.result(second)
        yield from (Leaf(name, *found) for found in _differences("", *shown))
    yield from (Leaf("run", *found) for found in _differences("", left.run(), right.run()))


# -- which result of one report is which of the other


def _pairs(theirs: list[Json], ours: list[Json]) -> list[tuple[Json, Json]]:
    """Return pairs of the same test and parameters, in the order of attempts."""
    pairs = []
    left, right = theirs, ours
    for keys in (("fullName", "historyId"), ("fullName",)):
        by_key = defaultdict(list)
        for result in right:
            by_key[tuple(result.get(key) for key in keys)].append(result)
        unpaired = []
        for result in left:
            found = by_key[tuple(result.get(key) for key in keys)]
            if found:
                pairs.append((result, found.pop(0)))
            else:
                unpaired.append(result)
        left, right = unpaired, [result for found in by_key.values() for result in found]
    return [*pairs, *((result, None) for result in left), *((None, result) for result in right)]


def _names(pairs: list[tuple[Json, Json]]) -> list[str]:
    """Return what to call each pair: full name, parameters, and a number if there are several."""
    names: list[str] = []
    for pair in pairs:
        result = next(filter(None, pair))
        values = ", ".join(str(p["value"])[:30] for p in result.get("parameters", ()))
        name = result.get("fullName") or result["name"]
        names.append(_ADDRESS.sub("0x...", f"{name}[{values}]" if values else name))
    seen: dict[str, int] = defaultdict(int)
    for i, name in enumerate(names):
        seen[name] += 1
        if seen[name] > 1:
            names[i] = f"{name} again {seen[name]}"
    return names


def _status(result: Json) -> str | None:
    return None if result is None else str(result.get("status"))


# -- a report without ids and times

_FIELDS = (
    "fullName",
    "titlePath",
    "testCaseId",
    "historyId",
    "description",
    "descriptionHtml",
)


class _Report:
    def __init__(self, directory: Path) -> None:
        self._files = Results(directory)
        self._directory = directory
        self._root = str(directory.parent.parent)
        self.results = sorted(
            self._files.results, key=lambda r: (r.get("fullName") or "", r["start"], r["stop"])
        )
        self.names: dict[str, str] = {}
        """uuid -> what the result is called."""

    def result(self, result: Json) -> Json:
        """Return a result in a form that can be compared."""
        labels = defaultdict(list)
        for label in result.get("labels", ()):
            labels[label["name"]].append(label.get("value"))
        if "thread" in labels:
            labels["thread"] = [re.sub(r"^\d+", "pid", value) for value in labels["thread"]]
        links = [
            [link.get(key) for key in ("type", "url", "name")] for link in result.get("links", ())
        ]
        shown = {
            **{key: result.get(key) for key in _FIELDS},
            "labels": {name: sorted(values, key=str) for name, values in labels.items()},
            "links": sorted(links, key=str),
            **self._step(result),
        }
        for kind in ("befores", "afters"):
            shown[kind] = self._fixtures(result, kind)
        return shown

    def _steady(self, text: Any) -> Any:
        """Return a text without what changes from run to run."""
        if not isinstance(text, str):
            return text
        return _ADDRESS.sub("0x...", text).replace(self._root, "ROOT")

    def _fixtures(self, result: Json, kind: str) -> list[Json]:
        """Return fixtures of a result, each with the tests that share it."""
        found = []
        for container in self._files.containers:
            children = container.get("children", ())
            if result["uuid"] in children:
                tests = sorted(self.names.get(child, "unknown") for child in children)
                found += [
                    {**self._step(fixture), "tests": tests} for fixture in container.get(kind, ())
                ]
        return sorted(found, key=lambda f: (_key(f), f["ends"], json.dumps(f, sort_keys=True)))

    def _step(self, step: Json) -> dict[str, Json]:
        details = step.get("statusDetails", {})
        frames, trace = _without_plugin(details.get("trace"))
        return {
            "name": self._steady(step.get("name")),
            "status": step.get("status"),
            "message": self._steady(details.get("message")),
            "trace": self._steady(trace),
            "plugin frames": frames,
            "ends": "stop" in step and step["stop"] >= step["start"],
            "parameters": [
                {**parameter, "value": self._steady(parameter.get("value"))}
                for parameter in step.get("parameters", ())
            ],
            "steps": [self._step(below) for below in step.get("steps", ())],
            "attachments": [self._attachment(a) for a in step.get("attachments", ())],
        }

    def _attachment(self, attachment: Json) -> Json:
        path = self._directory / attachment["source"]
        body = path.read_bytes().decode("utf-8", "replace") if path.exists() else None
        name = attachment.get("name")
        return {
            "name": None if name == attachment["source"] else name,
            "type": attachment.get("type"),
            "extension": path.suffix,
            "body": self._steady(body),
        }

    def run(self) -> Json:
        """Return what belongs to no test."""
        globals_ = self._files.globals
        attachments = [self._attachment(a) for g in globals_ for a in g.get("attachments", ())]
        errors = [
            [self._steady(error.get("message")), self._steady(error.get("trace"))]
            for g in globals_
            for error in g.get("errors", ())
        ]
        unused = [
            [fixture["name"] for fixture in container.get("befores", ())]
            for container in self._files.containers
            if not container.get("children")
        ]
        of_reports = re.compile(r"-(result|container|globals)\.json$|-attachment(\.|$)")
        paths = sorted(path for path in self._directory.rglob("*") if path.is_file())
        others = {
            str(path.relative_to(self._directory)): self._steady(path.read_text("utf-8"))
            for path in paths
            if not of_reports.search(path.name)
        }
        texts = [path.read_text("utf-8") for path in paths if path.name.endswith("-result.json")]
        return {
            "attachments": sorted(attachments, key=lambda a: (str(a["name"]), str(a["body"]))),
            "errors": sorted(errors, key=str),
            "containers without tests": sorted(unused),
            "other files": others,
            "indented": any(text.startswith("{\n") for text in texts),
        }


_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_OF_PLUGINS = re.compile(r'  File ".*/(?:allure_commons|allure_pytest|otel_allure)/(?!project/)')
_OF_PYTEST = re.compile(r'  File ".*/(?:_pytest|pluggy|pytest_asyncio|asyncio)/')
_FRAME = re.compile(r'(?m)^(?=  File ")')


def _without_plugin(trace: str | None) -> tuple[bool, str | None]:
    """Return whether a trace shows the plugin's own frames, and the trace without them.

    pytest's are left out too: they are the same, but for where the plugins are among them.
    """
    if not trace:
        return False, None
    frames = _FRAME.split(trace)
    shows = any(map(_OF_PLUGINS.match, frames))
    kept = [f for f in frames if not _OF_PLUGINS.match(f) and not _OF_PYTEST.match(f)]
    return shows, "".join(kept) or None


# -- two values


def _differences(path: str, theirs: Json, ours: Json) -> Iterator[tuple[str, Json, Json]]:
    """Yield path and both values of whatever is not the same in both."""
    if theirs == ours and type(theirs) is type(ours):
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in {**theirs, **ours}:
            yield from _differences(f"{path}/{key}", theirs.get(key), ours.get(key))
    elif _are_named(theirs) and _are_named(ours):
        yield from _differences_of_named(path, theirs, ours)
    else:
        yield path, theirs, ours


def _are_named(items: Json) -> bool:
    return isinstance(items, list) and all(isinstance(i, dict) and "name" in i for i in items)


def _differences_of_named(
    path: str, theirs: list[Json], ours: list[Json]
) -> Iterator[tuple[str, Json, Json]]:
    """Compare steps, attachments and the like, aligned by name."""
    left, right = ([_key(item) for item in items] for items in (theirs, ours))
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            for first, second in zip(theirs[i1:i2], ours[j1:j2], strict=True):
                yield from _differences(f"{path}/{_key(first)}", first, second)
            continue
        for item in theirs[i1:i2]:
            yield f"{path}/{_key(item)}", _brief(item), None
        for item in ours[j1:j2]:
            yield f"{path}/{_key(item)}", None, _brief(item)


def _key(item: Json) -> str:
    """Return what an item is aligned by: its name, without the number of a finalizer."""
    return re.sub(r"::\d+$", "::n", str(item["name"]))


def _brief(item: Json) -> Json:
    """Leave out what says nothing."""
    return {key: value for key, value in item.items() if value not in (None, [], False)}
