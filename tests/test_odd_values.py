"""What is odd is shown as well as possible, and never costs more than its own place."""

from __future__ import annotations

import pytest

from otel_allure.testing.results import steps


def names_and_values(entries):
    return sorted((entry["name"], entry["value"]) for entry in entries)


IDENTITY = {"name", "fullName", "historyId", "testCaseId", "uuid", "status", "start", "stop"}


def assert_complete(results):
    for result in results:
        assert result.keys() >= IDENTITY, result
        found = {label["name"] for label in result["labels"]}
        assert {"suite", "host", "framework", "language", "package", "thread"} <= found
        for entry in (*result["labels"], *result.get("parameters", ())):
            assert type(entry["name"]) is type(entry["value"]) is str, entry


def test_titles_that_are_no_text(run):
    done = run(
        """
        import enum, pathlib, allure, otel_allure, pytest

        class Colour(enum.Enum):
            RED = 1

        class Broken:
            def __str__(self):
                raise RuntimeError("no text")

        TITLES = [404, None, ("css", "#buy"), 1.5, ["a"], pathlib.PurePosixPath("/a"), Colour.RED,
                  True, b"b", "", "caf\\udce9", Broken()]

        @pytest.mark.parametrize("number", range(len(TITLES)))
        def test_blocks(number):
            with allure.step(TITLES[number]):
                with otel_allure.step(TITLES[number]) as s:
                    s.title = TITLES[number]
                    assert TITLES[number] != 404

        def test_others():
            for title in TITLES:
                otel_allure.log_step(title, "broken", message=title)
                allure.step(title).__call__(lambda a: a)(title)
                allure.dynamic.title(title)
            allure.dynamic.title(404)
        """,
        passed=12,
        failed=1,
    )
    assert_complete(done.report.results)
    shown = {}
    for result in done.report.results:
        if result["name"] != "404":
            number = int(result["parameters"][0]["value"])
            outer, inner = steps(result)
            assert result["status"] == outer["status"] == ("passed" if number else "failed")
            shown[number] = outer["name"], inner["name"]
    wanted = ["404", "None", "('css', '#buy')", "1.5", "['a']", "/a", "Colour.RED", "true", "b'b'"]
    wanted += ["unnamed span", "caf\\udce9", "<Broken: its str raised RuntimeError('no text')>"]
    assert [shown[number] for number in range(12)] == [(name, name) for name in wanted]
    logged = done.report["404"]["steps"]
    assert [step["name"] for step in logged] == [name for name in wanted for _ in range(2)]
    assert [step["status"] for step in logged] == ["broken", "passed"] * 12


def test_labels_and_links_that_are_no_text(run):
    done = run(
        """
        import allure, pytest

        class Broken:
            __hash__ = None
            def __str__(self):
                raise RuntimeError("no text")
            __repr__ = __bool__ = __eq__ = __str__

        ODD = [["a", "b"], {"n": 1}, None, 7, ("x", "y"), Broken(), "caf\\udce9"]

        def test_dynamic():
            for odd in ODD:
                allure.dynamic.label("odd", odd)
                allure.dynamic.label(odd, "name")
                allure.dynamic.link(odd, link_type=odd, name=odd)
                allure.dynamic.severity(odd)
                allure.dynamic.id(odd)
                allure.dynamic.description(odd)
                allure.dynamic.description_html(odd)

        @allure.label("odd", *ODD)
        @allure.label({"n": 1}, "name")
        @allure.severity({"n": 2})
        @allure.severity({"n": 1})
        @allure.suite(None)
        @allure.link({"n": 1}, link_type=[2], name=3)
        @allure.issue(Broken())
        @allure.description(404)
        @allure.title(404)
        def test_marks():
            pass

        @pytest.mark.allure_label("no name")
        @pytest.mark.allure_label(label_type="severity")
        @pytest.mark.allure_label
        @pytest.mark.allure_link
        @pytest.mark.allure_link("url")
        @pytest.mark.allure_description
        def test_marks_by_hand():
            pass
        """,
        passed=3,
    )
    assert_complete(done.report.results)
    texts = ["['a', 'b']", "{'n': 1}", "None", "7", "('x', 'y')"]
    texts += ["<Broken: its str raised RuntimeError('no text')>", "caf\\udce9"]
    dynamic, marked = done.report["test_dynamic"], done.report["404"]
    for result in (dynamic, marked):
        labels = names_and_values(result["labels"])
        assert [value for name, value in labels if name == "odd"] == sorted(texts)
    assert {name for name, value in names_and_values(dynamic["labels"]) if value == "name"} == {
        *texts
    }
    assert [(link["url"], link["type"], link["name"]) for link in dynamic["links"]] == [
        (text, text, text) for text in texts
    ]
    labels = dict(names_and_values(marked["labels"]))
    assert (labels["severity"], labels["suite"]) == ("{'n': 1}", "None")
    assert {(link["url"], link["name"]) for link in marked["links"]} == {
        ("{'n': 1}", "3"),
        (texts[5], texts[5]),
    }
    assert marked["description"] == "404"
    by_hand = done.report["test_marks_by_hand"]
    assert ("label", "no name") in names_and_values(by_hand["labels"])
    assert [link["url"] for link in by_hand["links"]] == ["url"]


def test_parameters_that_are_no_text(run):
    done = run(
        """
        import os, allure, pytest

        class Broken:
            __hash__ = None
            def __str__(self):
                raise RuntimeError("no text")
            __repr__ = __bool__ = __eq__ = __str__

        NAME = os.fsdecode(b"caf\\xe9.txt")

        @pytest.mark.parametrize("value", [NAME, Broken(), float("nan"), b"\\0"], ids=[*"abcd"])
        @allure.title("open {value}")
        @allure.feature("files")
        def test_marked(value):
            assert value is not NAME

        def test_dynamic():
            for odd in [None, 5, ("a",), Broken(), NAME]:
                allure.dynamic.parameter(odd, odd, excluded=odd, mode=None)
            allure.dynamic.parameter("secret", "s3cr3t-v4lue", mode=object())
            allure.dynamic.parameter("again", 1)
            allure.dynamic.parameter("again", 2)
        """,
        failed=1,
        passed=4,
    )
    assert_complete(done.report.results)
    by_title = {result["name"]: result for result in done.report.results}
    broken = "<Broken: its repr raised RuntimeError('no text')>"
    failed = by_title["open caf\\udce9.txt"]
    assert failed["status"] == "failed"
    assert failed["parameters"] == [{"name": "value", "value": "'caf\\udce9.txt'"}]
    assert len({result["historyId"] for result in done.report.results}) == 5
    assert by_title["test_dynamic"]["parameters"][0]["value"] == "None"
    shown = dict(names_and_values(by_title["test_dynamic"]["parameters"]))
    assert shown[broken.replace("repr", "str")] == broken
    assert shown["secret"].startswith("****")
    assert shown["again"] == "2"
    done.outcome.stdout.fnmatch_lines(["showing an argument: RuntimeError: no text*"])


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt"])
def test_what_a_repr_raises(run, kind):
    """It is no part of the test; Ctrl-C always is."""
    done = run(
        f"""
        import allure, pytest

        errors = [{kind}]

        class Raising:  # once, as pytest shows it too
            def __repr__(self):
                raise errors.pop()

        @allure.step
        def step(value):
            pass

        def test_it():
            step(Raising())
        """,
    )
    interrupted = kind == "KeyboardInterrupt"
    assert done.outcome.ret == (2 if interrupted else 0)
    (result,) = done.report.results
    assert result["status"] == ("broken" if interrupted else "passed")


def test_attachments_with_odd_arguments(run):
    done = run(
        """
        from unittest import mock
        import allure

        class Broken:
            def __str__(self):
                raise RuntimeError("no text")
            __repr__ = __bool__ = __eq__ = __str__

        def test_it(tmp_path):
            view = memoryview(b"gone")
            view.release()
            for odd in [None, 5, ("a",), Broken(), "\\udce9", mock.MagicMock(spec=str), view]:
                allure.attach(odd, name=odd, attachment_type=odd, extension=odd)
            file = tmp_path / "caf\\udce9"
            file.write_text("body")
            allure.attach.file(file, attachment_type=["x"], extension=Broken())
        """,
        passed=1,
    )
    (result,) = done.report.results
    assert len(result["attachments"]) == 8
    for attachment in result["attachments"]:
        assert attachment["name"]
        assert done.report.body(attachment)
    assert "not complete" not in done.outcome.stdout.str()


def test_log_records_that_cannot_be_shown(run):
    done = run(
        """
        import logging, allure

        class Broken:
            def __str__(self):
                raise RuntimeError("no text")
            __repr__ = __str__

        def test_it(monkeypatch):
            root = logging.getLogger()
            monkeypatch.setattr(root, "handlers", [])  # those of pytest raise
            monkeypatch.setattr(logging, "lastResort", logging.NullHandler())
            with allure.step("step"):
                logging.getLogger("odd").error("first")
                logging.getLogger("odd").error("a %s b", Broken())
                logging.getLogger("odd").error("last")
        """,
        passed=1,
    )
    (result,) = done.report.results
    (step,) = steps(result)
    lines = done.report.body(step["attachments"][0]).splitlines()
    assert "a %s b (arguments: <tuple: its repr raised RuntimeError('no text')>)" in lines[1]
    assert len(lines) == 3
    assert "not complete" not in done.outcome.stdout.str()


def test_names_that_are_empty(run):
    done = run(
        """
        import allure, otel_allure

        def test_it():
            allure.dynamic.title("")
            allure.dynamic.parameter("", "")
            allure.dynamic.label("", "")
            with otel_allure.step("step") as s:
                s.parameter("", "value")
        """,
        passed=1,
    )
    (result,) = done.report.results
    assert_complete([result])
    assert {"name": "", "value": "''"} in result["parameters"]
    assert {"name": "", "value": ""} in result["labels"]
    assert next(steps(result))["parameters"] == [{"name": "", "value": "value"}]


def test_modes_and_statuses_that_are_none(run):
    """They are a mistake of the caller, which is told like any other."""
    run(
        """
        import otel_allure, pytest

        class Raises:
            def __repr__(self):
                raise RuntimeError("no text")
            __bool__ = __eq__ = __repr__
            __hash__ = None
            value = property(__repr__)

        class Liar:
            __class__ = property(lambda self: 1 / 0)

        @pytest.mark.parametrize("number", range(6))
        def test_it(number):
            odd = [Raises(), Liar(), 5, None, [], "secret"][number]
            with otel_allure.step("step") as s:
                if odd is not None:
                    with pytest.raises(ValueError, match="is none of masked, hidden"):
                        s.parameter("name", "value", mode=odd)
                with pytest.raises(ValueError, match="is none of passed, failed"):
                    s.set_status(odd)
        """,
        passed=6,
    )


def test_what_plugins_put_into_results(run, pytester):
    """One odd entry costs none of the other changes."""
    pytester.makeconftest(
        """
        import pytest
        from allure_commons.model2 import (
            Attachment, Label, Link, Parameter, StatusDetails, TestStepResult)

        class Broken:
            __hash__ = None
            def __str__(self):
                raise RuntimeError("no text")
            __repr__ = __bool__ = __eq__ = __str__
            name = value = property(__str__)

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(item):
            yield
            logger = item.config.pluginmanager.get_plugin("allure_listener").allure_logger
            test = logger.get_test(None)
            test.name = 404
            test.description = ["odd"]
            test.labels += [Broken(), Label("layer", 5), "text", Label(Broken.__name__, ("a",))]
            test.links += [None, Link(7, "https://example.com", Broken.__name__)]
            test.parameters += [Parameter(5, Broken.__new__), Parameter("last", 1, mode="masked")]
            test.attachments = None
            test.statusDetails = StatusDetails(message=404, known=True)
            first, odd, last = (TestStepResult(name=name) for name in ("first", Broken, 5))
            odd.start, odd.stop, odd.parameters = "now", Broken(), [Broken()]
            odd.steps = [None, TestStepResult(name="below")]
            test.steps.extend([first, None, odd, last])
        """
    )
    done = run("def test_it(): pass", passed=1)
    (result,) = done.report.results
    assert_complete([result])
    assert (result["name"], result["description"]) == ("404", "['odd']")
    assert {("layer", "5"), ("Broken", "('a',)")} <= set(names_and_values(result["labels"]))
    assert [link["url"] for link in result["links"]] == ["https://example.com"]
    assert [p["name"] for p in result["parameters"]] == ["5", "last"]
    assert result["statusDetails"]["known"] is True
    assert [step["name"].split(".")[-1] for step in steps(result)] == [
        "first",
        "Broken'>",
        "below",
        "5",
    ]
    summary = done.outcome.stdout.str()
    assert "taking changes to a result: RuntimeError: no text" in summary
    assert "taking a step of others: AttributeError" in summary
