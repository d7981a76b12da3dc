"""OTLP/gRPC -> the receiver's OTLP/HTTP. For a process of its own.

gRPC's servers do not survive forks, and tests fork; so nothing of it is in their process. Requests
are passed on as they are, without being read: what is wrong with them, the receiver says.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped, import-not-found, unused-ignore]

from otel_allure.inputs.otlp_http import PROTOBUF, status_of
from otel_allure.inputs.otlp_receiver import Address
from otel_allure.model.settings import Settings

_SERVICE = "/opentelemetry.proto.collector.{0}.v1.{1}Service/Export"
_PATHS = {
    _SERVICE.format("trace", "Trace"): "/v1/traces",
    _SERVICE.format("logs", "Logs"): "/v1/logs",
    _SERVICE.format("metrics", "Metrics"): "/v1/metrics",
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_GRACE = 5.0
"""Seconds that requests have when all ends."""


class GrpcBridge:
    """Listens for OTLP/gRPC from `start` until `stop`.

    Args:
        address: where.
        endpoint: of the receiver, of HTTP.
        authorization: what it wants; empty: nothing.
        settings: limits of requests.

    Raises:
        OSError: if the address cannot be listened at.
        ValueError: if others can reach it, and there is no token that they must have.
    """

    def __init__(
        self, address: Address, endpoint: str, authorization: str, settings: Settings
    ) -> None:
        if not (address.is_loopback or authorization):
            raise ValueError(f"{address.host} can be reached by others: set a receiver_token")
        to = urlsplit(endpoint)
        if to.scheme != "http" or not to.hostname:
            raise ValueError(f"{endpoint} is no endpoint of a receiver: it begins with http://")
        self._host, self._port, self._prefix = to.hostname, to.port, to.path.rstrip("/")
        self._own = authorization if address.is_loopback else ""
        self._timeout = settings.receiver_timeout
        self._server = grpc.server(
            ThreadPoolExecutor(8, thread_name_prefix="otel-allure-grpc"),
            handlers=[_Services(self._pass_on)],
            options=[
                ("grpc.max_receive_message_length", int(settings.receiver_max_mb * (1 << 20))),
                ("grpc.so_reuseport", 0),
            ],
            maximum_concurrent_rpcs=settings.receiver_connections,
        )
        try:
            port = self._server.add_insecure_port(f"{address.host}:{address.port}")
        except RuntimeError as error:
            raise OSError(str(error)) from None
        self.endpoint = f"http://{address.host}:{port}"
        """What exporters on this machine are told."""

    def start(self) -> None:
        """Begin to receive."""
        self._server.start()

    def stop(self) -> None:
        """Pass on what has been sent, and nothing more."""
        self._server.stop(_GRACE).wait()

    def _pass_on(self, path: str, request: bytes, context: Any) -> bytes:
        """Return the receiver's answer; what is none of success, is an error of the call."""
        sent = dict(context.invocation_metadata())
        headers = {"Content-Type": PROTOBUF}
        if authorization := sent.get("authorization", self._own):
            headers["Authorization"] = authorization
        try:
            status, body = self._post(self._prefix + path, request, headers)
        except OSError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"the receiver cannot be reached: {error}")
        if status != 200:
            code, message = status_of(status, body)
            context.abort(_CODES.get(code, grpc.StatusCode.UNKNOWN), message)
        return body

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


class _Services(grpc.GenericRpcHandler):  # type: ignore[misc, unused-ignore]
    """The three services of OTLP; any other is unimplemented."""

    def __init__(self, pass_on: Callable[[str, bytes, Any], bytes]) -> None:
        self._pass_on = pass_on

    def service(self, details: Any) -> Any:
        path = _PATHS.get(details.method)
        if path is None:
            return None
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._pass_on(path, request, context)
        )
