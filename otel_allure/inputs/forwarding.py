"""What was received -> the endpoint that users have set for it before we stood in its place."""

from __future__ import annotations

import http.client
import queue
import threading
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from otel_allure.model.diagnostics import Diagnostics

_MOST = 500
"""Requests that wait. What comes while they do is dropped, and counted."""
_TIMEOUT = 10.0
_DOING = "forwarding what was received"


class Forwarder:
    """Sends requests on, from a thread of its own, in order.

    Args:
        environ: of the users, with endpoint, protocol and headers, of all signals or of one.
        diagnostics: told what could not be sent.
    """

    def __init__(self, environ: Mapping[str, str], diagnostics: Diagnostics) -> None:
        self._targets = {
            f"/v1/{signal}": _target(environ, signal) for signal in ("traces", "logs", "metrics")
        }
        self._diagnostics = diagnostics
        self._queue: queue.Queue[tuple[str, Mapping[str, str], bytes] | None] = queue.Queue(_MOST)
        self._thread = threading.Thread(target=self._run, daemon=True, name="otel-allure-forwarder")
        self._thread.start()

    @staticmethod
    def is_wanted(environ: Mapping[str, str]) -> bool:
        """Whether users have set an endpoint."""
        return any(environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", "TRACES_"))

    def __call__(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send a request on, some time."""
        try:
            self._queue.put_nowait((path, headers, body))
        except queue.Full:
            self._diagnostics.add(_DOING, "it is too slow, some was dropped")

    def stop(self) -> None:
        """Send what waits, for a limited time."""
        try:
            self._queue.put(None, timeout=1)
            self._thread.join(_TIMEOUT)
        except queue.Full:
            self._diagnostics.add(_DOING, "some was not sent when the session ended")

    def _run(self) -> None:
        while (request := self._queue.get()) is not None:
            try:
                self._send(*request)
            except Exception as error:
                self._diagnostics.add(_DOING, error)

    def _send(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        target = self._targets.get(path)
        if target is None:
            return
        parts = urlsplit(target.url)
        if target.protocol == "grpc":
            self._diagnostics.add(_DOING, f"{parts.netloc} {_GRPC}")
            return
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self._diagnostics.add(_DOING, "the endpoint is no URL of HTTP")
            return
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_TIMEOUT)
        try:
            connection.request("POST", parts.path or "/", body, {**target.headers, **headers})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 300:
                self._diagnostics.add(_DOING, f"it was answered with {answer.status}")
        except http.client.BadStatusLine:
            self._diagnostics.add(_DOING, f"{parts.netloc} {_GRPC}")
        finally:
            connection.close()


class _Target(NamedTuple):
    """Where a signal is sent, how, and with which headers."""

    url: str
    protocol: str
    headers: Mapping[str, str]


def _target(environ: Mapping[str, str], signal: str) -> _Target | None:
    """Return where users send a signal; what they say of one signal counts more."""

    def said(name: str) -> str:
        own = environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", "")
        return own or environ.get(f"OTEL_EXPORTER_OTLP_{name}", "")

    url = said("ENDPOINT")
    if not url:
        return None
    if not environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"):
        url = f"{url.rstrip('/')}/v1/{signal}"
    pairs = (each.partition("=") for each in said("HEADERS").split(",") if "=" in each)
    headers = {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}
    return _Target(url, said("PROTOCOL").strip().lower(), headers)


_GRPC = (
    "takes gRPC, and OTLP/HTTP alone is forwarded: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, and"
    " the endpoint of that (port 4318, as a rule)"
)
