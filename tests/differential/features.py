"""What allure-pytest offers, and whether we do: the table of `docs/allure-pytest.md`."""

from __future__ import annotations

from typing import NamedTuple


class Feature(NamedTuple):
    """A row.

    Attributes:
        name: what is offered.
        theirs: whether allure-pytest does, in a few words.
        ours: whether we do.
        tests: `module::function` in `cases/`, or `run name`, where it is compared.
    """

    name: str
    theirs: str
    ours: str
    tests: tuple[str, ...]


FEATURES = [
    Feature(
        "`title`, `description`, `description_html`",
        "yes",
        "the same",
        ("metadata::test_everything", "metadata::test_title_with_placeholders"),
    ),
    Feature(
        "`label`, `severity`, `epic`, `feature`, `story`, `tag`, `id`, `manual`, suites",
        "yes",
        "the same; values are always text",
        ("metadata::test_everything", "metadata::test_repeated"),
    ),
    Feature(
        "`link`, `issue`, `testcase`, `--allure-link-pattern`",
        "yes",
        "the same",
        ("metadata::test_everything", "metadata::test_links_with_braces", "run main"),
    ),
    Feature(
        "Decorators on functions, classes, modules, parameters, either side of `@pytest.fixture`",
        "yes",
        "the same",
        (
            "metadata::test_inherits_from_the_module",
            "metadata::test_nested",
            "metadata::test_marks_of_parameters",
            "metadata::test_titled_fixtures",
        ),
    ),
    Feature(
        "Marks as tags",
        "yes",
        "the same",
        ("metadata::test_everything", "metadata::test_inherits"),
    ),
    Feature(
        "`allure.dynamic`, in bodies",
        "yes",
        "the same",
        ("dynamic::test_everything", "dynamic::test_over_static", "dynamic::test_parameters"),
    ),
    Feature(
        "`allure.dynamic`, in fixtures",
        "title and description are lost",
        "yes",
        ("dynamic::test_fixture_talks", "dynamic::test_fixture_gives_title"),
    ),
    Feature(
        "fullName, titlePath, testCaseId, historyId",
        "yes",
        "the same, byte for byte",
        ("identity::test_value", "identity::test_order", "identity::test_history_of_changed"),
    ),
    Feature(
        "`with allure.step`, `@allure.step` on functions and methods",
        "yes",
        "the same",
        ("steps::test_with", "steps::test_nested_calls", "steps::test_values"),
    ),
    Feature(
        "Steps in coroutines, one after the other",
        "yes",
        "the same",
        ("asynchronous::test_one_after_the_other",),
    ),
    Feature(
        "Steps in tasks at the same time",
        "nested wrongly",
        "yes",
        ("asynchronous::test_gather", "asynchronous::test_one_object_in_two_tasks"),
    ),
    Feature(
        "`@allure.step` on coroutines, generators, classes",
        "0 ms, always passed; a class becomes a function",
        "yes",
        ("asynchronous::test_decorated", "steps::test_generator", "steps::test_class"),
    ),
    Feature(
        "`as s`, `async with`",
        "no",
        "yes",
        ("steps::test_handle", "asynchronous::test_async_with"),
    ),
    Feature(
        "Steps in threads",
        "yes; not in threads that threads start",
        "yes",
        ("threads::test_pool", "threads::test_thread_in_a_thread"),
    ),
    Feature(
        "`attach`, `attach.file`, all attachment types, from tests, steps, fixtures, hooks",
        "yes",
        "the same; a missing type is guessed",
        (
            "attachments::test_types",
            "attachments::test_files",
            "attachments::test_fixture",
            "hooks::test_hooks",
        ),
    ),
    Feature(
        "Captured output and log, `--allure-no-capture`",
        "yes",
        "the same; log records of a step are below it",
        ("attachments::test_captured_in_all_phases", "run options"),
    ),
    Feature(
        "`global_attach`, `global_attach.file`, `global_error`",
        "yes",
        "the same",
        ("globals::test_globals",),
    ),
    Feature(
        "Statuses of set-up, call and tear-down; skip, xfail, xpass, `pytest.fail`",
        "yes",
        "the same",
        (
            "statuses::test_body",
            "statuses::test_before",
            "statuses::test_after",
            "statuses::test_body_and_after",
            "statuses::test_xfail",
        ),
    ),
    Feature(
        "Fixtures of all scopes, finalizers, overrides, `getfixturevalue`",
        "yes",
        "the same; only those that ran for the test",
        (
            "fixtures::test_finalized",
            "fixtures::test_step_across_yield",
            "fixtures::test_chain",
            "fixtures::test_getfixturevalue",
            "fixtures::test_wide_parametrised",
            "fixtures_again::test_in_another_module",
        ),
    ),
    Feature(
        "`--allure-severities`, `-epics`, `-features`, `-stories`, `-ids`, `-label`",
        "yes",
        "the same",
        ("run labels", "run test plan inverted"),
    ),
    Feature(
        "`ALLURE_TESTPLAN_PATH`, `--inversion`",
        "yes",
        "the same",
        ("run test plan", "run test plan inverted"),
    ),
    Feature(
        "`--clean-alluredir`, `ALLURE_INDENT_OUTPUT`",
        "yes; removes whatever is in the directory",
        "yes; removes what Allure writes, and refuses a directory with anything else in it",
        ("run options", "run collect only"),
    ),
    Feature(
        "unittest, doctest",
        "yes",
        "the same",
        ("units::test_fails", "example.txt", "failing_example.txt"),
    ),
    Feature(
        "pytest-asyncio, pytest-rerunfailures, pytest-xdist",
        "yes",
        "the same",
        ("asynchronous::test_fixture", "run reruns", "run xdist"),
    ),
    Feature(
        "Listeners of allure_commons' hooks",
        "yes",
        "the same",
        ("run listener",),
    ),
]
