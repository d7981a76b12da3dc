"""What is bounded has a setting, and whatever is cut off is told at its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from otel_allure.model import conventions as c
from otel_allure.model.settings import SETTINGS, Settings
from otel_allure.model.spans import Log
from otel_allure.output.report import Report
from otel_allure.testing.results import Results
from otel_allure.testing.spans import build_span

TEST = {c.KIND: c.TEST}
STEP = {c.KIND: c.STEP}
LONG = "xyz " * 300
HTTP = {"http.request.method": "POST", "url.full": "http://it/"}


def one(tmp_path: Path, settings: dict[str, Any], **attributes: Any) -> tuple[Any, Results]:
    """Return the step that is made of a call below a test."""
    report = Report(tmp_path, settings=Settings(**settings))
    name = attributes.pop("name", "call")
    report.add([build_span(name, 2, 1, kind="client", attributes=attributes)])
    report.add([build_span("test", 1, attributes=TEST)])
    found = Results(tmp_path)
    (result,) = found.results
    return result["steps"][0], found


CUT = "… cut here: 1,200 characters in all"


def test_titles(tmp_path: Path) -> None:
    assert len(one(tmp_path / "1", {}, name=LONG)[0]["name"]) == 120
    (step, _) = one(tmp_path / "2", {"max_title": 30}, name=LONG)
    assert len(step["name"]) == 30
    assert step["name"].endswith("…")


def test_values(tmp_path: Path) -> None:
    (step, _) = one(tmp_path / "1", {"max_value": 30}, told=LONG)
    (value,) = [p["value"] for p in step["parameters"] if p["name"] == "told"]
    assert (len(value), value[-1]) == (30, "…")
    own = {**STEP, c.PARAMETER_NAMES: ["told"], c.PARAMETER_VALUES: [LONG]}
    (step, _) = one(tmp_path / "2", {"max_value": 30}, **own)
    assert step["parameters"][0]["value"] == f"{LONG[:30]} {CUT}"
    (step, _) = one(tmp_path / "3", {}, **own)
    assert step["parameters"][0]["value"] == LONG


def test_messages_and_traces(tmp_path: Path) -> None:
    failed = {**STEP, c.STATUS: "failed", c.MESSAGE: LONG, c.TRACE: LONG}
    (step, _) = one(tmp_path / "1", {"max_message": 200}, **failed)
    assert step["statusDetails"] == dict.fromkeys(("message", "trace"), f"{LONG[:200]}\n{CUT}")
    (step, _) = one(tmp_path / "2", {}, **failed)
    assert step["statusDetails"] == {"message": LONG, "trace": LONG}


@pytest.mark.parametrize(
    "attributes",
    [
        {**HTTP, "http.request.body.content": LONG},
        {"db.system.name": "postgresql", "db.query.text": f"SELECT '{LONG}'"},
        {"graphql.document": f"query {{ {LONG} }}"},
    ],
    ids=["a body", "a query", "a document"],
)
def test_what_is_attached(tmp_path: Path, attributes: dict[str, Any]) -> None:
    (step, found) = one(tmp_path / "1", {"max_body": 100}, **attributes)
    bodies = [found.body(attachment) for attachment in step["attachments"]]
    assert any(re.search("cut here: 1,2.. characters in all", body) for body in bodies)
    assert max(map(len, bodies)) < 600
    (step, found) = one(tmp_path / "2", {}, **attributes)
    assert "cut here" not in "".join(found.body(each) for each in step["attachments"])


def test_what_waits(tmp_path: Path) -> None:
    report = Report(tmp_path, settings=Settings(max_waiting=100))
    report.add(build_span("child", 2, 1, trace_id=trace) for trace in range(1, 401))
    assert Results(tmp_path).results
    assert "more than 100 spans have none (max_waiting)" in "".join(report.diagnostics.lines())
    report.add(Log(0, 0, time, "INFO", "app", "text") for time in range(300))
    report.settle()
    assert "only the last 100 are kept (max_waiting)" in "".join(report.diagnostics.lines())


def test_the_page_names_settings_that_exist() -> None:
    page = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text("utf-8")
    table = page.partition("## What is bounded")[2].partition("\n## ")[0]
    named = set(re.findall(r"`((?:max|receiver)_\w+)`", table))
    assert len(named) > 12
    assert named <= {setting.name for setting in SETTINGS}
    assert {s.name for s in SETTINGS if re.search("(^|_)max_", s.name)} <= named
