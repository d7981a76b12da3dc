"""What was received -> the endpoint that users have set for it before we stood in its place."""

from __future__ import annotations

import http.client
import queue
import threading
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from otel_allure.model.diagnostics import Diagnostics

_MOST = 500
"""Requests that wait. What comes while they do is dropped, and counted."""
_TIMEOUT = 10.0
_DOING = "forwarding what was received"


class Forwarder:
    """Sends requests on, from a thread of its own, in order.

    Args:
        environ: of the users, with `OTEL_EXPORTER_OTLP_ENDPOINT`, and headers.
        diagnostics: told what could not be sent.
    """

    def __init__(self, environ: Mapping[str, str], diagnostics: Diagnostics) -> None:
        self._endpoint = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").rstrip("/")
        self._own = {
            f"/v1/{signal}": environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "")
            for signal in ("traces", "logs", "metrics")
        }
        pairs = (
            each.partition("=") for each in environ.get(_HEADERS, "").split(",") if "=" in each
        )
        self._headers = {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}
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
        url = self._own.get(path) or (f"{self._endpoint}{path}" if self._endpoint else "")
        if not url:
            return
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self._diagnostics.add(_DOING, "the endpoint is no URL of HTTP")
            return
        kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
        connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=_TIMEOUT)
        try:
            connection.request("POST", parts.path or "/", body, {**self._headers, **headers})
            answer = connection.getresponse()
            answer.read()
            if answer.status >= 300:
                self._diagnostics.add(_DOING, f"it was answered with {answer.status}")
        finally:
            connection.close()


_HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
