"""Results as trees in a terminal: the lines, how they look, and what leads to a failure."""

from __future__ import annotations

import re

import pytest

from otel_allure.output.failing_path import failing_path
from otel_allure.output.text_tree import Line, Look, tree_lines, tree_of


def item(name: str, *steps: object, status: str = "passed", message: str = "", **more: object):
    made = {"name": name, "status": status, "start": 0, "stop": 5, "steps": list(steps), **more}
    return {**made, "statusDetails": {"message": message}} if message else made


def bad(name: str, *steps: object, message: str = "") -> dict[str, object]:
    return item(name, *steps, status="failed", message=message)


def lines(made) -> list[str]:
    return list(tree_lines(made))


def names(made) -> list[str]:
    """Branches and names alone."""
    return [re.sub(r"  \d+ ms.*", "", line) for line in lines(made)]


def test_fixtures_stand_before_and_after():
    result = item(
        "test", item("step"), befores=[item("db")], afters=[item("db")], attachments=[{"name": "x"}]
    )
    assert names(result) == [
        "✓ test",
        "├─ ✓ set-up: db",
        "├─ ✓ step",
        "├─ [x]",
        "└─ ✓ tear-down: db",
    ]


def test_a_message_stands_where_it_comes_from():
    """A step that fails with what it contains says nothing of its own; the result always does."""
    inner = bad("inner", message="no money\nmore")
    result = bad("test", bad("outer", inner, message="no money\nmore"), message="no money")
    assert lines(result) == [
        "✗ test  5 ms  (no money)",
        "└─ ✗ outer  5 ms",
        "   └─ ✗ inner  5 ms  (no money)",
    ]


@pytest.mark.parametrize("begins", ["caused by", "caused in", "perhaps caused by"])
def test_a_cause_has_a_line_of_its_own_which_is_not_cut(begins):
    cause = f"{begins} {'x' * 200}, in shop"
    result = bad("test", bad("step", message=f"no\n{cause}"), message=f"no\n{cause}")
    look = Look(width=40)
    assert [look.text(line) for line in tree_of(result)] == [
        "✗ test  5 ms  (no)",
        cause,
        "└─ ✗ step  5 ms  (no)",
    ]


# -- how lines look


def look(name: str, message: str = "", lead: str = "", **how: object) -> str:
    return Look(**how).text(Line(lead, "failed", name, "5 ms", message))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\x07\x9b2J", "?[31mred??2J"),
        ("left\u202eright", "left?right"),
        ("👨\u200d👩 Ö", "👨\u200d👩 Ö"),
    ],
)
def test_names_cannot_change_the_terminal(name, shown):
    assert look(name, name) == f"✗ {shown}  5 ms  ({shown})"


def test_lone_surrogates_are_escaped():
    assert look("\ud800").encode() == "✗ \\ud800  5 ms".encode()


def test_what_the_encoding_does_not_have_is_written_in_other_words():
    assert (
        look("Ö → 日", "← …", "│  └─ ", encoding="ascii")
        == "|  `- x \\xd6 -> \\u65e5  5 ms  (<- ...)"
    )
    assert look("Ö", encoding="latin-1") == "x Ö  5 ms"


@pytest.mark.parametrize("width", [30, 40, 80])
@pytest.mark.parametrize("name", ["n" * 100, "日本語" * 40, "short"])
@pytest.mark.parametrize("message", ["", "m" * 100])
def test_lines_fit(name, message, width):
    """The duration stays, and something of name and message."""
    line = look(name, message, width=width, lead="├─ ")
    columns = sum(2 if char in "日本語" else 1 for char in line)
    assert columns <= width
    assert "  5 ms" in line
    assert line[5:8] == name[:3]
    assert ("mm" in line) == bool(message)


def test_lines_that_are_too_long_say_so():
    assert look("n" * 100, width=30, encoding="ascii") == f"x {'n' * 19}...  5 ms"
    assert look("日" * 100, width=30) == f"✗ {'日' * 10}…  5 ms"
    assert look("abc", width=1) == "✗ abc  5 ms"  # nothing fits: then it is at least readable


def test_colors_change_nothing_else():
    result = item("test", bad("step", item("inner"), message="no"), attachments=[{"name": "x"}])
    colored = [Look(colors=True).text(line) for line in tree_of(result)]
    assert all("\x1b[" in line for line in colored)
    assert "\x1b[31m✗ \x1b[0m" in colored[1]
    assert [re.sub(r"\x1b\[\d*m", "", line) for line in colored] == lines(result)


# -- what leads to a failure


def test_passed_steps_are_one_row_and_failed_ones_whole():
    passed = item("before", item("inner"), attachments=[{"name": "x"}])
    result = bad("test", passed, bad("buy", item("look"), bad("pay")), item("after"), message="no")
    assert names(failing_path(result)) == [
        "✗ test", "├─ ✓ before", "├─ ✗ buy", "│  ├─ ✓ look", "│  └─ ✗ pay", "└─ ✓ after",
    ]  # fmt: skip


def test_what_failed_deep_below_what_passed_is_shown():
    result = bad("test", item("caught", item("inner", bad("call"))))
    assert names(failing_path(result))[-1] == "      └─ ✗ call"


def test_of_many_steps_those_beside_the_first_failure_are_shown():
    steps = [bad(f"{n}") if n == 20 else item(f"{n}") for n in range(100)]
    shown = names(failing_path(bad("test", *steps)))
    assert shown == [
        "✗ test", "├─ … 17 more", *(f"├─ ✓ {n}" for n in (17, 18, 19)), "├─ ✗ 20",
        *(f"├─ ✓ {n}" for n in (21, 22, 23)), "└─ … 76 more",
    ]  # fmt: skip
    without = names(failing_path(bad("test", *map(item, map(str, range(100))))))
    assert without[1:3] == ["├─ … 93 more", "├─ ✓ 93"]  # the test itself failed, after them


def test_of_many_failures_the_first_are_shown():
    shown = names(failing_path(bad("test", *(bad(f"{n}") for n in range(100)))))
    assert shown[1:] == [*(f"├─ ✗ {n}" for n in range(7)), "└─ … 93 more"]


def test_fixtures_are_shown_if_they_failed():
    befores = [item("db"), bad("server", bad("bind"))]
    shown = names(failing_path({**bad("test"), "befores": befores, "afters": [item("db")]}))
    assert shown == ["✗ test", "└─ ✗ set-up: server", "   └─ ✗ bind"]


def test_of_the_message_the_cause_is_kept():
    """pytest has said the rest, just above."""
    result = bad("test", message="assert 500 == 200\ncaused by KeyError: 'x', in shop\nmore")
    assert lines(failing_path(result)) == ["✗ test  5 ms", "caused by KeyError: 'x', in shop"]
    assert lines(failing_path(bad("test", message="assert 1 == 2"))) == ["✗ test  5 ms"]
