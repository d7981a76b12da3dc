"""Private keys in texts: as they are, escaped, indented, cut off, or logged line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otel_allure.redaction.lazy import lazy

_Place = tuple[int, int]

_BEGIN = lazy(r"-{4,5} ?BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
_END = lazy(r"-{4,5} ?END(?: [A-Z0-9 ]{1,60}-{4,5})?")
_LINE_END = lazy(r"(?:\\{1,8}r)?\\{1,8}n|\r\n?|\n")

_AROUND = r"[ \t'\"+,|>#()\\]*"
_PURE = lazy(
    rf"{_AROUND}(?:[A-Za-z0-9+/]+={{0,2}}|[A-Z][A-Za-z-]{{2,20}}: [^\r\n]{{0,200}})?{_AROUND}"
)
_ONE_LINE = lazy(r"[ \t'\"A-Za-z0-9+/=\\]+")
_SOME_DATA = lazy(r"[A-Za-z0-9+/]{16,}={0,2}")
_MUCH_DATA = lazy(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}={0,2}")
_LAST_WORD = lazy(r"(?<![A-Za-z0-9+/])(?P<word>[A-Za-z0-9+/]+={0,2})[ \t'\",+}\\]{0,8}\Z")
_LONGEST_LINE = 200
_PUTTY = lazy(
    r"Private-Lines: \d{1,4}(?:\\{0,8}r)?(?:\\{1,8}n|\s{1,4})"
    r"(?P<secret>(?:[A-Za-z0-9+/]{1,76}={0,2}(?:(?:\\{1,8}r)?\\{1,8}n|\r?\n|$))+)"
)


def private_keys(text: str) -> Iterator[_Place]:
    """Yield the places of private keys: each as a whole if nothing else is between its lines."""
    yield from (match.span("secret") for match in _PUTTY.finditer(text))
    for begin in _BEGIN.finditer(text):
        stop = text.find("----", begin.end())
        stop = len(text) if stop < 0 else stop
        end = _END.match(text, stop)
        lines = list(_lines(text, begin.end(), stop))
        if end is None:
            yield from _cut_off(text, begin.start(), lines)
        elif _SOME_DATA.search(text, begin.end(), stop):  # else the marks are only spoken of
            if all(_PURE.fullmatch(text, *line) for line in lines) or (
                len(lines) == 1 and _ONE_LINE.fullmatch(text, *lines[0])
            ):
                yield begin.start(), end.end()
            else:
                yield from _among_others(text, lines)


def lines_of_keys(texts: Iterable[str]) -> set[str]:
    """Return the lines of private keys of which each is in a text of its own: a log record."""
    found: set[str] = set()
    joined = "\n".join(texts)
    for place in private_keys(joined):
        lines = joined[slice(*place)].splitlines()
        found.update(line for line in lines if _LINE.fullmatch(line))
    return found


_LINE = lazy(r"[A-Za-z0-9+/]{8,}={0,2}")


def _lines(text: str, start: int, stop: int) -> Iterator[_Place]:
    for match in _LINE_END.finditer(text, start, stop):
        yield start, match.start()
        start = match.end()
    yield start, stop


def _cut_off(text: str, begin: int, lines: list[_Place]) -> Iterator[_Place]:
    """Yield what is secret of a key without an end: the lines that are like those of one."""
    places: list[_Place] = []
    are_pure = True
    for number, line in enumerate(lines):
        is_pure = _PURE.fullmatch(text, *line) is not None
        word = _last_word(text, line)
        if word is not None and word[1] - word[0] >= _SHORTEST_LINE:
            places.append(word)
            are_pure = are_pure and is_pure
        elif number and (not is_pure or word is not None or places):
            break
    if places:
        yield from [(begin, places[-1][1])] if are_pure else places


def _among_others(text: str, lines: list[_Place]) -> Iterator[_Place]:
    """Yield what is secret where each line has something before it, or behind it."""
    is_key = False
    for line in lines:
        yield from (match.span() for match in _MUCH_DATA.finditer(text, *line))
        word = _last_word(text, line)
        was_key, is_key = is_key, word is not None and word[1] - word[0] >= _SHORTEST_LINE
        if word is not None and (
            is_key
            # The last one may be short.
            or text[word[1] - 1] == "="
            or (was_key and line is lines[-2])
        ):
            yield word


def _last_word(text: str, line: _Place) -> _Place | None:
    start, end = line
    found = _LAST_WORD.search(text, max(start, end - _LONGEST_LINE), end)
    return None if found is None else found.span("word")


_SHORTEST_LINE = 16
