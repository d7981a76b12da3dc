"""What processes leave for each other on the disk says nothing to others, however a run ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap

import pytest

from otel_allure.output.sealed import Seal


def test_records_are_opened_as_they_were_sealed():
    chance = random.Random(2)
    records = [chance.randbytes(length) for length in (1, 2, 3, 500, 100_000)] + [b"", b"\0\0a"]
    seal = Seal()
    content = b"".join(map(seal.sealed, records))
    assert Seal(seal.key).opened(content) == (records, len(content))
    assert not any(record in content for record in records if len(record) > 3)


@pytest.mark.parametrize("cut", [1, 5, 19, 20, 25])
def test_half_a_record_waits(cut):
    seal = Seal()
    first, second = seal.sealed(b"first"), seal.sealed(b"second")
    assert seal.opened(first + second[:cut]) == ([b"first"], len(first))


def test_equal_records_do_not_look_alike():
    seal = Seal()
    assert seal.sealed(b"the same") != seal.sealed(b"the same")
    assert seal.key != Seal().key
    assert Seal().opened(seal.sealed(b"the same"))[0] != [b"the same"]


SECRETS = {
    "PARAMETER": "Zq7xW9kP3vT1mB8s",
    "STEP": "hunter2-and-4711",
    "ATTRIBUTE": "n0-b0dy-kn0ws-it",
    "LOG": "wh4t-is-l0gged-x",
    "FIXTURE": "0f-a-wide-f1xture",
}

SUITE = """
    import logging, multiprocessing, os, subprocess, sys
    import allure, otel_allure, pytest
    from opentelemetry import trace

    SECRETS = {SECRETS!r}

    def work(ready):
        with allure.step(f"log in with {SECRETS['PARAMETER']}"):
            with allure.step(f"token={SECRETS['STEP']}"):
                span = trace.get_tracer("app").start_span("call")
                span.set_attribute("api_key", SECRETS["ATTRIBUTE"])
                span.end()
                logging.getLogger("app").warning("password=%s", SECRETS["LOG"])
                ready.set()
                multiprocessing.Event().wait()

    @pytest.fixture(scope="module")
    def wide():
        with allure.step(f"connect with password={SECRETS['FIXTURE']}"):
            yield

    @pytest.mark.parametrize("password", [SECRETS["PARAMETER"]])
    def test_it(wide, password, request):
        for way in ("fork", "spawn"):
            context = multiprocessing.get_context(way)
            ready = context.Event()
            context.Process(target=work, args=(ready,)).start()
            assert ready.wait(100)
        print("ready", file=sys.__stderr__, flush=True)
        multiprocessing.Event().wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL, and no fork")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_that_is_killed_leaves_nothing_that_can_be_read(tmp_path, workers):
    """In no byte of a temporary file, though there are some."""
    if workers:
        pytest.importorskip("xdist")
    suite = textwrap.dedent(SUITE).replace("{SECRETS!r}", repr(SECRETS))
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "test_it.py").write_text(suite)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    options = ["-s", "--alluredir=report", "-p", "no:cacheprovider", "--override-ini=addopts="]
    options += ["-n1"] if workers else ["-p", "no:xdist"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options],
        cwd=tmp_path / "suite",
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line == "ready\n":
                break
        assert said[-1:] == ["ready\n"], said
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    files = [path for path in temporary.rglob("*") if path.is_file()]
    left = {path: path.read_bytes() for path in files if "otel-allure" in str(path)}
    assert sum(map(len, left.values())) > 1_000
    found = [
        (name, str(path.relative_to(temporary)))
        for path in files
        for name, secret in SECRETS.items()
        if secret.encode() in path.read_bytes()
    ]
    assert found == []
