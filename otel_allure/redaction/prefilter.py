"""Which of many needles are in a text, told by its words: most texts have none, and cost little.

A needle that is in a text has its longest run of letters in one of the text's runs of letters. So
runs are looked up, not needles; both they and whole texts are remembered, as the words of programs
are few, and their messages differ in numbers. What is told is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

_LETTERS = bytes(c if 97 <= c <= 122 or c == 10 else 32 for c in range(256))
"""All but small letters and line ends become blanks."""
_RUN = re.compile(r"[a-z]+")
_LONGEST_TEXT = 1_000
_LONGEST_WORD = 40
_MOST_TEXTS, _MOST_WORDS, _MOST_NEW = 4_000, 20_000, 2_000
_FEW = 200
_BLOCK = 1 << 20
"""Characters that are cut into words at once."""

_NONE: frozenset[str] = frozenset()


class Prefilter:
    """Tells which needles are in texts.

    Args:
        needles: in small letters.
    """

    def __init__(self, needles: Iterable[str]) -> None:
        by_run: dict[str, set[str]] = {}
        for needle in needles:
            run = max(_RUN.findall(needle) or [""], key=len)
            by_run.setdefault(run, set()).add(needle)
        unlettered = by_run.pop("", set())
        self._signs = frozenset(filter(str.isascii, unlettered))
        self._foreign = unlettered - self._signs
        self._by_run = {
            run.encode(): frozenset().union(*(by_run[r] for r in by_run if run.startswith(r)))
            for run in by_run
        }
        """The needles by a run: also those of its beginnings, which are in a word if it is."""
        self._words: dict[bytes, frozenset[str]] = {}
        self._texts: dict[bytes, frozenset[str]] = {}

    def among(self, lowered: str) -> frozenset[str]:
        """Return the needles that are in a text in small letters."""
        likely = self._likely(lowered)
        found = set(filter(lowered.__contains__, likely))
        if not lowered.isascii():
            found.update(filter(lowered.__contains__, self._foreign))
        return frozenset(found) if found else _NONE

    def _likely(self, lowered: str) -> frozenset[str]:
        """Return the needles that may be in a text in small letters, but for foreign ones."""
        letters = lowered.encode("ascii", "replace").translate(_LETTERS)
        if len(letters) > _LONGEST_TEXT:
            return self._of_words(_words(letters))
        known = self._texts.get(letters)
        if known is None:
            known = self._of_words([set(letters.split())])
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            self._texts[letters] = known
        return known

    def _of_words(self, blocks: Iterable[set[bytes]]) -> frozenset[str]:
        found = set(self._signs)
        for words in blocks:
            new = words.difference(self._words)
            if len(new) > _MOST_NEW:  # of no language: digits, say; they will not come again
                found.update(*self._of_runs(b" ".join(new)))
                words -= new
            for word in words:
                known = self._words.get(word)
                found |= self._of_word(word) if known is None else known
        return frozenset(found)

    @cached_property
    def _runs(self) -> re.Pattern[bytes]:
        return re.compile(f"(?=({_longest_of(map(bytes.decode, self._by_run))}))".encode())

    def _of_runs(self, words: bytes) -> list[frozenset[str]]:
        return [self._by_run[run] for run in set(self._runs.findall(words))]

    def _of_word(self, word: bytes) -> frozenset[str]:
        if len(self._words) < _FEW:  # to compile the expression takes longer
            its = [needles for run, needles in self._by_run.items() if run in word]
        else:
            its = self._of_runs(word)
        found = _NONE.union(*its)
        if len(word) <= _LONGEST_WORD:
            if len(self._words) >= _MOST_WORDS:
                self._words.clear()
            self._words[word] = found
        return found


def _longest_of(runs: Iterable[str]) -> str:
    """Return an expression for the longest of the runs that begins at a place."""
    by_start: dict[str, list[str]] = {}
    for run in sorted(runs, key=len, reverse=True):
        by_start.setdefault(run[:2], []).append(run[2:])
    starts = sorted(by_start, key=len, reverse=True)
    return "|".join(f"{start}(?:{'|'.join(by_start[start])})" for start in starts)


def _words(letters: bytes) -> Iterator[set[bytes]]:
    """Yield the words of a long text; of lines that are equal but for numbers, those of one."""
    lines = b" ".join(set(letters.split(b"\n")))
    at = 0
    while at < len(lines):
        end = lines.find(b" ", at + _BLOCK) % (len(lines) + 1)
        yield set(lines[at:end].split())
        at = end
