"""Secrets in all places, in all channels of a report: not one of them is in any file.

Each secret says in which place and channel it was planted, so that a leak can be told by what is
found. The same runs with `redact=off`, which must find all of them: else nothing was planted.
"""

from __future__ import annotations

import base64
import html
import json
import os
import pprint
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote_to_bytes

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from otel_allure import AllureSpanExporter
from otel_allure.model.settings import Settings
from otel_allure.presentation.presentation import Presentation
from otel_allure.redaction.redaction import Redaction
from otel_allure.testing.spans import build_span
from tests.masking_rates import NOT_YET_FILE
from tests.planted import PLACES, Place, is_json

GROUP = 10
"""Places in a test."""

NOT_YET = frozenset(NOT_YET_FILE.read_text("utf-8").splitlines())
"""What is known to leak."""

PLANTED = PLACES[::4]
"""All of them in all channels would take minutes."""

SUITE = """
import csv, html, io, json, logging, multiprocessing, pathlib, shutil, sys, tempfile
from urllib.parse import quote
import allure, pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

GROUPS, NAMES = json.loads(pathlib.Path(__file__).with_name("plan.json").read_text())
TYPE = allure.attachment_type

def tracer():
    return trace.get_tracer("app")

def call(name, **attributes):
    tracer().start_span(name, kind=SpanKind.CLIENT, attributes=attributes).end()

@allure.step
def with_parameter(note): pass

def say(t):
    allure.dynamic.feature(t["label"])
    with allure.step(t["step"]):
        with_parameter(t["step_parameter"])
    logging.getLogger("shop").warning("says %s", t["logged"])
    logging.getLogger("shop").warning(json.dumps({"event": "said", "note": t["logged_extra"]}))
    logging.getLogger(t["logger"]).warning("spoke")
    print(t["printed"])
    print(t["printed_err"], file=sys.stderr)

def attach(t):
    allure.attach(t["attachment"], "text")
    allure.attach("empty", t["attachment_name"])
    allure.attach(t["bytes"].encode(), "bytes", TYPE.TEXT)
    allure.attach(t["json"], "json", TYPE.JSON)
    allure.attach(json.dumps({"note": t["json_wrapped"], "page": 2}), "json", TYPE.JSON)
    allure.attach("<p>" + html.escape(t["html_wrapped"]) + "</p>", "html", TYPE.HTML)
    allure.attach("<note>" + html.escape(t["xml"]) + "</note>", "xml", TYPE.XML)
    allure.attach(t["yaml"].encode(), "yaml", TYPE.YAML)
    rows = io.StringIO()
    csv.writer(rows).writerows([["id", "note"], [3, t["csv"]]])
    allure.attach(rows.getvalue().encode(), "csv", TYPE.CSV)
    picture = "<svg><text>" + html.escape(t["svg"]) + "</text></svg>"
    allure.attach(picture.encode(), "svg", TYPE.SVG)
    form = "page=2&note=" + quote(t["form"], safe="")
    allure.attach(form.encode(), "form", "application/x-www-form-urlencoded", "txt")
    allure.attach(t["utf16"].encode("utf-16"), "utf-16", TYPE.TEXT)
    allure.attach(t["utf16_le"].encode("utf-16-le"), "utf-16-le", TYPE.TEXT)
    allure.attach(t["utf16_be"].encode("utf-16-be"), "utf-16-be", TYPE.TEXT)
    broken = b"\\xff\\xfe broken \\x80\\n" + t["broken"].encode() + b"\\n\\xc3"
    allure.attach(broken[2:], "broken", TYPE.TEXT)
    allure.attach(("caf\\xe9\\n" + t["latin1"]).encode("latin-1", "replace"), "latin-1", TYPE.TEXT)
    allure.global_attach(t["global_attachment"], name="global")
    allure.global_error(t["global_error"], t["global_error"])

def trace_it(t):
    with tracer().start_as_current_span("work", attributes={"note": t["attribute"]}) as span:
        span.set_status(Status(StatusCode.ERROR, t["status"]))
    tracer().start_span(t["title"]).end()
    call("POST", **{
        "http.request.method": "POST",
        "url.full": "https://example.com/?note=" + quote(t["url"], safe=""),
        "http.response.status_code": 500,
        "http.request.header.x_note": (t["request_header"],),
        "http.request.body.content": t["request_body"],
        "http.response.body.content": json.dumps({"note": t["response_body"]}),
    })
    call("SELECT", **{"db.system.name": "postgresql", "db.query.text": t["query"]})
    call("rpc", **{"rpc.system": "grpc", "rpc.service": "shop", "rpc.method": "Pay",
                   "rpc.grpc.status_code": 2, "rpc.request.metadata.x-note": (t["rpc"],)})
    call("chat", **{"gen_ai.operation.name": "chat",
                    "gen_ai.input.messages": json.dumps([{"content": t["chat"]}])})

def fail(t):
    raise ValueError(t["message"])

@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_all(number):
    for texts in GROUPS[number]:
        say(texts)
        attach(texts)
        trace_it(texts)
    for texts in GROUPS[number]:
        with pytest.raises(ValueError), allure.step("fails"):
            fail(texts)

def in_child(texts):
    for t in texts:
        with allure.step(t["child_step"]):
            allure.attach(t["child_attachment"], "text")
            with_parameter(t["child_parameter"])

def test_child_process():
    texts = [t for texts in GROUPS for t in texts]
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(texts,))
    child.start()
    child.join()
    assert child.exitcode == 0
    shutil.copytree(tempfile.gettempdir(), "spool")

@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_assertion(number):
    said = [texts["assertion"] for texts in GROUPS[number]]
    assert said == []

@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_locals(number):
    a, b, c, d, e, f, g, h, i, j = [texts["locals"] for texts in GROUPS[number]]
    assert number < 0

@pytest.mark.parametrize("note", [t["test_name"] for texts in GROUPS for t in texts])
def test_name(note):
    t = next(t for texts in GROUPS for t in texts if t["test_name"] == note)
    allure.dynamic.description(t["description"])
    allure.dynamic.description_html("<pre>" + html.escape(t["html"]) + "</pre>")
    allure.dynamic.parameter("other", t["parameter"])
    allure.dynamic.link("https://example.com/", name=t["link_name"])

def test_names():
    for name, t in NAMES:
        allure.dynamic.parameter(name, t["parameter"])
        call("SELECT", **{"db.system.name": "postgresql", "db.query.text": "SELECT 1",
                          "db.query.parameter." + name: t["query"]})
        call("GET", **{"http.request.method": "GET", "url.full": "https://example.com/",
                       "http.request.header." + name: (t["request_header"],)})
"""


IN_SPANS = ("event", "link", "resource", "cause", "folded", "capped")
CHANNELS = sorted({*re.findall(r't(?:exts)?\["(\w+)"\]', SUITE), *IN_SPANS})


def secret_of(number: int, channel: str, between: str = "") -> str:
    """Return a secret that says where it was planted, even if one half of it is missing."""
    code = f"{number:04}{CHANNELS.index(channel):02}"
    return f"Zq{code}xW9{between}kP3v{code}Tz"


KNOWN: dict[str, Callable[[str], str]] = {
    "known": lambda value: f"deployed with {value} as bob",
    "known-alone": lambda value: value,
    "known-in-url": lambda value: f"https://example.com/{quote(value, safe='')}/now",
    "known-in-query": lambda value: f"https://example.com/?q={quote_plus(value)}",
    "known-in-json": lambda value: json.dumps({"note": value}),
    "known-in-html": lambda value: f"<p>{html.escape(value)}</p>",
    "known-in-python": lambda value: f"said {value!r}",
    "known-in-base64": lambda value: f"sent {base64.b64encode(value.encode()).decode()}",
    "known-in-hex": lambda value: f"sent '{value.encode().hex()}'",
    "known-in-lines": lambda value: f"{value[:20]}\n{value[20:]}",
}
"""Ways to write the value of a secret variable of the environment."""
IDS = [*(place.id for place in PLANTED), *KNOWN]


def known_of(way: str, channel: str) -> str:
    return secret_of(IDS.index(way), channel, "\"&<'\\ /")


_FIRST, _SECOND = re.compile(rb"Zq(\d{6})xW9"), re.compile(rb"P3v(\d{6})Tz")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}")
_HEX = re.compile(rb"(?:[0-9a-f]{2}){20,}")


def found_in(directory: Path) -> set[tuple[str, str]]:
    """Return the places and channels of all secrets in all files."""
    codes: set[bytes] = set()
    for path in filter(Path.is_file, directory.rglob("*")):
        for data in readings(path.name.encode() + b"\n" + path.read_bytes()):
            codes.update(_FIRST.findall(data), _SECOND.findall(data))
    return {(IDS[int(code[:4])], CHANNELS[int(code[4:])]) for code in codes}


def readings(data: bytes) -> Iterator[bytes]:
    """Yield what is in the bytes of a file, however it is written."""
    for written in {data, data.replace(b"\0", b"")}:  # UTF-16
        yield written
        if b"%" in written:
            yield unquote_to_bytes(written)
        for match in _HEX.finditer(written):
            yield bytes.fromhex(match[0].decode())
        for match in _BASE64.finditer(written):
            for at in range(4):
                whole = match[0][at : len(match[0]) - (len(match[0]) - at) % 4]
                yield base64.b64decode(whole)


def texts_of(place: Place) -> dict[str, str]:
    number = PLANTED.index(place)
    return {channel: place.text(secret_of(number, channel)) for channel in CHANNELS}


def plan() -> tuple[list[list[dict[str, str]]], list[tuple[str, dict[str, str]]]]:
    """Return groups of places, each with a text for each channel; and the same of attributes."""
    texts = [texts_of(place) for place in PLANTED if not place.attribute]
    groups = [texts[at : at + GROUP] for at in range(0, len(texts), GROUP)]
    groups[-1] = texts[-GROUP:]  # all of the same size
    groups.append(
        [{channel: KNOWN[way](known_of(way, channel)) for channel in CHANNELS} for way in KNOWN]
    )
    return groups, [(place.attribute, texts_of(place)) for place in PLANTED if place.attribute]


def export(directory: Path, groups: list[list[dict[str, str]]], names: Any) -> None:
    """Export spans of others, of which there are too many to be shown."""
    for texts in groups:
        exporter = AllureSpanExporter(directory, max_steps=30)
        resource = Resource({f"deployment.note{n}": t["resource"] for n, t in enumerate(texts)})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("app")
        with tracer.start_as_current_span("root"):
            for said in texts:
                _export_one(tracer, said)
            for name, said in names:
                span = tracer.start_span("work", attributes={name: said["attribute"]})
                span.add_event("said", {name: said["event"]})
                span.end()
            names = []
            for number in range(50):
                tracer.start_span(f"step {number}").end()
        provider.shutdown()


def _export_one(tracer: trace.Tracer, said: dict[str, str]) -> None:
    elsewhere = trace.SpanContext(1, 2, is_remote=True)
    with tracer.start_as_current_span("work") as span:
        span.add_event("said", {"detail": said["event"]})
        span.add_link(elsewhere, {"why": said["link"]})
        try:
            raise KeyError("k") from ValueError(said["cause"])
        except KeyError as error:
            span.record_exception(error)
    for _ in range(6):
        tracer.start_span(said["folded"]).end()
    tracer.start_span("capped", attributes={"note": said["capped"]}).end()


def found_of(directory: Path, redact: str) -> set[tuple[str, str]]:
    """Return what is found of all that is planted in a report with this setting."""
    groups, names = plan()
    directory.joinpath("plan.json").write_text(json.dumps([groups, names]))
    directory.joinpath("test_it.py").write_text(SUITE)
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith(("OTEL_", "ALLURE_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setenv("OTEL_EXPORTER_ALLURE_REDACT", redact)
        # Whole titles are shown: what is cut off is in no file, masked or not.
        monkeypatch.setenv("OTEL_EXPORTER_ALLURE_MAX_TITLE", "1000")
        directory.joinpath("tmp").mkdir()
        monkeypatch.setenv("TMPDIR", str(directory / "tmp"))
        for number, (way, channel) in enumerate(product(KNOWN, CHANNELS)):
            monkeypatch.setenv(f"SHOP_{number}_PASSWORD", known_of(way, channel))
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "test_it.py", "-p", "otel_allure"),
                *("-p", "no:cacheprovider", "-vvv", "--showlocals", "--no-summary"),
                *("--show-capture=no", "--alluredir=results"),
            ],
            cwd=directory,
            capture_output=True,
            check=False,
        )
        export(directory / "results", groups, names)
    # What child processes leave is sealed, whatever is masked; and it is gone in the end.
    assert len([path for path in directory.joinpath("spool").rglob("*") if path.is_file()])
    assert found_in(directory / "spool") == set()
    assert found_in(directory / "tmp") == set()
    return found_in(directory / "results")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return {redact: found_of(tmp_path_factory.mktemp(redact), redact) for redact in ("on", "off")}


@pytest.mark.parametrize("channel", CHANNELS)
def test_nothing_leaks(found, channel):
    """What is masked as a text is masked wherever it stands."""
    expected = {place.id for place in PLANTED if not place.attribute} | KNOWN.keys()
    planted = {place for place, where in found["off"] if where == channel}
    assert expected - planted == set(), "not in the report at all, even without masking"
    leaks = {place for place, where in found["on"] if where == channel}
    assert leaks - NOT_YET == set()


@pytest.mark.parametrize("channel", ["attribute", "event", "parameter", "query", "request_header"])
def test_nothing_leaks_under_its_name(found, channel):
    names = {place.id for place in PLANTED if place.attribute}
    planted = {place for place, where in found["off"] if where == channel}
    assert names <= planted
    leaks = names & {place for place, where in found["on"] if where == channel}
    assert leaks - NOT_YET == set()


@pytest.mark.parametrize("longest", [40, 80, 120])
def test_titles_are_masked_before_they_are_cut(longest):
    redaction = Redaction()
    cut = Presentation(Settings(max_title=longest), redaction)
    uncut = Presentation(Settings(max_title=10_000), redaction)
    for place in PLANTED:
        span = build_span(place.text(secret_of(0, "title")), 1)
        whole = uncut.title(span)
        assert cut.title(span) == (whole if len(whole) <= longest else f"{whole[: longest - 1]}…")


IN_JSON = [p for p in PLACES if not p.attribute and is_json(p.text("Zq10xW9kP3vT7mB7"))]


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_json_on_several_lines(width):
    """As pprint writes it: one of the lines may be JSON by itself."""
    secret, mask = "Zq10xW9kP3vT7mB7", Redaction().text
    written = {place.id: pprint.pformat(place.text(secret), width=width) for place in IN_JSON}
    assert [name for name, text in written.items() if secret not in text] == []
    assert [name for name, text in written.items() if secret in mask(text)] == []


@pytest.mark.parametrize("rest", [', "more": "ab', ', "more": {"a": [1, ', ', {"more": '])
def test_json_that_is_cut_behind_a_secret(rest):
    """What is in it may be whole."""
    secret, mask = "Zq10xW9kP3vT7mB7", Redaction().text
    cut = {place.id: place.text(secret)[:-1] + rest for place in IN_JSON}
    assert [name for name, text in cut.items() if secret in mask(text)] == []


def test_there_are_enough():
    assert len(PLANTED) > 300


@pytest.mark.parametrize("redact", ["on", "off"])
def test_names_of_files(run, pytester, monkeypatch, redact):
    """Of folders, modules, classes, tests, and of files that are attached."""
    secret = "Zq10xW9kP3vT7mB7"
    monkeypatch.setenv("DEPLOY_PASSWORD", secret)
    monkeypatch.setenv("OTEL_EXPORTER_ALLURE_REDACT", redact)
    folder = pytester.mkpydir(f"of_{secret}")
    folder.joinpath(f"test_{secret}.py").write_text(
        f"""
import allure

class Test{secret}:
    def test_{secret}(self, tmp_path):
        file = tmp_path / "{secret}.txt"
        file.write_text("a")
        allure.attach.file(file)
        assert not file.exists()
"""
    )
    directory = run(None, failed=1).report.directory
    everything = b"".join(p.name.encode() + p.read_bytes() for p in directory.iterdir())
    assert (secret.encode() in everything) == (redact == "off")


def test_what_pytest_cuts(run, monkeypatch):
    """Of long texts it shows the beginning and the end: what is left of known values is masked."""
    secret = "Zq10xW9kP3vT7mB7-aD5fG2hJ8kL4-nM6bV3cX1zQ9"
    monkeypatch.setenv("DEPLOY_PASSWORD", secret)
    source = f"""
        import pytest

        SECRET = {secret!r}

        @pytest.mark.parametrize("at", range(60, 240, 9))
        def test_it(at):
            said = "x" * at + SECRET + "y" * (300 - at)
            listed = [said, SECRET]
            assert said == "z" * at + SECRET[::-1]
    """
    done = run(source, "--showlocals", failed=20)
    everything = b"".join(path.read_bytes() for path in done.report.directory.iterdir()).decode()
    assert "..." in everything
    pieces = {secret[at : at + 10] for at in range(len(secret) - 9)}
    assert [piece for piece in pieces if piece in everything] == []
