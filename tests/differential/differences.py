"""Where our report differs from allure-pytest's, and why that is better.

The one list of it: the differential test accepts nothing else, and wants each entry to occur;
`docs/allure-pytest.md` shows it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.differential.comparison import Leaf

Check = Callable[[Any, Any], bool]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A rule that both plugins differ by.

    Attributes:
        title: what it is about.
        theirs: what allure-pytest does.
        ours: what otel-allure does.
        why: why that is better.
        where: run -> patterns for test and path, with a space between; each occurs in that run,
            and may in others.
        check: whether the two values are as told.
        occurs: whether it does with this pytest and this Python.
    """

    title: str
    theirs: str
    ours: str
    why: str
    where: dict[str, tuple[str, ...]]
    check: Check = lambda theirs, ours: True
    occurs: bool = True

    def explains(self, leaf: Leaf) -> bool:
        """Whether it is why the two differ there."""
        return any(
            self._at(pattern, leaf) for patterns in self.where.values() for pattern in patterns
        )

    def missing(self, run: str, leaves: list[Leaf]) -> list[str]:
        """Return the patterns that should occur in a run, and do not."""
        patterns = self.where.get(run, ()) if self.occurs else ()
        return [p for p in patterns if not any(self._at(p, leaf) for leaf in leaves)]

    def _at(self, pattern: str, leaf: Leaf) -> bool:
        at = f"{leaf.test} {leaf.path}"
        return re.search(pattern, at) is not None and self.check(leaf.theirs, leaf.ours)


def _texts(values: list[Any]) -> list[str]:
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


_PYTEST = tuple(int(part) for part in pytest.__version__.split(".")[:2])

GAP = "It is not: to be mended"
"""What is said of a difference that is no improvement."""

DIFFERENCES = [
    Difference(
        title="Values of labels",
        theirs="Numbers and booleans as they are: `@allure.id(7)` writes `7`",
        ours='Always text: `"7"`, `"true"`',
        why="Allure 3 drops values that are not text",
        where={
            "main": ("/labels/as_id$", "/labels/ALLURE_MANUAL$", "/labels/numbers$"),
            "reruns": ("/labels/attempt$",),
            "test plan": ("/labels/as_id$",),
        },
        check=lambda theirs, ours: theirs is not None and sorted(_texts(theirs)) == ours,
    ),
    Difference(
        title="`@allure.id`",
        theirs="A label `as_id`",
        ours="Also a label `ALLURE_ID`",
        why="Allure 3 knows the id by that name only",
        where={"main": ("/labels/ALLURE_ID$",), "test plan": ("/labels/ALLURE_ID$",)},
        check=lambda theirs, ours: theirs is None,
    ),
    Difference(
        title="Attachments without a type",
        theirs="No type, and a file `*.attach`",
        ours="Text is `text/plain`; a file's type and extension are those of its name",
        why="The report tools show nothing of an attachment without a type",
        where={
            "main": ("/attachments/[^/]+/type$", "/attachments/[^/]+/extension$"),
        },
        check=lambda theirs, ours: theirs in (None, ".attach") and bool(ours),
    ),
    Difference(
        title="`allure.attach.file` without a name",
        theirs="Named by the random name of the copy",
        ours="Named by the file",
        why="One can tell them apart",
        where={
            "main": (
                r"test_files /attachments/(None|t\.csv)$",
                r"run /attachments/(None|table\.csv)$",
            )
        },
        check=lambda theirs, ours: (theirs or ours)["body"] in ("a,b", "body of a file"),
    ),
    Difference(
        title="Finalizers of fixtures, with pytest 9.1 or later",
        theirs="Each has one more, `fixture::<lambda>` that never ends; `yield`'s is `::1`",
        ours="Only those of the fixture; `yield`'s is `::0`, as with any pytest",
        why="The other one is pytest's own",
        where={
            "main": ("/afters/[^/]+::<lambda>$", "/afters/[^/]+::n/name$"),
            "async": ("/afters/[^/]+::<lambda>$", "/afters/[^/]+::n/name$"),
        },
        check=lambda theirs, ours: (
            "ends" not in theirs if ours is None else _number(theirs) == _number(ours) + 1
        ),
        occurs=_PYTEST >= (9, 1),
    ),
    Difference(
        title="Names of tear-downs, but with `--allure-fixtures=allure-pytest`",
        theirs="`fixture::0`, `fixture::close`",
        ours="`fixture`, `fixture (close)`",
        why="They read as people say them",
        where={"own fixtures": (r"/afters/(yielding|awaited|finalized)[^/]*$",)},
        check=lambda theirs, ours: (
            re.fullmatch(
                r"\w+::.+" if ours is None else r"\w+( \(\w+\))?", (theirs or ours)["name"]
            )
            is not None
        ),
    ),
    Difference(
        title="Names of `setup_class` and the like, but with `--allure-fixtures=allure-pytest`",
        theirs="`_xunit_setup_class_fixture_TestShop`",
        ours="`setup_class of TestShop`, `teardown_class of TestShop`",
        why="They read as their author has written them",
        where={
            "own fixtures": (
                "/(befores|afters)/_xunit_[^/]*$",
                "/befores/setup_class of [^/]*$",
                "/afters/teardown_class of [^/]*$",
            )
        },
        check=lambda theirs, ours: (theirs or ours)["name"].startswith(
            "_xunit_setup_class_" if ours is None else ("setup_class of ", "teardown_class of ")
        ),
    ),
    Difference(
        title="Fixtures that plugins have made, but with `--allure-fixtures=allure-pytest`",
        theirs="Each has a row",
        ours="Those have one that failed, were slow, or have something to show",
        why="What a test is about is not lost among them",
        where={
            "own fixtures": (r"/(befores|afters)/(_(?!xunit)|event_loop_policy|tmp_path)[^/]*$",)
        },
        check=lambda theirs, ours: ours is None,
    ),
    Difference(
        title="Fixtures of tests that did not come to them",
        theirs="A skipped test, or one whose set-up failed, shows those of later tests",
        ours="It shows the fixtures that ran for it",
        why="What did not happen is not shown",
        where={
            "main": (
                "test_fixtures.* /(befores|afters)/[^/]+/tests$",
                "test_fixtures#test_(broken|skipping|skipped|never)[^ ]* /(befores|afters)/[^/]+$",
            )
        },
        check=lambda theirs, ours: ours is None or set(ours) < set(theirs),
    ),
    Difference(
        title="Containers of no test",
        theirs="One file for each directly parametrized argument",
        ours="None",
        why="They say nothing, and are files to read",
        where={"main": ("run /containers without tests$",), "async": ("run /containers w",)},
        check=lambda theirs, ours: ours == [],
    ),
    Difference(
        title="`with allure.step(...) as s`",
        theirs="`s` is None",
        ours="`s` has `title`, `parameter`, `attach` and `set_status`",
        why="A step can say what it found out",
        where={"main": ("test_handle /steps/handle/attachments/is None/body$",)},
        check=lambda theirs, ours: (theirs, ours) == ("True", "False"),
    ),
    Difference(
        title="A step object that is entered twice at a time",
        theirs="KeyError in the test",
        ours="Each entry is a step",
        why="Tasks may share it",
        where={
            "main": ("test_one_object_inside_of_itself /(status|message|trace|steps/.*)$",),
            "async": ("test_one_object_in_two_tasks /(status|message|trace|steps/.*)$",),
        },
    ),
    Difference(
        title="Steps of tasks that run at the same time",
        theirs="Each nests into whatever step was opened last",
        ours="Each is below the step that its own task is in",
        why="The tree says what happened",
        where={
            "async": (
                "test_steps_that_overlap_for_long /steps/",
                "test_gather /steps/",
            )
        },
    ),
    Difference(
        title="`@allure.step` on `async def`",
        theirs="Lasts until the coroutine is made: 0 ms, no children, passed whatever happens",
        ours="Lasts until it has been awaited",
        why="Duration, children and status are those of the function",
        where={
            "async": ("test_decorated /steps/", "test_decorated_fails /steps/fail/"),
        },
    ),
    Difference(
        title="`@allure.step` on a generator, async or not",
        theirs="Lasts until the generator is made: 0 ms, no children, passed whatever happens",
        ours="Lasts while it is iterated; the steps of its consumer are not below it",
        why="The same",
        where={
            "main": ("test_generator /steps/", "test_failing_generator /steps/generate/"),
            "async": ("test_async_generator /steps/",),
        },
    ),
    Difference(
        title="`async with allure.step(...)`",
        theirs="TypeError in the test",
        ours="As `with`",
        why="It reads as the code around it",
        where={"async": ("test_async_with /(status|message|trace|steps/async with)$",)},
    ),
    Difference(
        title="`@allure.step` on a class",
        theirs="The class becomes a function",
        ours="It stays a class; making an object is a step",
        why="`isinstance` and subclasses go on working",
        where={"main": ("test_class /(status|message|trace|steps/.*)$",)},
    ),
    Difference(
        title="Steps whose title cannot be filled, and arguments that cannot be shown",
        theirs="The test fails: `{self}`, `{data.name}`, a keyword-only default, a bad `repr`",
        ours="The title stays as it is, the argument says what is wrong; the function is called",
        why="A report changes no outcome",
        where={
            "main": tuple(
                f"test_steps#test_{name} /(status|message|trace|steps/.*)$"
                for name in (
                    "attribute_of_an_argument",
                    "decorated",
                    "defaults",
                    "formats",
                    "methods",
                    "placeholder_that_fits_nothing",
                    "unrepresentable_argument",
                    "wrapped",
                    "wrong_arguments",
                )
            )
        },
    ),
    Difference(
        title="Attachments that cannot be written",
        theirs="The test fails: None, a number",
        ours="Objects are attached as text",
        why="A report changes no outcome",
        where={"main": ("test_(a_number|none) /(status|message|trace|attachments/.*)$",)},
    ),
    Difference(
        title="Outcomes of the run",
        theirs="Tests fail for the reasons above",
        ours="They pass",
        why="A report changes no outcome",
        where={
            "main": ("run /outcomes$",),
            "async": ("run /outcomes$",),
            "options": ("run /outcomes$",),
        },
        check=lambda theirs, ours: _failed(theirs) > _failed(ours),
    ),
    Difference(
        title="Names of attachments",
        theirs="What was given, a number too",
        ours="Always text",
        why="That is what the report tools read",
        where={"main": ("/attachments/42/name$",)},
        check=lambda theirs, ours: str(theirs) == ours,
    ),
    Difference(
        title="A step without a name",
        theirs="No name in the file",
        ours="`unnamed span`",
        why="The report tools show every row with a name",
        where={"main": ("test_title_is_no_string /steps/(None|unnamed span)$",)},
    ),
    Difference(
        title="More than 200 levels of steps",
        theirs="With more than some 330 the result is lost, and pytest ends with an internal error;"
        " not with the newest versions of Python",
        ours="Deeper ones are shown flat, with a note",
        why="Nothing is lost, and the report tools can show it",
        where={"deep": ("test_deep#test_deep ", "run /(exit code|outcomes)$")},
        occurs=sys.version_info < (3, 12),
    ),
    Difference(
        title="`allure.dynamic.title` and `description` in fixtures",
        theirs="The test's own title and docstring win",
        ours="What was told last wins, as in the body",
        why="It was said of this very test",
        where={
            "main": (
                "test_fixture_gives_title /name$",
                r"test_fixture_talks\[.* /description$",
            )
        },
        check=lambda theirs, ours: ours == "by the fixture",
    ),
    Difference(
        title="Masked and hidden parameters",
        theirs="The value is in the file; only the report hides it",
        ours="The file has `****`",
        why="Files are shared too",
        where={"main": ("/parameters/(masked|hidden)/value$",)},
        check=lambda theirs, ours: ours.startswith("****"),
    ),
    Difference(
        title="The mode of a parameter that is given by `parametrize`, too",
        theirs="`allure.dynamic.parameter(..., mode=...)` changes its value only",
        ours="And its mode",
        why="Who says that it is secret, means it",
        where={"main": (r"test_mode_of_a_known_parameter\[.* /parameters/given/(value|mode)$",)},
        check=lambda theirs, ours: ours in ("masked", "hidden") or ours.startswith("****"),
    ),
    Difference(
        title="Parameters named like a secret",
        theirs="As they are",
        ours="`****`",
        why="Reports travel further than code",
        where={"main": ("/parameters/(password|token)/value$",)},
        check=lambda theirs, ours: "****" in ours,
    ),
    Difference(
        title="Parameters of more than 2,000 characters",
        theirs="Written as they are, whatever their size",
        ours="Cut, with a note of how long they are; the `historyId` is of the whole value",
        why="One value of 10 MB makes a result that nothing can open",
        where={"main": ("test_long_parameter.* /parameters/long/value$",)},
        check=lambda theirs, ours: len(ours) < 2_100 < len(theirs) and "cut here" in ours,
    ),
    Difference(
        title="Subtests",
        theirs="Only what is in them is shown",
        ours="Each is a step, with its parameters; equal names are told apart by them",
        why="One sees which of them has failed",
        where={"main": ("test_subtests /steps/",)},
    ),
    Difference(
        title="Exception groups",
        theirs="Only the group's own line, and broken",
        ours="The exceptions in it too; failed if all of them are failed checks",
        why="One sees what went wrong",
        where={
            "main": (
                r"\['group.* /((steps|befores|afters)/.*)?(message|trace)$",
                "#test_two_errors_after /message$",
                r"\['group of asserts'\] /((steps|befores|afters)/.*/)?status$",
            )
        },
        check=lambda theirs, ours: (
            (theirs, ours) == ("broken", "failed") or ours.startswith(theirs.rstrip())
        ),
    ),
    Difference(
        title="Log records of a step",
        theirs="With all others in one attachment of the test",
        ours="In an attachment of the step, with the time",
        why="They are where they were made",
        where={"main": (r"test_logs_in_steps (/steps/step)?/attachments/log$",)},
    ),
    Difference(
        title="Steps that overlap",
        theirs="",
        ours="The test has a picture of them, `Waterfall`",
        why="A tree does not show what waited for what",
        where={"async": ("/(attachments/Waterfall|descriptionHtml)$",)},
        check=lambda theirs, ours: theirs is None and "waterfall" in str(ours).lower(),
    ),
    Difference(
        title="Files about the run",
        theirs="",
        ours="`environment.properties` and `categories.json`, unless they are there already",
        why="The report says what it was made with, and groups failures",
        where={"async": ("run /other files/(environment.properties|categories.json)$",)},
        check=lambda theirs, ours: theirs is None,
    ),
    Difference(
        title="Steps of a generator that is closed early",
        theirs="Broken, by GeneratorExit",
        ours="Passed",
        why="Nothing has gone wrong",
        where={
            "main": (
                "test_generator_closed_early /steps/open/",
                r"test_step\['generator exit'\] /steps/.*/(status|message|trace|plugin frames)$",
            )
        },
        check=lambda theirs, ours: ours in ("passed", None, False),
    ),
    Difference(
        title="Tracebacks of steps and fixtures",
        theirs="With the frames of the report plugin",
        ours="Without",
        why="They are about the code under test",
        where={"main": ("/plugin frames$",)},
        check=lambda theirs, ours: theirs and not ours,
    ),
    Difference(
        title="Fixtures that SystemExit leaves",
        theirs="Not shown",
        ours="A broken set-up",
        why="Nothing is lost",
        where={"main": ("test_fixture_leaves /befores/leaving$",)},
        check=lambda theirs, ours: theirs is None and ours["status"] == "broken",
        occurs=_PYTEST >= (9, 1),
    ),
    Difference(
        title="A test that passes though it must not (`xfail(strict=True)`)",
        theirs="Failed without a message",
        ours="The message says `[XPASS(strict)]` and the reason",
        why="One sees why it failed",
        where={"main": (r"test_xfail_strict\['pass'\] /message$",)},
        check=lambda theirs, ours: theirs is None and ours == "[XPASS(strict)] strict",
    ),
    Difference(
        title="`xfail(run=False)` without a reason",
        theirs="A blank at the end of the message's line",
        ours="No blank",
        why="It means nothing",
        where={"main": ("test_xfail_not_run_without_reason /message$",)},
        check=lambda theirs, ours: theirs == ours.replace("]\n", "] \n", 1),
    ),
    Difference(
        title="A thread that a thread starts",
        theirs="Its steps are below the main thread's step",
        ours="They are below the step that started it",
        why="The tree says what happened",
        where={"main": ("test_thread_in_a_thread /steps/",)},
    ),
    Difference(
        title="Attempts of pytest-rerunfailures",
        theirs="They share the fixtures of all attempts",
        ours="Each shows the fixtures that ran for it",
        why="What failed the first time did not fail the second",
        where={"reruns": ("test_flaky_fixture.* /befores/flaky_fixture",)},
        occurs=_PYTEST >= (9, 1),
    ),
    Difference(
        title="A skipped test whose tear-down fails",
        theirs="Skipped",
        ours="Failed or broken, by what the tear-down has raised",
        why="pytest counts an error and the run fails, so something in the report must say why",
        where={
            "main": (
                r"test_body_and_after\['(skip|xfail)', '(assert|error)'\] /(status|message|trace)$",
            )
        },
        check=lambda theirs, ours: ours != "skipped",
    ),
    Difference(
        title="`pytest.exit` and Ctrl-C",
        theirs="A test cut short has passed, or was skipped; without labels and history",
        ours="It is broken, and has all that is known of it",
        why="It has not passed, and belongs to its history",
        where={
            "exit in body": ("test_exits /(historyId|labels/.*|status|message|trace)$",),
            "exit in fixture": ("test_exits /(historyId|labels/.*|status|message|trace)$",),
            "interrupt": ("test_interrupted /(historyId|labels/.*|status|message|trace)$",),
        },
        check=lambda theirs, ours: theirs in (None, "passed", "skipped"),
    ),
    Difference(
        title="A fixture that there is not",
        theirs="pytest's message, which lists all that there are",
        ours="The same; `trace` and `otel_environment` are among them",
        why="They are there, for assertions about traces and for services that tests start",
        where={"main": ("test_missing_fixture /trace$",)},
        check=lambda theirs, ours: re.sub(r"(otel_environment|trace), ", "", ours) == theirs,
    ),
    Difference(
        title="Steps outside of tests",
        theirs="Dropped",
        ours="In a global attachment, `Outside of tests`",
        why="Nothing is lost",
        where={"outside": ("run /attachments/Outside of tests$",)},
        check=lambda theirs, ours: theirs is None,
    ),
    Difference(
        title="Attachments outside of tests",
        theirs="KeyError, which ends the session",
        ours="A global attachment",
        why="A report changes no outcome",
        where={
            "attachments outside": (
                "test_outside#test_(one|two) $",
                "run /attachments/while nothing runs$",
                "run /(exit code|outcomes)$",
            )
        },
    ),
    Difference(
        title="Errors that pytest itself raises, for a fixture that has no `yield` for example",
        theirs="A trace of pytest's own frames",
        ours="The same, by way of other hooks",
        why="It is neither better nor worse",
        where={
            "main": (r"test_(fixture_without_yield|two_errors_after|xfail_not_run\w*) /trace$",)
        },
        check=lambda theirs, ours: bool(theirs) == bool(ours) and "are hidden" not in ours,
    ),
    Difference(
        title="`allure.attach.file` of a missing file",
        theirs="The test fails, and the step has an attachment without a file",
        ours="The test fails",
        why="A report refers to no file that is not there",
        where={
            "main": (r"test_file_is_missing /(trace|steps/attach/(trace|attachments/missing))$",),
            "options": (
                r"test_file_is_missing /(trace|steps/attach/(trace|attachments/missing))$",
            ),
        },
    ),
    Difference(
        title="Hooks for other listeners of allure_commons",
        theirs="Hear of an attachment when it is written; of `fixture::<lambda>` with pytest 9.1",
        ours="Before it is written; only of the fixture's own finalizers",
        why="The same as for finalizers; the order of listeners is not promised",
        where={"listener": ("run /other files/listener.json$",)},
        check=lambda theirs, ours: _events(theirs) == _events(ours),
    ),
]


def _number(name: str) -> int:
    return int(name.rpartition("::")[2])


def _failed(outcomes: str) -> int:
    return sum(int(n) for n in re.findall(r"(\d+) (?:failed|error)", outcomes))


def _events(text: str) -> list[str]:
    """Return what a listener heard, but for fixtures, in an order of its own."""
    return sorted(str(e) for e in json.loads(text) if "fixture" not in e[0])


def unexplained(leaves: list[Leaf]) -> list[Leaf]:
    """Return the differences that no entry is about."""
    return [leaf for leaf in leaves if not any(d.explains(leaf) for d in DIFFERENCES)]


def stale(run: str, leaves: list[Leaf]) -> list[str]:
    """Return what should differ in a run, and does not any more."""
    return [f"{d.title}: {pattern}" for d in DIFFERENCES for pattern in d.missing(run, leaves)]
