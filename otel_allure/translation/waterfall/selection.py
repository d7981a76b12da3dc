"""The rows that are drawn: equal calls are one, and of the rest the most telling ones.

Failed and slow branches and the steps of the test's author come first. How many are left out is
said at the row that they are below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from otel_allure.translation.condense import pattern_of
from otel_allure.translation.waterfall.critical_path import Stretches
from otel_allure.translation.waterfall.layout import Row, children_of, extent_of, rows_of
from otel_allure.translation.waterfall.style import ERRORS

_FOLD = 3  # equal calls
_SLOW = 0.1  # of all that is drawn


class Selection:
    """What is drawn of a tree of bars.

    Attributes:
        rows: those that are drawn.
        critical: by their indices, the time in which the test waited for them or for what is
            below them and not drawn.
        is_whole: whether nothing is left out or folded.
    """

    def __init__(
        self, rows: Sequence[Row], critical: dict[int, Stretches], most: int | None
    ) -> None:
        self._all = rows
        self._children = children_of(rows)
        self._home = list(range(len(rows)))  # which row stands for each
        self._bars = [row.bar for row in rows]
        self._plain = self._which_are_plain()
        if most is not None:
            self._leave_examples_out()
            self._fold(serial_only=True)
            if len(list(self._drawn())) > most:
                self._fold(serial_only=False)
            if len(list(self._drawn())) > most:
                self._choose(most)
        drawn = list(self._drawn())
        self.is_whole = len(drawn) == len(rows)
        place = {index: at for at, index in enumerate(drawn)}
        self.rows = rows_of([self._bars[index] for index in drawn])
        self.critical: dict[int, Stretches] = {}
        for index, stretches in critical.items():
            self.critical.setdefault(place[self._home[index]], []).extend(stretches)

    def _drawn(self) -> Iterator[int]:
        return (index for index, home in enumerate(self._home) if index == home)

    def _below(self, index: int) -> Iterator[int]:
        todo = list(self._children[index])
        while todo:
            index = todo.pop()
            yield index
            todo += self._children[index]

    def _hide(self, index: int, home: int) -> None:
        for each in (index, *self._below(index)):
            self._home[each] = home

    def _which_are_plain(self) -> list[bool]:
        """Return whether nothing would be missed of each row and all below it, but their number."""
        plain = [bar.status not in ERRORS and not bar.is_step for bar in self._bars]
        for index in range(len(plain) - 1, 0, -1):
            parent = self._all[index].parent
            if parent is not None and not plain[index]:
                plain[parent] = False
        return plain

    # -- equal ones

    def _leave_examples_out(self) -> None:
        """Leave out what is below a row that stands for equal calls already."""
        for index, bar in enumerate(self._bars):
            for child in self._children[index] if bar.is_group else ():
                if self._home[child] == child and self._plain[child]:
                    self._hide(child, index)

    def _fold(self, serial_only: bool) -> None:
        """Make one row of equal calls with the same one above, if no author's step is between.

        Calls that have others below them, or run at the same time, tell more as they are; they
        are put together where there is no room.
        """
        tops = [i for i, row in enumerate(self._all) if row.parent is None]
        for below in (tops, *self._children):
            for group in self._alike(below, serial_only):
                if len(group) >= _FOLD:
                    self._put_together(group)

    def _alike(self, siblings: Sequence[int], serial_only: bool) -> Iterator[list[int]]:
        groups: dict[object, list[int]] = {}
        run = 0
        for index in siblings:
            bar = self._bars[index]
            run += bar.is_step
            is_call = not (bar.is_step or bar.is_group or bar.end_ns is None or bar.note)
            if not is_call or self._home[index] != index:
                continue
            if (serial_only and self._children[index]) or not self._plain[index]:
                continue
            groups.setdefault((run, pattern_of(bar.title), bar.service), []).append(index)
        for group in groups.values():
            if not serial_only or self._is_serial(group):
                yield group

    def _is_serial(self, group: Sequence[int]) -> bool:
        bars = [self._bars[index] for index in group]
        return all((one.end_ns or 0) <= other.start_ns for one, other in pairwise(bars))

    def _put_together(self, group: Sequence[int]) -> None:
        first, *others = group
        bars = [self._bars[index] for index in group]
        is_same = len({bar.title for bar in bars}) == 1
        self._bars[first] = bars[0]._replace(
            title=bars[0].title if is_same else pattern_of(bars[0].title),
            end_ns=max(bar.end_ns or 0 for bar in bars),
            note=f"×{len(group):,}",
            pieces=[(bar.start_ns, bar.end_ns or 0) for bar in bars],
            served=None,
        )
        for index in (*self._below(first), *others):
            self._hide(index, first)

    # -- too many

    def _choose(self, most: int) -> None:
        """Keep the most telling rows, and say at each how many below it are not shown."""
        kept: set[int] = set()
        for index in sorted(self._drawn(), key=self._order()):
            path = self._path(index, kept, most - len(kept))
            if len(path) <= most - len(kept):
                kept.update(path)
            if len(kept) >= most:
                break
        left_out: dict[int, int] = {}
        for index, home in enumerate(self._home):
            if home not in kept:  # what is above comes first, so its home is known
                parent = self._all[home].parent
                self._home[index] = 0 if parent is None else self._home[parent]
            if index not in kept and home == index:
                left_out[self._home[index]] = left_out.get(self._home[index], 0) + 1
        for index, count in left_out.items():
            bar = self._bars[index]
            self._bars[index] = bar._replace(note=f"{bar.note} +{count:,} more".strip())

    def _order(self) -> Callable[[int], tuple[bool, bool, bool, bool, int, int]]:
        begin, end = extent_of(self._all)
        first = self._all[0].bar
        if first.end_ns is not None and first.end_ns > first.start_ns:
            least = _SLOW * (first.end_ns - first.start_ns)
        else:
            least = _SLOW * (end - begin)

        def order(index: int) -> tuple[bool, bool, bool, bool, int, int]:
            bar = self._bars[index]
            took = (end if bar.end_ns is None else bar.end_ns) - bar.start_ns
            failed = bar.status in ERRORS
            return index > 0, not failed, took < least, not bar.is_step, -took, index

        return order

    def _path(self, index: int | None, kept: set[int], room: int) -> list[int]:
        """Return the row and those above it that are not kept yet; one more than `room` ends it."""
        path: list[int] = []
        while index is not None and index not in kept and len(path) <= room:
            path.append(index)
            index = self._all[index].parent
        return path
