"""Record the spans of real instrumentations for the tests: see tests/data/spans/README.md.

Each recording is made in a process of its own, since instrumentations read the environment once.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

from span_recorder import Recorder
from span_scenarios import SCENARIOS

from otel_allure.formats.otlp_writer import to_otlp
from otel_allure.model import conventions as c
from otel_allure.model.spans import Span

ROOT = Path(__file__).parents[1]
DIRECTORY = ROOT / "tests" / "data" / "spans"
CONVENTIONS = {
    "old": {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"},
    "new": {
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database,gen_ai_latest_experimental",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
    },
}
_REQUEST, _RESPONSE = "content-type,authorization,x-request-id", "content-type,set-cookie"
CAPTURED_HEADERS = {
    f"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_{side}_{what}": names
    for side in ("CLIENT", "SERVER")
    for what, names in (("REQUEST", _REQUEST), ("RESPONSE", _RESPONSE))
}


def file_name(name: str, conventions: str) -> str:
    """Return `redis.jsonl` where there is one convention only, else `redis-old.jsonl`."""
    return f"{name}.jsonl" if len(SCENARIOS[name][1]) == 1 else f"{name}-{conventions}.jsonl"


def record(name: str, conventions: str) -> None:
    """Make one recording, in this process."""
    logging.disable()  # servers tell of the errors that they are asked for
    recorder = Recorder()
    try:
        with recorder.resources:
            SCENARIOS[name][0](recorder)
    except ImportError as error:
        print(f"{name}: left out, {error}")
        return
    spans = recorder.names.normalised(recorder.spans(), f"{name} {conventions}")
    traces: dict[int, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    in_cases = [t for t in traces.values() if any(c.KIND in span.attributes for span in t)]
    lines = [json.dumps(to_otlp(of_trace), ensure_ascii=False) for of_trace in in_cases]
    text = "\n".join(lines) + "\n"
    for private in (tempfile.gettempdir() + "/", str(Path.home()), sys.prefix, str(ROOT)):
        assert private not in text, f"{name} names {private}"
    path = DIRECTORY / file_name(name, conventions)
    path.write_text(text, "utf-8")
    print(f"{path.name}: {sum(map(len, in_cases))} spans, {len(text) // 1024 + 1} KB")


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="*", help="what to record; everything by default")
    parser.add_argument("--only", choices=CONVENTIONS, help="the conventions, old or new")
    arguments = parser.parse_args()
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name in arguments.name or SCENARIOS:
        for conventions in SCENARIOS[name][1]:
            if arguments.only:
                if arguments.only == conventions:
                    record(name, conventions)
                continue
            environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
            environment |= CAPTURED_HEADERS | CONVENTIONS[conventions]
            command = [sys.executable, __file__, name, "--only", conventions]
            subprocess.run(command, env=environment, check=True)


if __name__ == "__main__":
    main()
