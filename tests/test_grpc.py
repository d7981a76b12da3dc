"""OTLP/gRPC, passed on by a process of its own. Its clients are processes, too: tests fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from otel_allure.cli import main as cli
from otel_allure.inputs.otlp_receiver import OtlpReceiver
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import Settings
from otel_allure.model.spans import Record

CLIENT = r"""
import json, sys
import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

endpoint, token = sys.argv[1:]
told = {}

def export(name, **more):
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=True, timeout=60, **more)
    span = TracerProvider().get_tracer("t").start_span(name)
    span.end()
    told[name] = exporter.export([span]).name
    exporter.shutdown()

sent = {"authorization": f"Bearer {token}"} if token else None
export("plain", headers=sent)
export("gzip", compression=grpc.Compression.Gzip, headers=sent)

channel = grpc.insecure_channel(endpoint.removeprefix("http://"))
SERVICE = "opentelemetry.proto.collector.{}.v1.{}Service/Export"
TRACES, LOGS = SERVICE.format("trace", "Trace"), SERVICE.format("logs", "Logs")

def call(name, method, body, metadata=(), **more):
    own = [("authorization", f"Bearer {token}")] if token else []
    call = channel.unary_unary(f"/{method}")
    try:
        told[name] = call(body, timeout=60, metadata=[*(metadata or own)], **more).hex()
    except grpc.RpcError as error:
        told[name] = f"{error.code().name}: {error.details()}"

call("empty", TRACES, b"")
call("garbage", TRACES, b"\xff\xff\xff")
call("too large", TRACES, bytes(2 << 20))
call("inflates", TRACES, bytes(2 << 20), compression=grpc.Compression.Gzip)
call("another service", "grpc.health.v1.Health/Check", b"")
call("another token", LOGS, b"", [("authorization", "Bearer another")])
print(json.dumps(told))
"""


@contextmanager
def receiving(token: str = "", address: str = "127.0.0.1:0") -> Iterator[tuple[str, list[Record]]]:
    """A receiver, and what passes on to it: its endpoint, and what has been taken."""
    taken: list[Record] = []
    settings = Settings(receiver_max_mb=1.0)
    receiver = OtlpReceiver(
        lambda r: taken.extend(r) or [], settings, Diagnostics(log=False), token
    )
    receiver.start()
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_ALLURE_RECEIVER_MAX_MB": "1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{token}" if token else "",
    }
    command = [sys.executable, "-m", "otel_allure", "receive-grpc", "--address", address]
    environment = {**os.environ, **variables}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        line = program.stderr.readline()
        assert "OTLP/gRPC is received at" in line, line + program.stderr.read()
        try:
            yield line.split()[-1], taken
        finally:
            receiver.stop()
            program.terminate()
            assert program.wait(30) == 0 or os.name == "nt"


def told_by_client(endpoint: str, token: str = "") -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, endpoint, token],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_exporter_of_python_and_others():
    """What is wrong is answered by the code that the protocol wants; nothing of it is taken."""
    with receiving() as (endpoint, taken):
        told = told_by_client(endpoint)
    assert (told["plain"], told["gzip"]) == ("SUCCESS", "SUCCESS")
    assert [record.name for record in taken] == ["plain", "gzip"]
    assert told["empty"] == ""
    assert told["garbage"].startswith("INVALID_ARGUMENT: no message of traces")
    assert told["too large"].startswith("RESOURCE_EXHAUSTED")
    assert told["inflates"].startswith("RESOURCE_EXHAUSTED")
    assert told["another service"].startswith("UNIMPLEMENTED")
    assert told["another token"] == ""  # as the receiver wants none


def test_others_must_send_the_token_themselves():
    """Where other machines can reach it, the token that it knows is not lent to them."""
    with receiving("a-token", "0.0.0.0:0") as (endpoint, taken):
        told = told_by_client(endpoint.replace("0.0.0.0", "127.0.0.1"), "a-token")
    assert (told["plain"], told["gzip"]) == ("SUCCESS", "SUCCESS")
    assert told["another token"].startswith("UNAUTHENTICATED")
    assert [record.name for record in taken] == ["plain", "gzip"]


WRONG = {
    "set a receiver_token": ["http://127.0.0.1:1", "--address", "192.0.2.1:1"],
    "https://127.0.0.1:1 is no endpoint of a receiver": ["https://127.0.0.1:1"],
    "receive-grpc: of which receiver?": [],
}


def test_the_command_says_what_is_wrong():
    code = "import sys; from otel_allure.cli.main import main"
    code += "\nfor line in sys.argv[1:]: print(main(['receive-grpc', *line.split()]))"
    command = [sys.executable, "-c", code, *map(" ".join, WRONG.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["2"] * len(WRONG)
    for told, line in zip(WRONG, done.stderr.splitlines(), strict=True):
        assert told in line


def test_without_grpc_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "grpc", None)
    monkeypatch.delitem(sys.modules, "otel_allure.inputs.otlp_grpc", raising=False)
    assert cli.main(["receive-grpc", "http://127.0.0.1:1"]) == 2
    assert "pip install 'otel-allure[grpc]'" in capsys.readouterr().err
