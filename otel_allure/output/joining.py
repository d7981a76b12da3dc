"""Parts of one trace from several programs -> one result, where they write to one directory.

Each program knows its own spans, and the id of the span in another program that its part belongs
below. So each step tells its span's id, in a hidden parameter, and names of files follow from ids:
the result with the trace's root is named by the trace, that of another part by the trace and the
span that it belongs below. Whoever writes a result looks for the parts that belong into it, and
takes them in; whoever finds the trace's root written puts its part there.

The caller keeps others out meanwhile, see `ResultsDirectory.locked`.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from allure_commons.model2 import ExecutableItem, TestResult, TestStepResult

from otel_allure.compat import kept
from otel_allure.model.conventions import RESULT
from otel_allure.output.allure_json import result_file_name
from otel_allure.output.from_json import item_of
from otel_allure.output.hidden_parameters import BELOW, CALL, SPAN, tell, told
from otel_allure.output.joined_causes import deepen_cause, own_cause
from otel_allure.output.results_directory import ResultsDirectory
from otel_allure.output.served_calls import are_one_call, join_call, part_call
from otel_allure.output.text_tree import all_steps
from otel_allure.translation.identity import part_uuid, trace_uuid
from otel_allure.translation.to_results import ProgramResult

_VISIBLE_IDS = ("trace_id", "span_id")


class _Part(NamedTuple):
    """A part of a trace: the ids of its root, and of what that belongs below, and its step."""

    id: str
    below: str
    step: TestStepResult


def still_own(
    directory: ResultsDirectory, file_names: Iterable[str], span_ids: Iterable[int]
) -> set[str]:
    """Return which files are still a program's own.

    Others may have taken its result in, and the name of its file may be another's by now.
    """
    files, own = _Files(directory, 0), {f"{span_id:016x}" for span_id in span_ids}

    def is_own(name: str) -> bool:
        result = files.read(name) if name.endswith(RESULT) else None
        its = None if result is None else told(result, SPAN)
        return its is None or its in own

    return set(filter(is_own, file_names))


def join(
    directory: ResultsDirectory, made: ProgramResult, taken: Container[str] = ()
) -> TestResult:
    """Return what is to be written of a result: itself with the parts of others, or their result.

    Args:
        directory: of the results.
        made: what a program has made of its part of a trace. Its ids are told in it.
        taken: uuids of its other results of that trace, which are not written yet.
    """
    root, result = made.root, made.result
    tell(result, SPAN, _id(root.span_id))
    for span_id, step in made.steps.items():
        tell(step, SPAN, _id(span_id))
    for span_id, side in made.sides.items():
        its = result if span_id == root.span_id else made.steps.get(span_id)
        if its is not None:
            tell(its, CALL, side)
    files = _Files(directory, root.trace_id)
    if root.parent_id is None:
        uuid = trace_uuid(root.trace_id)
        before = files.read(result_file_name(uuid))
        is_free = before is None and uuid not in taken
        if is_free or (before is not None and told(before, SPAN) == told(result, SPAN)):
            result.uuid = uuid
            _take_in(result, before, files)
        return result
    if not root.parent_is_remote or _id(root.parent_id) in _places(result):
        return result  # it waits for a span of its own program, or for what is below it
    tell(result, BELOW, _id(root.parent_id))
    theirs = files.read(result_file_name(trace_uuid(root.trace_id)))
    if theirs is not None and told(result, BELOW) in _places(theirs):
        _take_in(theirs, theirs, files, [part_of(result)])
        return theirs
    for number in count():
        result.uuid = part_uuid(root.trace_id, root.parent_id, number)
        if result.uuid in taken:
            continue
        before = files.read(result_file_name(result.uuid))
        if before is None or told(before, SPAN) == told(result, SPAN):
            _take_in(result, before, files)
            return result
    raise AssertionError


def join_parts(directory: ResultsDirectory, file_name: str) -> None:
    """Put the parts that wait for a span of a result into it.

    Args:
        directory: of the results.
        file_name: of the result; one that has no spans of others below it stays as it is.
    """
    whole = _Files(directory, 0).read(file_name)
    trace_id = None if whole is None else next(iter(_visible_trace_id(whole)), None)
    if whole is None or trace_id is None or result_file_name(trace_uuid(trace_id)) != file_name:
        return
    before = set(_places(whole))
    _take_in(whole, whole, _Files(directory, trace_id))
    if set(_places(whole)) != before:
        directory.report_result(whole)


def _visible_trace_id(result: TestResult) -> Iterator[int]:
    for parameter in result.parameters:
        if parameter.name == "trace_id":
            with contextlib.suppress(ValueError):  # a test may have one of this name
                yield int(str(parameter.value), 16)


class _Files:
    """The results of one trace."""

    def __init__(self, directory: ResultsDirectory, trace_id: int) -> None:
        self._path = str(directory.path)
        self._trace_id = trace_id

    def read(self, file_name: str) -> TestResult | None:
        """Return a result that was written, None if there is none, or none that can be read."""
        path = kept.joined(self._path, file_name)
        if not kept.exists(path):
            return None
        try:
            return item_of(TestResult, json.loads(b"".join(kept.read(path))))
        except Exception:
            return None

    def take_below(self, span_id: str) -> Iterator[_Part]:
        """Yield the parts that wait for a span in files of their own, and remove these."""
        for number in count():
            name = result_file_name(part_uuid(self._trace_id, int(span_id, 16), number))
            result = self.read(name)
            if result is None:
                return
            yield from _taken_out(result)
            yield part_of(result)
            kept.unlink(kept.joined(self._path, name))


def _take_in(
    whole: TestResult, before: TestResult | None, files: _Files, new: Iterable[_Part] = ()
) -> None:
    """Put the parts of others into a result.

    Args:
        whole: the result.
        before: what was written of it, with parts in it.
        files: where other parts may wait.
        new: more parts, in the place of what was written of them.
    """
    parts = {part.id: part for part in (*(() if before is None else _taken_out(before)), *new)}
    places = _places(whole)
    unseen = list(places)
    while unseen or parts:
        for span_id in unseen:
            parts |= {part.id: part for part in files.take_below(span_id)}
        unseen = []
        fitting = [part for part in parts.values() if part.below in places]
        number = Counter(part.below for part in fitting)
        for part in fitting or list(parts.values()):
            del parts[part.id]
            if _is_shown(part, places):
                continue
            holder = places.get(part.below, whole)
            inner = _places(part.step)
            # Of a request that was sent again, each is one of its own.
            if number[part.below] == 1 and are_one_call(holder, part.step):
                join_call(holder, part.step)
                inner = {i: holder if its is part.step else its for i, its in inner.items()}
            else:
                holder.steps.append(part.step)
                holder.steps.sort(key=lambda step: step.start or 0)
            places |= inner
            unseen += inner
    deepen_cause(whole)


def _is_shown(part: _Part, places: Mapping[str, ExecutableItem]) -> bool:
    """Whether it is there already: a program wrote it before it had the span above, of its own."""
    own = places.get(part.id)
    return own is not None and own.start == part.step.start


def _id(span_id: int) -> str:
    return f"{span_id:016x}"


def _places(item: ExecutableItem) -> dict[str, ExecutableItem]:
    """Return the steps of a result, and itself, by the ids of their spans."""
    found = {p.value: step for step in all_steps(item) for p in step.parameters if p.name == SPAN}
    return {str(span_id): step for span_id, step in found.items()}


def _taken_out(result: TestResult) -> list[_Part]:
    """Take out the parts that others have put into a result."""
    parts: list[_Part] = []
    own_cause(result)
    for item in reversed(list(all_steps(result))):  # the innermost first
        theirs = [step for step in item.steps if told(step, BELOW)]
        item.steps = [step for step in item.steps if not told(step, BELOW)]
        parts += map(_as_part, theirs)
        server = part_call(item)
        if server is not None:
            parts.append(_as_part(server))
    return parts


def _as_part(step: TestStepResult) -> _Part:
    return _Part(told(step, SPAN) or "", told(step, BELOW) or "", step)


def part_of(result: TestResult) -> _Part:
    """Return a result as a part of another one: a step, named with its service."""
    service = next((label.value for label in result.labels if label.name == "suite"), None)
    step = TestStepResult(
        name=f"{result.name} ({service})" if service else result.name,
        status=result.status,
        statusDetails=result.statusDetails,
        steps=result.steps,
        attachments=result.attachments,
        parameters=[p for p in result.parameters if p.name not in _VISIBLE_IDS],
        start=result.start,
        stop=result.stop,
    )
    return _as_part(step)
