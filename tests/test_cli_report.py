"""`otel-allure report`, with a stand-in for Allure; test_report_tools.py has the real ones."""

from __future__ import annotations

import os
import sys
import webbrowser

import pytest

from otel_allure.cli import main as cli

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs of POSIX systems")

STAND_IN = """#!{python}
# {mark}
import pathlib, sys
pathlib.Path({log!r}).open("a").write(" ".join(sys.argv[1:]) + "\\n")
print("what it says")
if {works}:
    output = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
    output.mkdir()
    (output / "index.html").write_text("the report")
sys.exit({code})
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current directory with results, and nothing on the PATH but `bin`."""
    (tmp_path / "allure-results").mkdir()
    (tmp_path / "allure-results" / "1-result.json").write_text("{}")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def install(here):
    def install(name: str, *, works: bool = True, code: int = 0, mark: str = "") -> None:
        path = here / "bin" / name
        log = str(here / f"{name}.log")
        path.write_text(
            STAND_IN.format(python=sys.executable, log=log, works=works, code=code, mark=mark)
        )
        path.chmod(0o755)

    return install


@pytest.mark.parametrize(
    ("name", "mark", "begins"),
    [
        ("allure", "", "awesome {}/allure-results --single-file -o "),
        ("allure", "JAVA_HOME", "generate --clean {}/allure-results --single-file -o "),
        ("npx", "", "--yes allure@3 awesome {}/allure-results --single-file -o "),
    ],
)
def test_it_is_made_with_what_is_there(here, install, capsys, name, mark, begins):
    """Each kind of Allure has its own words for it. Nothing else in the directory is touched."""
    install(name, mark=mark)
    (here / "site").mkdir()
    (here / "site" / "mine").touch()
    assert cli.main(["report", "-o", "site"]) == 0
    assert (here / f"{name}.log").read_text().startswith(begins.format(here))
    assert (here / "site" / "index.html").read_text() == "the report"
    assert (here / "site" / "mine").exists()
    printed = capsys.readouterr()
    assert printed.out == f"Report: file://{here}/site/index.html\n"
    assert "what it says" not in printed.err


def test_it_is_opened_where_that_is_asked_for(here, install, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    install("allure")
    assert cli.main(["report"]) == 0
    assert opened == []
    assert cli.main(["report", "--open"]) == 0
    assert opened == [f"file://{here}/allure-report/index.html"]
    assert "no browser" in capsys.readouterr().err


@pytest.mark.parametrize("way", [{"code": 3}, {"works": False}])
def test_what_an_allure_says_that_does_not_work_is_shown(here, install, capsys, way):
    install("allure", **way)
    assert cli.main(["report"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "what it says" in printed.err
    assert "this did not work: " in printed.err
    assert not (here / "allure-report").exists()


def test_the_next_one_is_tried(here, install):
    """An `allure` without Java, for example."""
    install("allure", code=1)
    install("npx")
    assert cli.main(["report"]) == 0
    assert (here / "npx.log").exists()


@pytest.mark.usefixtures("here")
def test_without_any_it_says_how_to_get_one(capsys):
    assert cli.main(["report"]) == 2
    told = "there is no Allure here: install Node.js (https://nodejs.org), then: npx --yes allure@3"
    assert told in capsys.readouterr().err


def test_a_directory_without_results_is_no_report(here, install, capsys):
    install("allure")
    assert cli.main(["report", "elsewhere"]) == 2
    assert "otel-allure report: there is no elsewhere" in capsys.readouterr().err
    assert not (here / "allure.log").exists()
