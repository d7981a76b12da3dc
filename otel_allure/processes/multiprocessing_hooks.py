"""Child processes: what they do belongs to the step that started them.

Two things must get to a child: the OpenTelemetry context, as text, and where its spans go (see
`spool`). There are three ways:

* **Forked** children have both already; see the pytest plugin.
* **multiprocessing** with spawn or forkserver: a process is pickled when it is started, so both
  travel with it, and when it is unpickled in the child, the child begins to record (see `child`).
  Pools start their workers whenever they like, so each piece of work carries a context of its own.
* **Any other program** is given an environment by its starter, and `environment` makes one. An
  exporter of ours in the program finds it there.

Everything of multiprocessing begins with `Process.start`. Pools and executors are followed from
the time on when they start their first worker: what is submitted before has that start's context.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from otel_allure.compat import Private, found, kept
from otel_allure.compat.redirect import Redirection
from otel_allure.output.spool import ParentReport, Spool
from otel_allure.processes.parent_link import nothing
from otel_allure.processes.propagation import Carrier, context_here, pickled
from otel_allure.processes.work_items import WAYS_OF_WORK
from otel_allure.recording.active import active_recorder, note_problem
from otel_allure.recording.threads import on_start

# -- multiprocessing


class _Followed:
    """What is followed, as long as somebody wants it."""

    def __init__(self) -> None:
        self.users = 0
        self._ends: dict[tuple[Any, str | Private], Callable[[], None]] = {}

    def begin(self) -> Callable[[], None]:
        """Begin, or go on; return what ends it."""
        from multiprocessing import Process

        self.users += 1
        self._follow(Process, "start", _start)
        self.refresh()
        on_start.append(self.refresh)

        def undo() -> None:
            self.users -= 1
            on_start.remove(self.refresh)
            while self._ends and not self.users:
                self._ends.popitem()[1]()

        return undo

    def refresh(self) -> None:
        """Follow what hands work over and has been imported by now."""
        for module, owner, name, hook in WAYS_OF_WORK:
            if module in sys.modules:
                self._follow(found(sys.modules[module], owner), name, hook)

    def _follow(self, owner: Any, name: str | Private, hook: Callable[..., Any]) -> None:
        if (owner, name) not in self._ends:
            redirection = Redirection(owner, name, hook)
            if not redirection.is_possible and isinstance(name, str):
                note_problem("following pools of processes", f"{name} is not as known")
            self._ends[owner, name] = redirection.begin()


followed = _Followed()


def follow_processes() -> Callable[[], None]:
    """Begin to hand contexts and the way home over to processes; return what ends it."""
    return followed.begin()


def _start(start: Callable[[Any], None], process: Any) -> None:
    recorder = active_recorder()
    home = None if recorder is None else recorder.home()
    if recorder is None or home is None:
        return start(process)
    carrier: Carrier = {}
    with recorder.diagnostics.caught("handing a context over"):
        followed.refresh()
        carrier = pickled(context_here())
    settings = recorder.report.presentation.settings
    way = ChildBootstrap(home, carrier, settings, recorder.instrumentations)
    # The first to be unpickled: what it activates is there when the target is imported.
    object.__setattr__(process, "__dict__", {_WAY: way, **process.__dict__})
    try:
        return start(process)
    finally:
        process.__dict__.pop(_WAY, None)


_WAY = "_otel_allure"


class ChildBootstrap:
    """What is pickled with a process; unpickled, it makes the process that it is in a child."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return _bootstrap_child, (kept.process_id(), *self._arguments)


def _bootstrap_child(parent: int, home: ParentReport, *arguments: Any) -> None:
    if kept.process_id() == parent:
        return
    try:
        from otel_allure.processes.child import ChildRecording

        ChildRecording(home, *arguments)
        follow_processes()
    except Exception as error:
        Spool(nothing, home).note("recording in a child process", repr(error))
