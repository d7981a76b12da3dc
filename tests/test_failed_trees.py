"""`--allure-otel-tree=failed`: below pytest's message of a failure, the steps that led to it."""

from __future__ import annotations

import re

import pytest

SOURCE = """
    import allure
    import pytest

    @pytest.fixture(scope="session")
    def server():
        with allure.step("Bind the port"):
            raise OSError("in use")

    def test_call():
        with allure.step("Look"):
            pass
        with allure.step("Buy"), allure.step("Pay"):
            assert 0, "no money"

    def test_set_up(server):
        pass

    tries = []

    @pytest.mark.flaky(reruns=1)
    def test_again():
        tries.append(1)
        with allure.step(f"Try {len(tries)}"):
            assert 0

    def test_subtests(subtests):
        with subtests.test("part"), allure.step("Inner"):
            assert 0

    def test_without_steps():
        assert 0

    def test_passes():
        with allure.step("Fine"):
            pass
"""


def trees(done) -> list[str]:
    """The trees, without durations, in alphabetic order."""
    text = re.sub(r"  \d+ ms", "", str(done.outcome.stdout))
    found = re.findall(r"-+ Allure steps -+\n((?:[✗!✓├└│ ].*\n)+)", text)
    return sorted(tree.rstrip() for tree in found)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_failed_tests_have_a_tree(run, workers):
    """Each that has steps: of the last attempt, with fixtures that failed, with xdist too."""
    options = ["--allure-otel-tree=failed", "--tb=short", *workers]
    done = run(SOURCE, *options, plugins=("rerunfailures", "xdist"))
    assert trees(done) == [
        "! test_set_up\n└─ ! set-up: server\n   └─ ! Bind the port  (OSError: in use)",
        "✗ test_again\n└─ ✗ Try 2  (AssertionError: assert 0)",
        "✗ test_call\n├─ ✓ Look\n└─ ✗ Buy\n   └─ ✗ Pay  (AssertionError: no money)",
        "✗ test_subtests\n└─ ✗ part\n   └─ ✗ Inner  (AssertionError: assert 0)",
    ]
    assert "Fine" not in str(done.outcome.stdout)


def test_nothing_is_shown_unless_it_is_asked_for(run):
    assert "Allure steps" not in str(run("def test(): assert 0").outcome.stdout)


def test_it_can_be_asked_for_in_the_configuration_file(run, pytester):
    pytester.makeini("[pytest]\nallure_otel_tree = failed")
    source = "import allure\n\n@allure.step\ndef test(): assert 0"
    assert trees(run(source)) == ["✗ test\n└─ ✗ test  (AssertionError: assert 0)"]
