"""What OTLP/HTTP says about a request's body, and the answer to it. No sockets.

A receiver that takes garbage with a 200 hides the mistake of whoever sends it. So each answer says
what was not taken: as a partial success with a count, or as a `google.rpc.Status`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from otel_allure.formats.otlp_protobuf import (
    MalformedMessageError,
    MissingProtobufError,
    count_metrics_in_protobuf,
    logs_from_protobuf,
    spans_from_protobuf,
    varint,
)
from otel_allure.formats.otlp_reader import OnProblem, count_metrics, from_otlp, logs_from_otlp
from otel_allure.formats.otlp_schema import OTHER_NAMES
from otel_allure.inputs.compressed import (
    IncompleteError,
    MissingZstdError,
    unpacked_gzip,
    unpacked_zstd,
)
from otel_allure.model.spans import Record

JSON, PROTOBUF = "application/json", "application/x-protobuf"
_CHUNK = 1 << 16


class _Signal(NamedTuple):
    """A signal, by its path.

    Attributes:
        field: the one field of its request.
        rejected: the name of the count in a partial success, as JSON has it.
        doing: what a reader calls a record that it leaves out.
        from_json: a request -> records.
        from_protobuf: a message -> records.
    """

    field: str
    rejected: str
    doing: str
    from_json: Callable[[Mapping[str, Any], OnProblem], Iterator[Record]]
    from_protobuf: Callable[[bytes, OnProblem], Iterator[Record]]


def _only_counted(count: Callable[[Any], int]) -> Callable[[Any, OnProblem], Iterator[Record]]:
    def no_records(request: Any, on_problem: OnProblem) -> Iterator[Record]:
        count(request)  # what is none of that signal is told
        return iter(())

    return no_records


SIGNALS = {
    "/v1/traces": _Signal(
        "resourceSpans",
        "rejectedSpans",
        "reading a span from OTLP",
        from_otlp,
        spans_from_protobuf,
    ),
    "/v1/logs": _Signal(
        "resourceLogs",
        "rejectedLogRecords",
        "reading a log record from OTLP",
        logs_from_otlp,
        logs_from_protobuf,
    ),
    # Metrics are taken and forgotten, so that services do not log errors.
    "/v1/metrics": _Signal(
        "resourceMetrics",
        "rejectedDataPoints",
        "reading a metric from OTLP",
        _only_counted(count_metrics),
        _only_counted(count_metrics_in_protobuf),
    ),
}


class RefusedError(Exception):
    """A request is not taken.

    Attributes:
        status: of HTTP.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class Answer(NamedTuple):
    """An answer to a request."""

    status: int
    type: str
    body: bytes


Take = Callable[[list[Record]], list[str]]
"""Takes records in; returns, for each that it does not take, why."""


# -- what comes


def type_of(header: str | None) -> str:
    """Return which of the two encodings a request has.

    Raises:
        RefusedError: if it has another one.
    """
    kind = (header or "").partition(";")[0].strip().lower()
    if kind in (JSON, PROTOBUF):
        return kind
    raise RefusedError(415, f"the content type is {kind or 'missing'}, not {PROTOBUF} or {JSON}")


def _as_much_as_it_is(size: int) -> None:
    """Allow it."""


def inflated(
    body: Iterable[bytes],
    encoding: str | None,
    most: int,
    hold: Callable[[int], object] = _as_much_as_it_is,
) -> bytes:
    """Return a body as it was before it was compressed.

    Args:
        body: as it comes.
        encoding: what the header says.
        most: bytes that it may have, before and after.
        hold: told of each so many bytes that are held from now on; may raise `RefusedError`.

    Raises:
        RefusedError: if it has more, or is not what it is said to be.
    """
    kind = (encoding or "identity").strip().lower()
    if kind not in _UNPACKED:
        raise RefusedError(415, f"the content encoding is {kind}, not {', '.join(_ENCODINGS)}")
    data = bytearray()
    try:
        for piece in _UNPACKED[kind](_limited(body, most)):
            hold(len(piece))
            data += piece
            if len(data) > most:
                raise too_large(most)
    except MissingZstdError as error:
        raise RefusedError(415, str(error)) from None
    except IncompleteError as error:
        raise RefusedError(400, f"the body is not compressed as it says: {error}") from None
    return bytes(data)


def too_large(most: int) -> RefusedError:
    """Return what a body that is too large is answered with."""
    return RefusedError(413, f"the body is larger than {most:,} bytes")


def _limited(body: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield a body as it comes, up to so many bytes."""
    size = 0
    for piece in body:
        size += len(piece)
        if size > most:
            raise too_large(most)
        yield piece


_MORE = "what follows it is something else"


def _inflated(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what zlib has packed, in pieces of bounded size."""
    unpacker = zlib.decompressobj(wbits=47)
    for piece in body:
        if unpacker.eof:
            raise IncompleteError(_MORE)
        rest = piece
        while rest and not unpacker.eof:
            try:
                yield unpacker.decompress(rest, _CHUNK)
            except zlib.error as error:
                raise IncompleteError(str(error)) from None
            rest = unpacker.unconsumed_tail
        if unpacker.unused_data:
            raise IncompleteError(_MORE)
    if not unpacker.eof:
        raise IncompleteError("it ends too early")


_UNPACKED: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "identity": iter,
    "": iter,
    "gzip": unpacked_gzip,
    "x-gzip": unpacked_gzip,
    "deflate": _inflated,
    "zstd": unpacked_zstd,
}
_ENCODINGS = ("gzip", "deflate", "zstd", "identity")


def records_of(path: str, kind: str, body: bytes) -> tuple[list[Record], list[str], list[str]]:
    """Return the records of a request, why others were left out, and what else is wrong in it.

    Raises:
        RefusedError: if the body is no such request.
    """
    signal = SIGNALS[path]
    rejected: list[str] = []
    warnings: list[str] = []

    def on_problem(doing: str, detail: object) -> None:
        (rejected if doing == signal.doing else warnings).append(f"{doing}: {detail}")

    if kind == JSON:
        records = list(signal.from_json(_request(body, signal.field), on_problem))
    else:
        try:
            records = list(signal.from_protobuf(body, on_problem))
        except MalformedMessageError as error:
            raise RefusedError(400, str(error)) from None
        except MissingProtobufError as error:
            raise RefusedError(415, str(error)) from None
    is_useless = (rejected or warnings) and not records
    if is_useless or (kind == PROTOBUF and body and not _has_field(body)):
        why = next(iter([*rejected, *warnings]), "it has no such field")
        raise RefusedError(400, f"this is no request for {path}: {why}")
    return records, rejected, warnings


def _request(body: bytes, field: str) -> Mapping[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError(400, f"the body is no JSON: {type(error).__name__}: {error}") from None
    if not isinstance(request, dict):
        raise RefusedError(400, f"the body is of type {type(request).__name__}, not an object")
    names = (field, *OTHER_NAMES.get(field, ()))
    if request and not any(isinstance(request.get(name), list) for name in names):
        raise RefusedError(400, f"the body has no list {field}")
    return request


def _has_field(body: bytes) -> bool:
    return body[0] == 0x0A  # field 1, a message: all three kinds of requests have only that


# -- what is answered


def success(path: str, kind: str, rejected: list[str], warnings: list[str]) -> Answer:
    """Return the answer to a request that was taken, or a part of it."""
    told = [*rejected, *warnings]
    message = told[0] + (f" (and {len(told) - 1} more)" if len(told) > 1 else "") if told else ""
    if kind == JSON:
        partial: dict[str, Any] = {"errorMessage": message} if message else {}
        if rejected:
            partial[SIGNALS[path].rejected] = str(len(rejected))
        return Answer(
            200, JSON, json.dumps({"partialSuccess": partial} if partial else {}).encode()
        )
    fields = _number(1, len(rejected)) + _text(2, message)
    return Answer(200, PROTOBUF, _bytes(1, fields) if fields else b"")


def failure(kind: str, status: int, message: str) -> Answer:
    """Return the answer to a request that was not taken: a `google.rpc.Status`."""
    code = _CODES.get(status, 2)
    if kind == PROTOBUF:
        return Answer(status, PROTOBUF, _number(1, code) + _text(2, message))
    return Answer(status, JSON, json.dumps({"code": code, "message": message}).encode())


_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 411: 3, 413: 8, 415: 3, 503: 14}
"""Of HTTP -> of gRPC."""


def status_of(status: int, body: bytes) -> tuple[int, str]:
    """Return gRPC's code and the message of an answer that `failure` has made as protobuf."""
    code = _CODES.get(status, 2)
    text = body.partition(b"\x12")[2]
    while text and text[0] >= 0x80:
        text = text[1:]
    return code, text[1:].decode("utf-8", "replace") or f"HTTP {status}"


def _number(field: int, number: int) -> bytes:
    return bytes([field << 3]) + varint(number) if number else b""


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode("utf-8", "replace"))


def _bytes(field: int, data: bytes) -> bytes:
    return bytes([field << 3 | 2]) + varint(len(data)) + data if data else b""
