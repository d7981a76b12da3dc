"""No pattern takes more than linear time, whatever text a remote service sends.

Each pattern of the package's masking is found by walking its modules, and is given texts that are
made of what it looks for itself: such are the ones that make a pattern go back and try again.
"""

from __future__ import annotations

import gc
import importlib
import json
import pkgutil
import random
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import otel_allure.redaction
from otel_allure.model.settings import Settings
from otel_allure.redaction import issued_tokens, no_secrets
from otel_allure.redaction.lazy import Lazy
from otel_allure.redaction.redaction import Redaction

try:
    from re import _constants as constants
    from re import _parser as parser
except ImportError:  # Python 3.10
    import sre_constants as constants
    import sre_parse as parser


def _patterns_in(value: Any, depth: int = 6) -> Iterator[re.Pattern[str]]:
    if isinstance(value, Lazy):
        value = value.compiled
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict) and depth:
        for entry in (*value.keys(), *value.values()):
            yield from _patterns_in(entry, depth - 1)
    elif isinstance(value, (list, tuple, set, frozenset)) and depth:
        for entry in value:
            yield from _patterns_in(entry, depth - 1)


def patterns() -> list[re.Pattern[str]]:
    """Return all that are compiled in the package."""
    found: dict[re.Pattern[str], None] = {}
    for module in pkgutil.iter_modules(otel_allure.redaction.__path__):
        loaded = importlib.import_module(f"otel_allure.redaction.{module.name}")
        for name, value in vars(loaded).items():
            if not name.startswith("__"):
                found.update(dict.fromkeys(_patterns_in(value)))
    found.update(dict.fromkeys(_patterns_in(issued_tokens._groups())))
    return list(found)


PATTERNS = patterns()


def _sample(pattern: Any, chance: random.Random) -> str:
    """Return a text that the parsed pattern may match, as far as one can tell without trying."""
    made: list[str] = []
    for code, value in pattern:
        if code is constants.LITERAL:
            made.append(chr(value))
        elif code is constants.NOT_LITERAL:
            made.append("x" if value != ord("x") else "y")
        elif code is constants.ANY:
            made.append("a")
        elif code is constants.IN:
            made.append(_one_of(value, chance))
        elif code in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            least, most, inner = value
            times = max(least, min(int(most), least + chance.randint(0, 2)))
            made += [_sample(inner, chance) for _ in range(times)]
        elif code is constants.BRANCH:
            made.append(_sample(chance.choice(value[1]), chance))
        elif code is constants.SUBPATTERN:
            made.append(_sample(value[-1], chance))
    return "".join(made)


def _one_of(items: Any, chance: random.Random) -> str:
    if items[0][0] is constants.NEGATE:
        return next(character for character in "a7 -\n" if not _is_in(items[1:], character))
    code, value = chance.choice(items)
    if code is constants.RANGE:
        return chr(chance.randint(*value))
    if code is constants.LITERAL:
        return chr(value)
    return {"CATEGORY_DIGIT": "7", "CATEGORY_SPACE": " "}.get(str(value), "a")


def _is_in(items: Any, character: str) -> bool:
    for code, value in items:
        if code is constants.LITERAL and value == ord(character):
            return True
        if code is constants.RANGE and value[0] <= ord(character) <= value[1]:
            return True
        if str(value) == "CATEGORY_SPACE" and character.isspace():
            return True
        if str(value) in ("CATEGORY_WORD", "CATEGORY_DIGIT") and character.isalnum():
            return True
    return False


class Hostile(NamedTuple):
    """A text that is hard for a pattern, in any size."""

    start: str
    part: str

    def text(self, size: int) -> str:
        return self.start + self.part * (size // len(self.part))


def hostile(pattern: re.Pattern[str]) -> list[Hostile]:
    """Return texts of what a pattern looks for, again and again, and nearly it."""
    chance = random.Random(pattern.pattern)
    found: dict[Hostile, None] = {}
    for _ in range(3):
        sample = _sample(parser.parse(pattern.pattern, pattern.flags), chance) or "a"
        middle = len(sample) // 2
        for start, part in (
            ("", sample),
            ("", sample[:-1] or "a"),
            (sample, sample[-1]),
            (sample[: middle + 1], sample[middle]),
            ("", sample[:3]),
            ("", sample[0]),
        ):
            found[Hostile(start, part)] = None
    return list(found)


_SIZE = 10_000
_LARGER = 4
_MOST_TIMES = 2.5 * _LARGER  # linear is 4, quadratic 16
_LITTLE = 0.02
"""Seconds that are not worth a second look: what is quadratic takes more, in the larger text."""


def _seconds(call: Any, *arguments: Any) -> float:
    gc.disable()  # it would take its time wherever it likes
    try:
        start = time.process_time()
        call(*arguments)
        return time.process_time() - start
    finally:
        gc.enable()


def grows_too_fast(call: Any, hostile: Any, size: int = _SIZE) -> bool:
    """Whether four times the text takes much more than four times as long, tried thrice."""
    text, larger = hostile.text(size), hostile.text(size * _LARGER)
    for _ in range(3):
        if _seconds(call, larger) < _LITTLE:
            return False
        least = min(_seconds(call, text) for _ in range(3))
        if _seconds(call, larger) < _MOST_TIMES * max(least, _LITTLE / _LARGER):
            return False
    return True


def test_patterns_are_found():
    assert len(PATTERNS) > 200


_SOON = 0.01
"""Seconds for a value: what goes back and tries again, in all ways, takes years."""


def test_signs_of_no_secrets_are_soon_known():
    """Each is matched with a value of which only so many characters are looked at."""
    longest = no_secrets._LONGEST
    wrong = [
        (sign.form, each)
        for sign in no_secrets._SIGNS
        for pattern in [re.compile(sign.form, re.DOTALL)]
        for each in hostile(pattern)
        if min(_seconds(pattern.fullmatch, each.text(longest) + "\0", 0, longest) for _ in range(2))
        > _SOON
    ]
    assert wrong == []


def test_this_would_find_a_pattern_that_is_not_linear():
    slow = re.compile(r"-a+a+a+b")
    assert grows_too_fast(slow.match, Hostile("-", "a"), 200)
    assert grows_too_fast(re.compile(r"a+a+b").search, Hostile("", "a"), 200)
    assert not grows_too_fast(re.compile(r"(?<!a)a+b").search, Hostile("", "a"))


def test_each_pattern_is_linear():
    """Matched at one place."""
    wrong = [
        (pattern.pattern, each)
        for pattern in PATTERNS
        for each in hostile(pattern)
        if grows_too_fast(pattern.match, each)
    ]
    assert wrong == []


@pytest.mark.parametrize("part", range(4))
def test_masking_is_linear(part):
    """All of it, wherever its patterns are looked for."""
    known = ["known-value-1", *(f"other-{n}-value" for n in range(100))]
    redaction = Redaction(Settings(redact_names=("*ssn*",)), known)
    texts = dict.fromkeys(each for pattern in PATTERNS for each in hostile(pattern)[:6])
    wrong = [
        each for each in list(texts)[part::4] if grows_too_fast(redaction.text, each, _SIZE // 4)
    ]
    assert wrong == []


class KnownInJson(NamedTuple):
    """A list of objects with a known value in each, in any size."""

    def text(self, size: int) -> str:
        return json.dumps([{"note": value} for value in KNOWN_VALUES[: size // 30]])


KNOWN_VALUES = [f"{number:06}Zq7xW9kP3vT1" for number in range(2_000)]


def test_many_secrets_in_json_are_linear():
    assert not grows_too_fast(Redaction(known=KNOWN_VALUES).text, KnownInJson(), 15_000)
