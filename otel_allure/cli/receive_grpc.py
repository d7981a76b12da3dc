"""`otel-allure receive-grpc`."""

from __future__ import annotations

import argparse
import os
import sys
from urllib.parse import unquote

from otel_allure.cli.receive import until_signal
from otel_allure.inputs.otlp_receiver import address_of
from otel_allure.model import settings

_INSTALL = "gRPC needs grpcio: pip install 'otel-allure[grpc]'"


def receive_grpc(options: argparse.Namespace) -> int:
    """Pass on what is sent by gRPC until it is interrupted; return the exit code."""
    try:
        from otel_allure.inputs.otlp_grpc import GrpcBridge
    except ImportError:
        return _failed(_INSTALL)
    found, wrong = settings.read({}, settings.from_environment(os.environ))
    if wrong:
        return _failed("; ".join(wrong))
    endpoint = options.endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if not endpoint:
        return _failed("of which receiver? Give its ENDPOINT, or set OTEL_EXPORTER_OTLP_ENDPOINT")
    try:
        bridge = GrpcBridge(address_of(options.address), endpoint, _authorization(found), found)
    except OSError as error:
        return _failed(f"{options.address}: {error}")
    except ValueError as error:
        return _failed(str(error))
    bridge.start()
    print(f"otel-allure: OTLP/gRPC is received at {bridge.endpoint}", file=sys.stderr, flush=True)
    until_signal()
    bridge.stop()
    return 0


def _authorization(found: settings.Settings) -> str:
    """Return what the receiver wants, as its settings or the variables of exporters say."""
    if found.receiver_token:
        return f"Bearer {found.receiver_token}"
    for header in os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", "").split(","):
        name, _, value = header.partition("=")
        if name.strip().lower() == "authorization":
            return unquote(value).strip()
    return ""


def _failed(why: str) -> int:
    print(f"otel-allure receive-grpc: {why}", file=sys.stderr)
    return 2
