"""What the documentation shows works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from otel_allure.cli import main as cli
from otel_allure.testing.results import Results, tree
from tools.docs_links import on_page_markdown

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def snippet(containing: str) -> str:
    (found,) = [code for code in SNIPPETS if containing in code]
    return found


@pytest.mark.usefixtures("only_steps")  # where two steps take long, there is a waterfall
def test_readme_first_test(run):
    done = run(snippet("test_two_visitors_at_once"), passed=1)
    assert tree(done.report["test_two_visitors_at_once"]) == [
        {f"{name} looks around": [{f"{name} buys a cup": ["[receipt]"]}]}
        for name in ("Alice", "Bob")
    ]


@pytest.mark.skipif(os.name == "nt", reason="commands of a POSIX shell")
def test_readme_first_example_in_a_fresh_environment(tmp_path):
    """As it stands there, pasted, in an environment that has nothing but Python."""
    install, commands = (
        block
        for block in re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
        if "mkdir try-it" in block or "asyncio_mode" in block
    )
    (tmp_path / "otel-allure").symlink_to(ROOT, target_is_directory=True)
    code = snippet("test_two_visitors_at_once")
    script = f"set -e\n{install}\ncat > test_visitors.py <<'EOF'\n{code}EOF\n{commands}"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nAllure results: 1 in allure-results; open: " in done.stdout
    printed = re.sub(r"  \d+ ms", "", done.stdout)
    for name in ("Alice", "Bob"):
        own = [f"─ ✓ {name} looks around", f"─ ✓ {name} buys a cup", "─ [receipt]"]
        assert re.search("\n.*".join(map(re.escape, own)), printed), printed


def test_readme_handle(run):
    done = run(snippet("ask the bank") + "\nasync def test_pay():\n    await pay(3)\n", passed=1)
    result = done.report["test_pay"]
    assert tree(result) == [{"pay 3": ["failed: ask the bank (sandbox)"]}]
    (parameter,) = result["steps"][0]["steps"][0]["parameters"]
    assert parameter == {"name": "account", "value": "****", "mode": "masked"}


def test_readme_provider(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(snippet("AllureSpanProcessor"), namespace)
    provider = namespace["provider"]
    with provider.get_tracer("app").start_as_current_span("request"):  # type: ignore[attr-defined]
        pass
    provider.shutdown()  # type: ignore[attr-defined]
    assert [r["name"] for r in Results("allure-results").results] == ["request"]


def test_every_snippet_of_the_readme_is_run():
    assert len(SNIPPETS) == 3


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_commands_of_the_readme_exist(capsys):
    for command in ("run", "tree", "report"):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
    assert "otel-allure run" in capsys.readouterr().out


def test_options_of_the_command_are_described(capsys):
    page = (ROOT / "docs" / "command-line.md").read_text()
    for command, section in zip(("tree", "report", "run"), page.split("\n## ")[1:], strict=True):
        assert section.startswith(f"`otel-allure {command} ")
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        options = set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out))
        missing = {name for name in options - {"--help", "--fixtures"} if name not in section}
        assert not missing


def test_architecture_lists_every_module():
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = {p.name for p in (ROOT / "otel_allure").glob("*.py")}
    modules -= {"__init__.py", "__main__.py"}
    assert {name for name in modules if f"`{name}`" not in text} == set()


def test_compose_file_names_what_exists():
    """There may be no Docker where this runs: at least its files and services are there."""
    yaml = pytest.importorskip("yaml")
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert set(compose["services"]) == {"db", "shop", "tests"}
    for name in ("shop", "tests"):
        service = compose["services"][name]
        assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        assert set(service["depends_on"]) <= set(compose["services"])


@pytest.mark.parametrize(
    ("page", "link", "shown"),
    [
        ("report.md", "../examples/shop", "https://host/us/blob/main/examples/shop"),
        ("how-to/xdist.md", "../../README.md#use-it", "https://host/us/blob/main/README.md#use-it"),
        ("how-to/xdist.md", "../report.md", "../report.md"),
        ("report.md", "https://else.where/../x", "https://else.where/../x"),
        ("report.md", "#findings", "#findings"),
    ],
)
def test_links_out_of_the_site_lead_to_the_repository(page, link, shown):
    changed = on_page_markdown(
        f"See [it]({link}).",
        page=SimpleNamespace(file=SimpleNamespace(src_uri=page)),
        config=SimpleNamespace(extra={"repository": "https://host/us"}),
    )
    assert changed == f"See [it]({shown})."
