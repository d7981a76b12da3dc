"""Programs get the context, and the way to the report, by their environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from otel_allure.model import conventions as c
from otel_allure.output.spool import ParentReport, Spool, is_read
from otel_allure.processes.multiprocessing_hooks import follow_processes, followed
from otel_allure.processes.parent_link import nothing
from otel_allure.processes.propagation import HEADERS, begin_below, carrier_of, context_here
from otel_allure.recording.active import active_recorder
from otel_allure.recording.recorder import Recorder
from otel_allure.recording.threads import hand_over_contexts


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment for a program, so that its steps are below the step that starts it.

    It is a copy of `base`, with the current context as `TRACEPARENT` (and `TRACESTATE` and
    `BAGGAGE`). While a test session writes a report, it also says where that is: then the spans
    of a program that runs `AllureSpanExporter` or `AllureSpanProcessor` become a part of the test,
    in place of results of their own. Exporters that are told to write elsewhere do so.

    Call it for each program, where it is started:

        subprocess.run(["otel-allure", "run", "python", "app.py"], env=otel_allure.environment())

    With `--allure-otel-receiver` it has what makes the SDK of any language send its spans there:
    endpoint, protocol, a short delay of batches, headers, and resource attributes.

    Args:
        base: what it begins with. Default: `os.environ`. An empty one has nothing of this machine,
            for a container.
    """
    variables = dict(os.environ if base is None else base)
    carrier = carrier_of(context_here())
    if "traceparent" in carrier:
        variables.pop("TRACESTATE", None)  # it belongs to the other one
    variables.update((name.upper(), value) for name, value in carrier.items())
    recorder = active_recorder()
    if recorder is not None and recorder.remote_variables is not None:
        variables |= recorder.remote_variables(variables)
        if test := recorder.test():
            told = f"{c.TEST_TRACE}={test.span.get_span_context().trace_id:032x}"
            variables["BAGGAGE"] = ",".join(filter(None, (variables.get("BAGGAGE"), told)))
    home = None if recorder is None or base is not None else recorder.home()
    if home is not None:
        variables[c.RESULTS_DIR] = home.results_dir
        variables[c.PARENT_REPORT] = json.dumps(home)
    return variables


def join_parent(recorder: Recorder) -> None:
    """Send spans home and begin below the parent's step, if the environment is from `environment`.

    Not if `recorder` writes elsewhere, nor if the parent's session is over.
    """
    with recorder.diagnostics.caught("joining the report of the parent process"):
        home = _home_in_environment()
        if home is None or Path(home.results_dir) != recorder.report.directory.path:
            return
        if not is_read(home.spool):
            return
        spool = recorder.spool = Spool(nothing, home)
        recorder.report.redirect = spool.write
        recorder.diagnostics.tell = spool.note
        carrier = {name: os.environ.get(name.upper(), "") for name in HEADERS}
        begin_below(recorder, {name: value for name, value in carrier.items() if value})
        if not followed.users:  # two exporters, or a test session, are here already
            hand_over_contexts()
            follow_processes()


def _home_in_environment() -> ParentReport | None:
    value = os.environ.get(c.PARENT_REPORT)
    return ParentReport(*json.loads(value)) if value else None
