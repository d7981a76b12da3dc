"""How a span ended: which kind of error it is, its message and its trace.

A client span is an error for every 4xx, also when a 404 is what the test wants to see. So errors
are told apart, and `Settings.span_errors` says which of them colour their step.

| kind         | the span has the status `error` and                                          |
|--------------|------------------------------------------------------------------------------|
| `4xx`        | the answer was HTTP 4xx, or a gRPC or JSON-RPC code that is the caller's fault |
| `5xx`        | the answer was HTTP 5xx, or a gRPC or JSON-RPC code that is the server's fault |
| `exceptions` | there was no such answer, and an exception was recorded                      |
| `others`     | neither                                                                      |

The answer counts before an exception: clients raise one for answers that a test may well expect.
"""

from __future__ import annotations

from typing import NamedTuple

from otel_allure.model.outcome import BROKEN, FAILED, SKIPPED
from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation.values import as_text, first, number_of, text_of

HTTP_STATUS = ("http.response.status_code", "http.status_code")
RPC_STATUS = (
    "rpc.response.status_code",
    "rpc.grpc.status_code",
    "rpc.connect_rpc.error_code",
    "rpc.jsonrpc.error_code",
)
_GRPC_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
# Those that the conventions count as errors of a server.
SERVER_CODES = {
    "UNKNOWN",
    "DEADLINE_EXCEEDED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
}
_JSON_RPC_BY_THE_CALLER = {-32700, -32600, -32601, -32602}
_JSON_RPC_BY_THE_SERVER = {-32603, *range(-32099, -31999)}
# By the last part of their names, in several languages.
_CHECKS = {"AssertionError", "AssertionFailedError", "AssertionException"}
_CANCELLATIONS = {"CancelledError", "Cancelled", "CancellationException", "AbortError"}


class Error(NamedTuple):
    """Why a span has the status `error`.

    Attributes:
        kind: `exceptions`, `5xx`, `4xx` or `others`.
        answer: `HTTP 404` for instance, empty if there was none.
        message: what is known beside the answer, may be empty.
        trace: where it was raised, may be empty.
        status: what it makes of the step: as with steps of ours, `failed` for a failed check,
            `skipped` for a cancellation, `broken` for anything else.
    """

    kind: str
    answer: str
    message: str
    trace: str
    status: str


class Raised(NamedTuple):
    """An exception that was recorded."""

    type: str
    message: str
    trace: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}".strip(": ")


def error_of(span: Span) -> Error | None:
    """Return why the span is an error, None if it is none."""
    if span.status != "error":
        return None
    kind, answer = _answer(span.attributes)
    raised = exception_of(span)
    if raised is None:
        return Error(kind or "others", answer, _message(span, answer), "", BROKEN)
    return Error(
        kind or "exceptions",
        answer,
        str(raised) or span.status_message,
        raised.trace,
        _status(raised),
    )


def _status(raised: Raised) -> str:
    name = raised.type.rpartition(".")[2]
    if name in _CHECKS:
        return FAILED
    return SKIPPED if name in _CANCELLATIONS else BROKEN


def exception_of(span: Span) -> Raised | None:
    """Return the exception that was recorded last, as an event or on the span itself."""
    for event in reversed(span.events):
        if event.name == "exception" or "exception.type" in event.attributes:
            return _raised(event.attributes)
    if "exception.type" in span.attributes:
        return _raised(span.attributes)
    return None


def rpc_status(attributes: Attributes) -> str | None:
    """Return the code of an RPC's answer, gRPC's as words."""
    code = first(attributes, *RPC_STATUS)
    if code is None:
        return None
    number = number_of(code)
    if number is not None and 0 <= number < len(_GRPC_CODES):
        return _GRPC_CODES[number]
    return as_text(code)


def _raised(attributes: Attributes) -> Raised:
    names = ("exception.type", "exception.message", "exception.stacktrace")
    return Raised(*(text_of(attributes, name) or "" for name in names))


def _answer(attributes: Attributes) -> tuple[str, str]:
    """Return kind and name of an answer that is an error, empty texts if there is none."""
    status = number_of(first(attributes, *HTTP_STATUS, "error.type"))
    if status is not None and 400 <= status < 600:
        return ("4xx" if status < 500 else "5xx"), f"HTTP {status}"
    code = rpc_status(attributes)
    if code is None or code == "OK":
        return "", ""
    number = number_of(code)
    if number in _JSON_RPC_BY_THE_CALLER or number in _JSON_RPC_BY_THE_SERVER:
        return ("4xx" if number in _JSON_RPC_BY_THE_CALLER else "5xx"), f"JSON-RPC {code}"
    if code.upper() in _GRPC_CODES:  # Connect has gRPC's codes in small letters
        return ("5xx" if code.upper() in SERVER_CODES else "4xx"), f"RPC {code}"
    return "", f"RPC {code}"


def _message(span: Span, answer: str) -> str:
    """Return type and message of an error that nobody raised, without saying things twice."""
    error_type = text_of(span.attributes, "error.type") or ""
    message = span.status_message or text_of(span.attributes, "error.message") or ""
    if not error_type or error_type in message or answer.endswith(f" {error_type}"):
        return message
    return f"{error_type}: {message}" if message else error_type
