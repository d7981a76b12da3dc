"""A server for OTLP/HTTP: spans and log records of services, while tests run.

It trusts nobody: each request has a size, a time and a place in a queue of connections, and what
goes beyond is answered as the protocol wants, and counted.
"""

from __future__ import annotations

import contextlib
import hmac
import io
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.context import Context, attach

from otel_allure.inputs.otlp_http import (
    JSON,
    SIGNALS,
    Answer,
    RefusedError,
    Take,
    failure,
    inflated,
    records_of,
    success,
    too_large,
    type_of,
)
from otel_allure.model.diagnostics import Diagnostics
from otel_allure.model.settings import Settings

_IDLE = 60.0
"""Seconds that a connection may wait for its next request: longer than exporters' intervals."""
_LINGER = 2.0
"""Seconds for which a client that was refused may still send."""
_CHUNK = 1 << 16
_Forward = Callable[[str, Mapping[str, str], bytes], object]
"""Given path, headers and body of each request that was taken."""


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether nobody else can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def address_of(text: str) -> Address:
    """Return the address that `HOST:PORT`, `HOST` or `:PORT` says; port 0 is any that is free.

    Raises:
        ValueError: if it says none.
    """
    parts = urlsplit(f"//{text}")
    return Address(parts.hostname or "127.0.0.1", parts.port or 0)


class OtlpReceiver:
    """Receives on a thread of its own, from `start` until `stop`.

    Args:
        take: takes records in, from any thread, and says what it does not take.
        settings: its limits.
        diagnostics: told of each limit that has cut something, and of each request that was wrong.
        token: what requests must bring as `Authorization: Bearer`; empty: nothing.
        forward: given the requests, too.

    Raises:
        OSError: if the address cannot be listened at.
        ValueError: if others can reach it, and there is no token.
    """

    def __init__(
        self,
        take: Take,
        settings: Settings,
        diagnostics: Diagnostics,
        token: str = "",
        forward: _Forward | None = None,
    ) -> None:
        self.take = take
        self.settings = settings
        self.diagnostics = diagnostics
        self.token = token
        self.forward = forward
        self.requests = 0
        """How many were taken."""
        address = address_of(settings.receiver_address)
        if not (address.is_loopback or token):
            socket.getaddrinfo(address.host, None)  # first, whether there is such a host
            raise ValueError(f"{address.host} can be reached by others: set a receiver_token")
        self._server = _Server(address, self)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            args=(0.05,),
            daemon=True,
            name="otel-allure-receiver",
        )

    @property
    def endpoint(self) -> str:
        """What exporters on this machine are told."""
        host, port = self._server.server_address[:2]
        host = str(host)
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host)  # noqa: S104 - not bound here
        return f"http://{shown or (f'[{host}]' if ':' in host else host)}:{port}"

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def stop(self) -> None:
        """Take what has been sent, and nothing more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: Address, receiver: OtlpReceiver) -> None:
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        self.receiver = receiver
        self._free = threading.BoundedSemaphore(receiver.settings.receiver_connections)
        self.memory = _Memory(int(receiver.settings.receiver_max_mb * (_TOGETHER << 20)))
        super().__init__((address.host, address.port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            try:
                super().process_request(request, client_address)
            except BaseException:
                self._free.release()
                raise
            return
        self.receiver.diagnostics.add(
            "receiving spans", "more connections than receiver_connections: some were sent away"
        )
        request.settimeout(1)
        with contextlib.suppress(OSError):
            request.sendall(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        attach(Context())  # nobody's step
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing on stderr: who went away, or was too slow, is no concern of the tests."""


_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class _Memory:
    """Bytes that the bodies of all requests may have together.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Yield what is told of bytes that are held until the block ends.

        It raises `RefusedError` where others hold too many: exporters send again.
        """
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            with self._lock:
                self._left -= size
                held += size
                is_too_much = self._left < 0
            if is_too_much:
                raise RefusedError(503, "too large, together with other requests", Retry_After="1")

        try:
            yield hold
        finally:
            with self._lock:
                self._left += held


_TOGETHER = 4
"""So many of the largest bodies may be read at once."""


class _Timed(io.RawIOBase):
    """A socket that is read from until a point in time.

    Attributes:
        until: in seconds of the monotonic clock; 0: the next request has as long as there is.
    """

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self.until = 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.until - time.monotonic() if self.until else _IDLE
        if left <= 0:
            raise TimeoutError("too slow")
        self._connection.settimeout(left)
        count = self._connection.recv_into(buffer)
        self.until = self.until or time.monotonic() + self._seconds
        return count


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else answers wait 40 ms for clients to acknowledge their head
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.receiver = self.server.receiver
        self._timed = _Timed(self.connection, self.receiver.settings.receiver_timeout)
        self.rfile = io.BufferedReader(self._timed, _CHUNK)
        self._is_refused = False

    def finish(self) -> None:
        super().finish()
        if self._is_refused:
            self._linger()

    def _linger(self) -> None:
        """Read for a while what is still sent.

        To close at once would reset the connection, and with it lose the answer (RFC 9112, 9.6).
        """
        until = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.connection.recv(_CHUNK):
                    return

    def handle_one_request(self) -> None:
        self._timed.until = 0.0
        try:
            super().handle_one_request()
        except TimeoutError:
            self.close_connection = True
        except OSError:  # the connection has died
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request: where even that could not be read."""
        self.close_connection = self._is_refused = True
        self.request_version = self.protocol_version  # else the answer has no head
        why = next((its for start, its in _NO_HTTP if self.raw_requestline.startswith(start)), "")
        why = why or message or self.responses[code][0]
        self._note(code, why)
        self._send(failure(JSON, code, why), {})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        """Log nothing."""

    def version_string(self) -> str:
        return "otel-allure"

    # -- methods; all but POST and OPTIONS are refused

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return lambda: self._answered(self._other_method)
        raise AttributeError(name)

    def do_POST(self) -> None:
        self._answered(self._post)

    def do_OPTIONS(self) -> None:
        self._answered(self._preflight)

    def _answered(self, handle: Callable[[], Answer]) -> None:
        kind = JSON
        headers: Mapping[str, str] = {}
        with contextlib.suppress(RefusedError):  # told below, if it matters
            kind = type_of(self.headers.get("Content-Type"))
        try:
            self._check_sender()
            answer = handle()
        except RefusedError as error:
            self.close_connection = self._is_refused = True  # what is not read is no request
            headers = error.headers
            answer = failure(kind, error.status, str(error))
            self._note(error.status, str(error))
        except TimeoutError:
            self.close_connection = True
            answer = failure(kind, 408, "the request took too long")
            self._note(408, "the request took longer than receiver_timeout")
        except Exception as error:
            self.close_connection = True
            answer = failure(kind, 500, type(error).__name__)
            self.receiver.diagnostics.add("receiving spans", error)
        self._send(answer, headers)

    def _note(self, status: int, why: str) -> None:
        self.receiver.diagnostics.add(f"receiving spans, answered with {int(status)}", why)

    def _send(self, answer: Answer, headers: Mapping[str, str]) -> None:
        self.connection.settimeout(self.receiver.settings.receiver_timeout)
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        asked = getattr(self, "headers", None) or {}  # none where it could not be read
        if (origin := asked.get("Origin")) is not None and self._is_allowed(origin):
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Vary", "Origin")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _other_method(self) -> Answer:
        if self.path.partition("?")[0] not in SIGNALS:
            raise RefusedError(404, "there is nothing here")
        raise RefusedError(405, f"{self.command} is no POST", Allow="POST, OPTIONS")

    def _check_sender(self) -> None:
        origin = self.headers.get("Origin")
        if origin is not None and not self._is_allowed(origin):
            raise RefusedError(403, "pages of this origin may not send: see receiver_origins")
        if self.command == "OPTIONS" or not self.receiver.token:
            return
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.receiver.token}".encode()):
            raise RefusedError(401, "the token is missing, or wrong", WWW_Authenticate="Bearer")

    def _is_allowed(self, origin: str) -> bool:
        try:
            host = urlsplit(origin).hostname or ""
        except ValueError:
            return False
        patterns = self.receiver.settings.receiver_origins
        return Address(host, 0).is_loopback or any(fnmatchcase(origin, each) for each in patterns)

    def _preflight(self) -> Answer:
        """Answer a browser that asks whether a page may send."""
        asked = self.headers.get("Access-Control-Request-Headers", "content-type")
        self._preflight_headers = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": asked,
            "Access-Control-Max-Age": "600",
        }
        return Answer(204, JSON, b"")

    def end_headers(self) -> None:
        for name, value in self.__dict__.pop("_preflight_headers", {}).items():
            self.send_header(name, value.replace("\r", "").replace("\n", ""))
        super().end_headers()

    def _post(self) -> Answer:
        path = self.path.partition("?")[0]
        if path not in SIGNALS:
            raise RefusedError(404, "spans go to /v1/traces, logs to /v1/logs")
        kind = type_of(self.headers.get("Content-Type"))
        most = int(self.receiver.settings.receiver_max_mb * (1 << 20))
        raw: list[bytes] = []
        keeps = self.receiver.forward is not None

        def pieces() -> Iterator[bytes]:
            for piece in self._body(most):
                if keeps:
                    raw.append(piece)
                yield piece

        with self.server.memory.holding() as hold:
            body = inflated(pieces(), self.headers.get("Content-Encoding"), most, hold)
            records, rejected, warnings = records_of(path, kind, body)
            rejected += self.receiver.take(records)
        self.receiver.requests += 1
        if self.receiver.forward is not None:
            self.receiver.forward(path, self._forwarded_headers(), b"".join(raw))
        return success(path, kind, rejected, warnings)

    def _forwarded_headers(self) -> dict[str, str]:
        names = ("Content-Type", "Content-Encoding")
        return {name: self.headers[name] for name in names if name in self.headers}

    def _body(self, most: int) -> Iterator[bytes]:
        """Yield the body, as it comes."""
        encoding = self.headers.get("Transfer-Encoding", "").strip().lower()
        length = self.headers.get_all("Content-Length") or []
        if encoding:
            if encoding != "chunked" or length:
                raise RefusedError(400, "the length of the body is not clear")
            yield from self._chunks()
            return
        if not length:
            raise RefusedError(411, "the length of the body is missing")
        if len(set(length)) > 1 or not length[0].strip().isdecimal():
            raise RefusedError(400, "the length of the body is no number")
        left = int(length[0][:20])
        if left > most:
            raise too_large(most)
        yield from self._pieces(left)

    def _pieces(self, left: int) -> Iterator[bytes]:
        """Yield the next so many bytes."""
        while left:
            piece = self.rfile.read1(min(left, _CHUNK))
            if not piece:
                raise RefusedError(400, "the body ends too early")
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        while True:
            line = self.rfile.readline(_LONGEST_LINE)
            try:
                left = int(line.partition(b";")[0].strip() or b"-", 16)
            except ValueError:
                raise RefusedError(400, "the body is not in chunks") from None
            if left < 0:
                raise RefusedError(400, "the body is not in chunks")
            if left == 0:
                while self.rfile.readline(_LONGEST_LINE).strip():
                    pass  # trailers
                return
            yield from self._pieces(left)
            self.rfile.readline(_LONGEST_LINE)


_LONGEST_LINE = 1 << 10
_NO_HTTP = (
    (b"PRI * HTTP/2", "this is HTTP/2, as of gRPC: `otel-allure receive-grpc` takes that"),
    (b"\x16\x03", "this is TLS: the endpoint begins with http://"),
)
