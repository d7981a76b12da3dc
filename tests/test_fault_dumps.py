"""What faulthandler writes of a process that dies is in the result, and printed as without us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from otel_allure.output.fault_dumps import quoted, take, with_dump
from otel_allure.output.running_file import ENDED
from otel_allure.testing.results import Results

from . import instrumentations

pytest.importorskip("xdist")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")

SOURCE = """
    import ctypes
    import os
    import time

    def crash():
        ctypes.string_at(0)

    def test_crashes():
        crash()

    def test_hangs():
        child = os.fork()
        if not child:
            crash()
        os.waitpid(child, 0)
        time.sleep(60)
"""
CRASH = "Fatal Python error: Segmentation fault"
HANG = "Timeout (0:00:02)!"


def in_this_process() -> tuple[str, ...]:
    return ("-p", "otel_allure", "-p", "no:cacheprovider", "-o", "faulthandler_timeout=2")


def pytest_run(directory: Path, *arguments: str, above: tuple[str, ...] = ()) -> Any:
    return subprocess.run(
        [*(sys.executable, *above, "-m", "pytest", "-q"), *in_this_process(), *arguments],
        cwd=directory,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **instrumentations.NONE},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_by_the_command(pytester: pytest.Pytester) -> None:
    file = pytester.makepyfile(test_it=SOURCE)
    command = ("-m", "otel_allure", "run", "python")
    done = pytest_run(file.parent, "--alluredir=results", "-k", "crashes", above=command)
    assert done.returncode == 128 + signal.SIGSEGV
    assert done.stderr.count(CRASH) == 1
    (result,) = Results(file.parent / "results").results
    message, trace = map(result["statusDetails"].get, ("message", "trace"))
    assert message.startswith(f"{ENDED.format('test')}. It ended by SIGSEGV.\n{CRASH}\n  File ")
    assert message.splitlines()[-2:] == [
        f'  File "{file}", line 6 in crash',
        f'  File "{file}", line 9 in test_crashes',
    ]
    assert trace.startswith(CRASH)
    assert trace in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_by_the_controller_of_a_worker(pytester: pytest.Pytester) -> None:
    """A child of it that crashes writes to the terminal at once; that is not the worker's end."""
    file = pytester.makepyfile(test_it=SOURCE)
    ends = ("-o", "faulthandler_exit_on_timeout=true", "--max-worker-restart=1")
    done = pytest_run(file.parent, "--alluredir=results", "-p", "xdist", "-n1", *ends)
    assert done.stderr.count(CRASH) == 2
    assert done.stderr.count(HANG) == 1
    by_name = {result["name"]: result["statusDetails"] for result in Results("results").results}
    crashed, hung = by_name["test_crashes"], by_name["test_hangs"]
    assert f"ended by SIGSEGV.\n{CRASH}\n" in crashed["message"]
    assert crashed["message"].endswith(f'  File "{file}", line 9 in test_crashes')
    assert crashed["trace"].startswith(CRASH)
    assert f"ended with exit code 1.\n{HANG}\n" in hung["message"]
    assert hung["message"].endswith(f'  File "{file}", line 16 in test_hangs')
    assert CRASH not in hung["trace"]


def test_a_timeout_that_ends_nothing_is_told_at_once(pytester: pytest.Pytester) -> None:
    source = """
        import os
        import time

        def test_it():
            time.sleep(0.3)
            os._exit(9)
    """
    file = pytester.makepyfile(test_it=source)
    arguments = ("--alluredir=results", "-o", "faulthandler_timeout=0.1")
    done = pytest_run(file.parent, *arguments, above=("-m", "otel_allure", "run", "python"))
    assert "Timeout (0:00:00.1" in done.stderr
    (result,) = Results("results").results
    assert result["statusDetails"]["message"].endswith("It ended with exit code 9.")
    assert "trace" not in result["statusDetails"]


# -- what is quoted


def stack(*frames: str) -> str:
    return "".join(f'\n  File "{frame}' for frame in frames)


OF_PYTEST = '/lib/_pytest/python.py", line 1 in pytest_pyfunc_call'
IN_TEST = 't.py", line 2 in test_it'
OTHER = 'o.py", line 3 in wait'


ABORTED, TIMEOUT = "Fatal Python error: Aborted", "Timeout (0:00:01)!"
FIRST = f"Thread 0x1 (most recent call first):{stack(OTHER)}\n\n"
OF_TEST = f"hread 0x2 (most recent call first):{stack(IN_TEST, OF_PYTEST, IN_TEST)}\n\n"
LAST = f"Thread 0x3 (most recent call first):{stack(OTHER)}\n\nExtension modules: a, b"


@pytest.mark.parametrize(
    ("dump", "expected"),
    [
        ("", ""),
        (ABORTED, ABORTED),
        (f"{ABORTED}\n\n{FIRST}Current t{OF_TEST}{LAST}", f"{ABORTED}{stack(IN_TEST)}"),
        (f"{TIMEOUT}\n{FIRST}T{OF_TEST}", f"{TIMEOUT}{stack(IN_TEST)}"),
        (f"{ABORTED}\n\nCurrent thread 0x2:{stack(*[OTHER] * 9)}", ABORTED + stack(*[OTHER] * 6)),
    ],
)
def test_what_is_quoted(dump: str, expected: str) -> None:
    assert quoted(dump) == expected
    assert with_dump("It ended.", None, dump) == (f"It ended.\n{expected}", dump)
    assert with_dump("It ended.", "earlier", dump)[1] == f"{dump}\n\nearlier"


def test_all_is_printed_and_what_is_kept_has_a_bound(tmp_path: Path) -> None:
    file, terminal = tmp_path / "dump", tmp_path / "terminal"
    file.write_bytes(b"\xff" + b"a" * 100_000)
    with terminal.open("wb") as stream:
        dump = take(file, stream.fileno())
    assert terminal.read_bytes() == b"\xff" + b"a" * 100_000
    assert dump is not None
    assert dump.startswith("\N{REPLACEMENT CHARACTER}a")
    assert dump.endswith("a\n... (34465 more bytes were printed)")
    assert not file.exists()
    assert take(file) is None
    file.touch()
    assert take(file) is None
