"""The table: what is measured, against what, and what the aim is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.processes import IDLE, OURS, PEER, PLAIN, WITHOUT, Cost, Run

Measure = Callable[[Iterable[Run]], dict[Run, Cost]]
"""Does runs and returns what each took."""


class Figures(NamedTuple):
    """What a row shows: the ratios that have an aim, and what they are made of."""

    ratios: tuple[float, ...]
    text: str


class Row(NamedTuple):
    """A row of the table.

    Args:
        name: for the command line.
        what: is measured.
        against: what.
        aim: what no ratio is to be above.
        figures: measures it; what is not a plain function can be profiled, too.
        why: the aim is not reached, where it is not.
    """

    name: str
    what: str
    against: str
    aim: float
    figures: Callable[[Measure], Figures]
    why: str = ""


def start(measure: Measure) -> Figures:
    """What one empty test takes more, as a part of what plain pytest takes."""
    plain, peer, ours = (
        costed.cpu_s for costed in measure(Run("empty", way, 1) for way in WAYS).values()
    )
    text = f"{ms(ours - plain)} to {ms(plain)}; allure-pytest: {ms(peer - plain)}"
    return Figures(((ours - plain) / plain,), text)


def idle(measure: Measure) -> Figures:
    """A whole run of many tests with the plugin, without a report."""
    plain, ours = (
        costed.cpu_s
        for costed in measure(Run("empty", way, 1000) for way in (PLAIN, IDLE)).values()
    )
    return Figures((ours / plain,), f"{ms(ours)}, {ms(plain)}")


class Marginal(NamedTuple):
    """CPU of one more of what a work is about, beside the peer's.

    Args:
        work: a suite or a program.
        size: how many are done; what one takes is the difference to a run of size 1.
        on_disk: whether files are on a disk.
    """

    work: str
    size: int
    on_disk: bool = False

    def __call__(self, measure: Measure) -> Figures:
        """Measure it."""
        peer, ours = more_cpu_s(measure, *self[:2], (PEER, OURS), self.on_disk)
        each = 1 / (self.size - 1)
        return Figures((ours / peer,), f"{us(ours * each)}, {us(peer * each)}")


def running(measure: Measure) -> Figures:
    """CPU of a test with its result on disk while it runs, beside the same without."""
    ratios: list[float] = []
    texts: list[str] = []
    for work, size in (("empty", 500), ("ten_steps", 300)):
        done = measure(Run(work, way, n) for n in (1, size) for way in (OURS, WITHOUT))
        with_it, without = (
            (done[Run(work, way, size)].cpu_s - done[Run(work, way, 1)].cpu_s) / (size - 1)
            for way in (OURS, WITHOUT)
        )
        ratios.append(with_it / without)
        texts.append(f"{us(with_it)}, {us(without)}")
    return Figures(tuple(ratios), "; ".join(texts))


class Large(NamedTuple):
    """CPU and peak memory of a single large thing, beside the peer's."""

    work: str
    size: int

    def __call__(self, measure: Measure) -> Figures:
        """Measure it."""
        work, size = self
        done = measure(Run(work, way, n) for n in (1, size) for way in WAYS)
        peer, ours = (over_plain_s(done, work, size, way) for way in (PEER, OURS))
        peer_mb, ours_mb = (done[Run(work, way, size)].peak_mb for way in (PEER, OURS))
        text = f"{ms(ours)}, {ms(peer)}; {ours_mb:.0f} MB, {peer_mb:.0f} MB"
        return Figures((ours / peer, ours_mb / peer_mb), text)


class Linear(NamedTuple):
    """CPU of something, beside ten times that of a tenth of it."""

    work: str
    size: int

    def __call__(self, measure: Measure) -> Figures:
        """Measure it."""
        work, size = self
        sizes = (1, size // 10, size)
        done = measure(Run(work, way, n) for n in sizes for way in (PLAIN, OURS))
        tenth, whole = (over_plain_s(done, work, n, OURS) for n in sizes[1:])
        return Figures((whole / tenth / 10,), f"{ms(whole)}, {ms(tenth)}")


class Flat(NamedTuple):
    """Peak memory of a program that goes on for long, beside a quarter of it."""

    work: str
    size: int

    def __call__(self, measure: Measure) -> Figures:
        """Measure it."""
        runs = [Run(self.work, OURS, n) for n in (self.size, self.size // 4)]
        done = measure(runs)
        whole, quarter = (done[run].peak_mb for run in runs)
        return Figures((whole / quarter,), f"{whole:.1f} MB, {quarter:.1f} MB")


def files(measure: Measure) -> Figures:
    """Files of a suite."""
    peer, ours = (
        costed.files for costed in measure(Run("rich", way, 20) for way in (PEER, OURS)).values()
    )
    return Figures((ours / peer,), f"{ours}, {peer} of 20 tests")


def memory(measure: Measure) -> Figures:
    """Peak memory of one more test, over plain pytest's."""
    tests = 10_000
    done = measure(Run("empty", way, n) for n in (1, tests) for way in WAYS)

    def grown_kb(way: str) -> float:
        few, many = (done[Run("empty", way, n)].peak_mb for n in (1, tests))
        return (many - few) * 1024 / (tests - 1)

    plain, peer, ours = map(grown_kb, WAYS)
    text = f"{ours - plain:.1f} KB, {peer - plain:.1f} KB"
    return Figures(((ours - plain) / (peer - plain),), text)


def more_cpu_s(
    measure: Measure, work: str, size: int, ways: Iterable[str], on_disk: bool = False
) -> list[float]:
    """Return what each of `ways` takes over plain to do `work`, without its start."""
    done = measure(Run(work, way, n, on_disk) for n in (1, size) for way in WAYS)
    return [over_plain_s(done, work, size, way, on_disk) for way in ways]


def over_plain_s(
    done: dict[Run, Cost], work: str, size: int, way: str, on_disk: bool = False
) -> float:
    """Return what a way takes more than plain for all but the first of `size`."""

    def grown_s(way: str) -> float:
        few, many = (done[Run(work, way, n, on_disk)].cpu_s for n in (1, size))
        return many - few

    return grown_s(way) - grown_s(PLAIN)


def ms(seconds: float) -> str:
    """Return a duration as text."""
    return f"{seconds * 1e3:,.0f} ms"


def us(seconds: float) -> str:
    """Return a duration as text."""
    return f"{seconds * 1e6:,.0f} µs"


WAYS = (PLAIN, PEER, OURS)
ALLURE = "allure-pytest"
ROWS = [
    Row("start", "start: one empty test, over plain pytest", "plain pytest's start", 0.15, start,
        "a third is OpenTelemetry's API and SDK with what they import, a fifth the model of"
        " allure_commons and attrs, which allure-pytest needs too; the rest is ours: 130 modules,"
        " and the patterns by which secrets among the environment's variables are found."),
    Row("idle", "1,000 tests without `--alluredir`", "plain pytest", 1.02, idle,
        "options, markers and `import allure` have to be there before it is known that nobody"
        " wants a report; that is paid once, nothing is called for a test."),
    Row("test", "a test without steps", ALLURE, 0.5, Marginal("empty", 500),
        "a test is four spans, its own and one for each phase. A quarter of the cost is their"
        " translation, an eighth publishing and writing, the rest are spans and pytest's hooks,"
        " of which we wrap six."),
    Row("test-disk", "the same, on a disk", ALLURE, 0.5, Marginal("empty", 500, on_disk=True),
        "as `test`, and one file each."),
    Row("ten-steps", "a test with 10 steps", ALLURE, 0.5, Marginal("ten_steps", 300),
        "it is `test` and ten times `step`."),
    Row("concurrent", "an async test with 10 steps at the same time", ALLURE, 0.5,
        Marginal("concurrent", 300),
        "as `ten-steps`."),
    Row("rich", "a test with labels, parameters, `tmp_path`, decorated steps, an attachment",
        ALLURE, 0.5, Marginal("rich", 300),
        "as `test`; parameters, labels and the attachment are searched for secrets."),
    Row("rich-disk", "the same, on a disk", ALLURE, 0.5, Marginal("rich", 300, on_disk=True),
        "as `rich`; the disk makes it the noisiest row."),
    Row("running", "tests on disk while they run: without steps, with 10 steps; all of a test",
        "the same with `--allure-running-results=off`", 1.02, running,
        "a test has a first result before it runs, 8 % more instructions for an empty one; files"
        " are as many. What follows takes a fiftieth of the time, and what was saved up of it:"
        " short runs of many steps spend that. Differences of some hundredths are noise."),
    Row("step", "a step", ALLURE, 0.7, Marginal("steps", 10_000),
        "a step is a span with ids, attributes and a context of its own, and its name is searched"
        " for secrets; allure-pytest pushes an object onto one stack for all tasks of a thread."),
    Row("files", "files of that suite with `tmp_path`", ALLURE, 0.5, files,
        "two thirds are a result and an attachment for each test, which both have; of containers"
        " we write one a test, allure-pytest three."),
    Row("memory", "memory of a test, 10,000 tests", ALLURE, 1.0, memory,
        "more than half of the difference are the last 512 traces, which are kept as spans of"
        " them may come late: that does not grow with the number of tests."),
    Row("many-steps", "100,000 steps in a test: CPU, peak memory", ALLURE, 1.0,
        Large("steps_of_a_test", 100_000),
        "as `step`; spans are kept until the test ends, and are beside the steps made of them"
        " for a moment."),
    Row("logs", "100,000 log records in a test: CPU, peak memory", ALLURE, 1.0,
        Large("log_records_of_a_test", 100_000),
        "each is a record of its own that is searched for secrets and placed at its step;"
        " allure-pytest attaches the text that pytest has captured anyway."),
    Row("attachment", "50 MB attached, bytes: CPU, peak memory", ALLURE, 1.0,
        Large("attachment", 50),
        "both write the bytes as they are, in tens of milliseconds, most of which is noise; the"
        " memory is that of the start."),
    Row("text", "10 MB attached, a log: CPU, peak memory", ALLURE, 1.0,
        Large("text_attachment", 10),
        "it is searched for secrets, which `redact_attachments=off` leaves out."),
    Row("span", "an instrumented call (asyncpg, aiohttp), from span to file",
        "OTLP, encoded and serialised", 3.0, Marginal("call", 3000),
        "OTLP is a copy of the fields. For a report, a call gets title, parameters and documents,"
        " each searched for secrets, which is half of the cost; repeated calls and a time axis are"
        " a quarter, encoding and writing the rest."),
    Row("trace", "a trace of 100,000 spans", "10 × a tenth of it", 1.2, Linear("trace", 100_000)),
    Row("late", "5,000 spans, each late", "10 × a tenth of it", 1.2, Linear("late", 5_000)),
    Row("many-concurrent", "10,000 steps at the same time", "10 × a tenth of it", 1.2,
        Linear("concurrent_steps_of_a_test", 10_000),
        "by the profile every function of ours is called ten times as often, no more; what grows"
        " faster is the time in calls that allocate, as when the garbage collector looks at all"
        " live objects."),
    Row("server", "peak memory of a program that answers 200,000 requests",
        "itself at 50,000", 1.02, Flat("requests", 200_000)),
    Row("tree", "`otel-allure tree`, a result of 3,000", "`json.loads`", 3.0,
        Marginal("tree", 3_000),
        "it is formatting, which is about as much as reading."),
    Row("otlp", "reading OTLP/JSON, a span of 1,000,000", "`json.loads`", 3.0,
        Marginal("otlp", 1_000_000),
        "each field is checked, since anybody may have written it."),
]  # fmt: skip
