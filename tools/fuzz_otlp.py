"""Gives spoilt bytes to what reads OTLP and other formats, led by what its code does with them.

    pip install -e . --group fuzz              # atheris, which is for Linux
    python tools/fuzz_otlp.py                  # three minutes
    python tools/fuzz_otlp.py --seconds 3600   # longer

The first byte of an input says to which reader the rest goes. An input that breaks one is written
to `crash-...` and can be given to this command again.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

try:
    import atheris
except ImportError:
    sys.exit("needs atheris: pip install -e . --group fuzz")

with atheris.instrument_imports(include=["otel_allure"]):
    from otel_allure.inputs.otlp_http import (
        JSON,
        PROTOBUF,
        SIGNALS,
        RefusedError,
        inflated,
        records_of,
        success,
    )
    from otel_allure.inputs.trace_files import UnknownFormatError, read_parts
    from otel_allure.model.spans import Span
    from otel_allure.output.allure_json import plain
    from otel_allure.translation.to_results import to_results

MOST = 1 << 16
REQUESTS = [(path, kind) for path in sorted(SIGNALS) for kind in (JSON, PROTOBUF)]
ENCODINGS = ("gzip", "deflate", "zstd")
PACKED, FILE = range(len(REQUESTS), len(REQUESTS) + 2)


def check(data: bytes) -> None:
    """Raise if an input does what none may do; what is refused, with a reason, is fine."""
    reader, body = data[0] % (FILE + 1) if data else 0, data[1:]
    try:
        if reader == FILE:
            parts = read_parts(io.BytesIO(body), lambda place, detail: None)
            records = [record for part in parts for record in part.content.records]
        elif reader == PACKED:
            inflated([body[1:9], body[9:]], ENCODINGS[body[:1][0] % 3] if body else "gzip", MOST)
            return
        else:
            path, kind = REQUESTS[reader]
            records, rejected, warnings = records_of(path, kind, body)
            assert success(path, kind, rejected, warnings).status == 200
    except (RefusedError, UnknownFormatError) as refused:
        if not str(refused):
            raise
        return
    spans = [record for record in records if isinstance(record, Span)]
    results = to_results(spans).results
    assert bool(results) == bool(spans)
    json.dumps([plain(result) for result in results], allow_nan=False)


def write_seeds(directory: Path) -> None:
    """Write inputs to begin with: spans, in all formats that are read."""
    from otel_allure.testing.spans import build_span
    from tests.trace_formats import FORMATS

    root = build_span("GET /", 1, kind="server", attributes={"a": [1, "x"], "b": {"c": 2.5}})
    spans = [root, build_span("SELECT", 2, 1, kind="client", status="error")]
    for number, (_, make) in enumerate(sorted(FORMATS.items())):
        data = make(spans)
        for reader in range(FILE + 1):
            (directory / f"{number}-{reader}").write_bytes(bytes([reader]) + data)


def main() -> None:
    """Try inputs for some time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="*", help="files that broke it before")
    parser.add_argument("--seconds", type=int, default=180)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as corpus:
        write_seeds(Path(corpus))
        limits = [f"-max_total_time={options.seconds}", "-timeout=20", "-rss_limit_mb=2048"]
        atheris.Setup([sys.argv[0], *limits, *(options.inputs or [corpus])], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
