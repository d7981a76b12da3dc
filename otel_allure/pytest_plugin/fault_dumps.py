"""What faulthandler writes when this process dies -> a file, if somebody outlives us to read it.

faulthandler writes to one place: pytest's plugin names the terminal. Where pytest-xdist's
controller or `otel-allure run` is above us, a file takes its place, which they print as soon as we
are gone. A dump of `faulthandler_timeout` that ends nothing goes to the terminal, as it does
without us: who looks there waits for it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
from pathlib import Path

import pytest

from otel_allure.compat.pytest import FAULTHANDLER_FILE
from otel_allure.model import conventions as c
from otel_allure.output.fault_dumps import take


def stderr_of(config: pytest.Config) -> int | None:
    """Return the file that pytest's faulthandler plugin writes to, None if there is none."""
    if not config.pluginmanager.has_plugin("faulthandler"):
        return None
    key = FAULTHANDLER_FILE.imported()
    return None if key is None else config.stash.get(key, None)


def told_by_command() -> Path | None:
    """Return the file that `otel-allure run` reads, if this process is its program itself."""
    parent, _, path = os.environ.get(c.FAULTS, "").partition(":")
    return Path(path) if path and parent == str(os.getppid()) else None


class FaultDump:
    """faulthandler writes to a file, from now on."""

    def __init__(self, path: Path, config: pytest.Config) -> None:
        self._path = path
        self._file: int | None = None
        self._stderr = stderr_of(config)
        self._terminal: int | None = None
        if self._stderr is None or not faulthandler.is_enabled():
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        self._file = os.open(path, flags, 0o600)
        self._terminal = os.dup(self._stderr)
        if _timeout_ends_process(config):
            os.dup2(self._file, self._stderr, inheritable=False)  # it is told that number each time
        else:
            faulthandler.enable(self._file)

    def leave(self) -> None:
        """Write to the terminal again: this process was forked, and nobody waits for it."""
        if self._terminal is not None and self._stderr is not None:
            os.dup2(self._terminal, self._stderr, inheritable=False)
            if faulthandler.is_enabled():
                faulthandler.enable(self._stderr)

    def close(self) -> None:
        """Remove the file, at the end; pytest's plugin has closed its own by now."""
        if self._file is not None:
            take(self._path, self._terminal)
            for file in (self._file, self._terminal):
                with contextlib.suppress(OSError, TypeError):
                    os.close(file)  # type: ignore[arg-type]
            self._file = self._terminal = None


def _timeout_ends_process(config: pytest.Config) -> bool:
    try:
        ends = config.getini("faulthandler_exit_on_timeout")
        return bool(ends) and float(config.getini("faulthandler_timeout") or 0) > 0
    except (ValueError, KeyError):  # this version of pytest has no such setting
        return False
