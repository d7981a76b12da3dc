"""What the documentation shows works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
import yaml

from otel_allure.cli import main as cli
from otel_allure.model.keywords import Options
from otel_allure.testing.results import Results, steps, tree
from tools.docs_links import on_page_markdown

from .pages import DOCS, PAGES, check, fences, follow, run_here
from .test_report_tools import ALLURE_3, tool

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


def test_every_snippet_of_the_readme_is_run():
    assert len(SNIPPETS) == 1


@pytest.mark.parametrize("page", ["README.md", *(str(p.relative_to(ROOT)) for p in PAGES)])
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
    commands = ("tree", "report", "convert", "receive", "receive-grpc", "run")
    for command, section in zip(commands, page.split("\n## ")[1:], strict=True):
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
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    services = compose["services"]
    assert set(services) == {"db", "shop", "collector", "jaeger", "tests", "report"}
    for service in services.values():
        if "build" in service:
            assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        assert set(service.get("depends_on", ())) <= set(services)
    (config,) = [word.partition("=")[2] for word in services["collector"]["command"]]
    (folder,) = [volume.split(":") for volume in services["collector"]["volumes"]]
    text = (ROOT / folder[0] / Path(config).name).read_text()
    wanted = set(re.findall(r"\$\{env:(\w+)\}", text))
    assert wanted == set(services["collector"]["environment"])


GRPC_CLIENT = {"endpoint": str, "tls": {"insecure": bool}}
COLLECTOR: dict[str, dict[str, object]] = {
    "receivers": {
        "otlp": {"protocols": {"grpc": {"endpoint": str}, "http": {"endpoint": str}}},
    },
    "processors": {"batch": {"timeout": str}},
    "exporters": {
        "file": {
            "path": str,
            "flush_interval": str,
            "rotation": {"max_megabytes": int, "max_backups": int},
        },
        "otlp_http": {
            "endpoint": str,
            "headers": {"authorization": str},
            "retry_on_failure": {"max_elapsed_time": str},
        },
        "otlp_grpc": GRPC_CLIENT,
        "load_balancing": {
            "routing_key": str,
            "protocol": {"otlp": GRPC_CLIENT},
            "resolver": {"dns": {"hostname": str, "port": str}},
        },
    },
}
"""What there is, by the `config.schema.yaml` of each component; of that, what we use."""


def assert_is_like(value: object, schema: object, place: str) -> None:
    if not isinstance(schema, dict):
        assert type(value) is schema, place
        return
    assert isinstance(value, dict), place
    assert value.keys() <= schema.keys(), place
    for name, inner in value.items():
        assert_is_like(inner, schema[name], f"{place}.{name}")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples" / "collector").glob("*.yaml")), ids=lambda path: path.stem
)
def test_configurations_of_the_collector_are_whole(path):
    """Each component that a pipeline names is there, is named, and has keys that it knows."""
    configuration = yaml.safe_load(path.read_text())
    for kind, known in COLLECTOR.items():
        for name, its in configuration[kind].items():
            assert_is_like(its, known[name.partition("/")[0]], f"{kind}.{name}")
    pipelines = configuration["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        named = {name for pipeline in pipelines for name in pipeline[kind]}
        assert named == set(configuration[kind])
    readme = (path.parent / "README.md").read_text()
    assert f"`{path.name}`" in readme


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


# -- pages, as what their readers do with them

PROJECTS: dict[str, tuple[str, ...]] = {
    "start.md": (),
    "tutorial.md": (),
    "how-to/aiohttp-asyncpg.md": (),
    "how-to/assert-on-traces.md": (),
    "how-to/backend.md": (),
    "how-to/fastapi-sqlalchemy.md": (),
    "how-to/from-a-mock-to-a-trace.md": (),
    "how-to/headers-and-bodies.md": (),
    "how-to/httpx-in-process.md": (),
    "how-to/less-noise.md": (),
    "how-to/programs.md": (),
    "how-to/several-services.md": (),
    "how-to/steps.md": (),
    "how-to/tests-of-telemetry.md": (),
    "how-to/xdist.md": ("xdist",),
}
"""Pages that are projects, with the pytest plugins beside ours and pytest-asyncio."""

NO_PROJECTS = {
    "command-line.md",
    "how-to/ci.md",
    "isolation.md",
    "processes.md",
    "remote.md",
    "spans.md",
}
"""Pages with snippets that other tests run."""

KINDS = {"console", "ini", "python", "sh", "text", "toml", "yaml"}


@pytest.mark.skipif(os.name == "nt", reason="commands of a POSIX shell")
@pytest.mark.parametrize("page", PROJECTS)
def test_what_a_page_says_works(page, tmp_path):
    with collector() as received:
        follow(DOCS / page, tmp_path, *PROJECTS[page], environment=received.environment)
    RESULTS_SAY.get(page, lambda results: None)(Results(tmp_path / "allure-results"))
    assert bool(received.paths) == (page == "how-to/backend.md")


def tutorial_tags_and_tells_the_repeated_call(results):
    (result,) = results.results
    assert {"name": "tag", "value": "n+1"} in result["labels"]
    assert "GET /stock/{id} ×5, one after the other" in result["descriptionHtml"]


def exchange_is_shown_and_masked(results):
    (attachment,) = [
        attachment
        for step in steps(results["test_order"])
        for attachment in step.get("attachments", ())
    ]
    exchange = json.loads(results.body(attachment))
    sent, answered = exchange["request"], exchange["response"]
    assert json.loads(sent["body"]["value"]) == {"item": "cup", "card": {"token": "****"}}
    assert json.loads(answered["body"]["value"]) == {"id": 1}
    assert "content-type" in [header["name"] for header in answered["headers"]]


def account_is_masked(results):
    for step in results["test_pay"]["steps"][1:]:
        (parameter,) = step["steps"][0]["parameters"]
        assert parameter == {"name": "account", "value": "****", "mode": "masked"}
    assert results["test_pay"]["statusDetails"]["flaky"] is True


def result_is_linked_to_its_trace(results):
    (link,) = results["test_visit"]["links"]
    assert re.fullmatch(r"http://localhost:16686/trace/[0-9a-f]{32}", link["url"])


RESULTS_SAY: dict[str, Callable[[Results], None]] = {
    "tutorial.md": tutorial_tags_and_tells_the_repeated_call,
    "how-to/backend.md": result_is_linked_to_its_trace,
    "how-to/headers-and-bodies.md": exchange_is_shown_and_masked,
    "how-to/steps.md": account_is_masked,
}
"""What a page says of its report beside what it prints."""


class Collector(HTTPServer):
    """Takes OTLP in, as a backend would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), CollectorRequest)
        self.paths: list[str] = []
        address = f"http://127.0.0.1:{self.server_port}"
        self.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": address}


class CollectorRequest(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def collector():
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.skipif(os.name == "nt", reason="commands of a POSIX shell")
def test_commands_of_pipelines_work(tmp_path):
    """What runs in the CI of others, with the Allure that is tested here in the place of npx's."""
    files = {f.title: f.text for f in fences(DOCS / "how-to" / "ci.md") if f.title}
    github = yaml.safe_load(files[".github/workflows/tests.yml"])["jobs"]["tests"]["steps"]
    gitlab = yaml.safe_load(files[".gitlab-ci.yml"])
    commands = [step["run"] for step in github if "run" in step]
    assert commands == gitlab["tests"]["script"] + gitlab["report"]["script"]
    install, tests, report = commands
    assert install == "pip install -r requirements.txt"
    assert report.startswith("npx --yes allure@3 ")
    allure = " ".join(tool(ALLURE_3))
    (tmp_path / "allurerc.yml").write_text(files["allurerc.yml"])
    (tmp_path / "test_it.py").write_text("def test_it(): pass")
    for command in (tests, report.replace("npx --yes allure@3", allure)):
        run_here(command, tmp_path)
    kept = [step["with"]["path"] for step in github if "path" in step.get("with", {})]
    assert set(kept) == {"allure-history", "allure-report"}
    assert gitlab["report"]["cache"]["paths"] + gitlab["report"]["artifacts"]["paths"] == [
        *("allure-history", "allure-report")
    ]
    assert (tmp_path / "allure-report" / "index.html").exists()
    assert len((tmp_path / "allure-history" / "history.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_snippet_is_of_a_kind_that_is_checked(page):
    name = page.relative_to(DOCS).as_posix()
    for fence in fences(page):
        assert fence.kind in KINDS, fence
        check(fence)
        if fence.title or fence.kind in ("console", "python"):
            assert name in NO_PROJECTS or name in PROJECTS, fence


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda path: path.stem)
def test_commands_of_ours_can_be_parsed(page):
    texts = [fence.text for fence in fences(page) if fence.kind != "text"]
    for line in "".join(texts).replace("\\\n", " ").splitlines():
        if line.removeprefix("$ ").startswith("otel-allure "):
            words = shlex.split(line.removeprefix("$ "), comments=True)
            cli._parser().parse_args(words[1:])


def test_options_that_pages_name_exist(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    shown = pytester.runpytest_inprocess("-p", "otel_allure", "--help").stdout.str()
    option = re.compile(r"--(?:clean-)?allure[\w-]*\w")
    known = {*option.findall(shown), "--allure-link-pattern"}  # the help cuts long ones
    page = (DOCS / "configuration.md").read_text("utf-8")
    settings = {f"--allure-{name.replace('_', '-')}" for name in Options.__annotations__}
    assert {name for name in known - settings if name not in page} == set()
    for page in (ROOT / "README.md", *PAGES):
        assert set(option.findall(page.read_text("utf-8"))) <= known, page


def test_every_page_can_be_reached():
    listed = re.findall(r"^ +- .*: ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_lists_have_a_blank_line_above(page):
    """Without one the site shows them as a part of the paragraph."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for above, line in pairwise(text.splitlines()):
        if re.match(r"(?:[-*]|\d+\.) ", line):
            assert not above or re.match(r"(?:[-*]|\d+\.) |\s", above), line
