"""Files of traces -> spans and log records: streams of bytes, whatever is around and in them.

A file is never in memory as a whole, unless it is one document that cannot be cut. It may be
compressed, and is one of three: lines of JSON, JSON documents one after the other, or messages of
protobuf in one of the frames that are in use. What is broken costs its own line or message, and is
told.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from otel_allure.formats.otlp_protobuf import MalformedMessageError, varint
from otel_allure.formats.otlp_reader import OnProblem
from otel_allure.formats.recognition import (
    Content,
    content_of,
    content_of_message,
    what_bytes_are,
    what_document_is,
)
from otel_allure.inputs.compressed import (
    GZIP,
    ZSTD,
    IncompleteError,
    chunks_of,
    unpacked,
    with_head,
)
from otel_allure.inputs.json_documents import Documents
from otel_allure.inputs.large_documents import in_pieces
from otel_allure.model.texts import counted

LARGEST = 1 << 30
"""Bytes of one message. What is larger is not read."""


class UnknownFormatError(ValueError):
    """Nothing in a file was recognised. The text says what it looks like."""


class Part(NamedTuple):
    """What a document or a message of a file has.

    Attributes:
        place: where it begins, `line 3` or `message 3`.
        content: what is in it.
    """

    place: str
    content: Content


def read_parts(file: BinaryIO, on_problem: Callable[[str, object], object]) -> Iterator[Part]:
    """Yield what is in a file, part by part.

    Args:
        file: what `read` returns may be short, as of a pipe.
        on_problem: called with the place in the file and what is wrong there.

    Raises:
        UnknownFormatError: if nothing in it was recognised.
        MissingProtobufError: if it is protobuf, and there is no package for it.
        MissingZstdError: if it is compressed with zstd, and there is no package for it.
    """
    reader = _FileReader(on_problem)
    yield from reader.parts(chunks_of(file))
    if not reader.found:
        raise UnknownFormatError(reader.looks_like)


def _joined(chunks: Iterator[bytes]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > LARGEST:
            raise MalformedMessageError("it is too large")
    return bytes(data)


_HEAD = 1 << 14
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b\x1e")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class _FileReader:
    def __init__(self, on_problem: Callable[[str, object], object]) -> None:
        self._tell = on_problem
        self.found = False
        self.looks_like = "empty"

    def parts(self, chunks: Iterator[bytes]) -> Iterator[Part]:
        try:
            head, chunks = with_head(unpacked(chunks), _HEAD)
            encoding = next((name for bom, name in _BOMS if head.startswith(bom)), None)
            if encoding is None and not _CONTROLS.isdisjoint(head):
                yield from self._messages(head, chunks)
            elif head:
                self.looks_like = what_bytes_are(head)
                decoder = codecs.getincrementaldecoder(encoding or "utf-8")("replace")
                yield from self._documents(decoder.decode(chunk) for chunk in chunks)
        except IncompleteError as error:
            self.looks_like = str(error)
            self._tell("", error)

    # -- JSON

    def _documents(self, texts: Iterator[str]) -> Iterator[Part]:
        others = 0
        for piece in in_pieces(texts):
            documents = Documents(self._tell, piece.line)
            yield from self._documents_of(documents.of(piece.texts))
            others += documents.others
        if self.found and others:
            self._tell("", f"{counted(others, 'line')} left out: no JSON")

    def _documents_of(self, documents: Iterator[tuple[int, object]]) -> Iterator[Part]:
        for line, document in documents:
            place = f"line {line}"
            content = content_of(document, self._problems_at(place))
            if content is not None:
                self.found = True
                yield Part(place, content)
            elif self.found:
                self._tell(place, what_document_is(document))
            else:
                self.looks_like = what_document_is(document)

    def _problems_at(self, place: str) -> OnProblem:
        return lambda doing, detail: self._tell(place, f"{doing}: {detail}")

    # -- protobuf

    def _messages(self, head: bytes, chunks: Iterator[bytes]) -> Iterator[Part]:
        frame = _frame_of(head)
        if frame is None:
            self.looks_like = what_bytes_are(head)
            return
        stream = _Stream(chunks)
        for number, message in enumerate(frame(stream), 1):
            place = f"message {number}"
            try:
                yield from self._of_message(place, message)
            except MalformedMessageError as error:
                self.looks_like = what_bytes_are(head)
                self._tell(place, error)
        if stream.is_short:
            self._tell("", "the last message is not complete")

    def _of_message(self, place: str, message: bytes) -> Iterator[Part]:
        message = _joined(unpacked(iter([message])))
        if message[:1] in (b"{", b"["):
            yield from self._documents(iter([message.decode("utf-8", "replace")]))
            return
        content = content_of_message(message, self._problems_at(place))
        self.found = True
        yield Part(place, content)


class _Stream:
    """Bytes that are taken one piece after the other.

    Attributes:
        is_short: whether they ended within a piece.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._buffer = bytearray()
        self.is_short = False

    def take(self, size: int) -> bytes | None:
        """Return the next bytes, None if there are not so many, or that is more than is read."""
        if size > LARGEST:
            self.is_short = True
            return None
        while len(self._buffer) < size:
            chunk = next(self._chunks, b"")
            if not chunk:
                self.is_short |= bool(self._buffer)
                return None
            self._buffer += chunk
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def number(self) -> int | None:
        """Return the next varint, None at the end."""
        number = 0
        for place in range(0, 70, 7):
            byte = self.take(1)
            if byte is None:
                self.is_short |= place > 0
                return None
            number |= (byte[0] & 0x7F) << place
            if byte[0] < 0x80:
                return number
        self.is_short = True
        return None


_FIELD_1 = 0x0A  # of bytes: what all three kinds of messages begin with
_Frame = Callable[[_Stream], Iterator[bytes]]


def _plain(stream: _Stream) -> Iterator[bytes]:
    """Yield the groups of resources of one message, each as a message."""
    while (tag := stream.take(1)) is not None:
        size = stream.number()
        body = None if size is None or tag[0] != _FIELD_1 else stream.take(size)
        if size is None or body is None:
            stream.is_short = True
            return
        yield bytes([_FIELD_1]) + varint(size) + body


def _with_varints(stream: _Stream) -> Iterator[bytes]:
    while (size := stream.number()) is not None:
        body = stream.take(size)
        if body is None:
            stream.is_short = True
            return
        yield body


def _with_lengths(stream: _Stream) -> Iterator[bytes]:
    """Yield messages behind their lengths in four bytes, as the Collector's file exporter does."""
    while (size := stream.take(4)) is not None:
        body = stream.take(int.from_bytes(size, "big"))
        if body is None:
            stream.is_short = True
            return
        if body:
            yield body


def _frame_of(head: bytes) -> _Frame | None:
    """Return how messages are told apart."""
    size = int.from_bytes(head[:4], "big")
    body = head[4:8]
    if 0 < size < 1 << 27 and (body[:1] in (b"\n", b"{", b"[") or body == ZSTD or body[:2] == GZIP):
        return _with_lengths
    if _is_message(head):
        return _plain
    size_at = next((i for i, byte in enumerate(head[:10]) if byte < 0x80), None)
    if size_at is not None and _is_message(head[size_at + 1 :]):
        return _with_varints
    return None


def _is_message(head: bytes) -> bool:
    """Whether bytes begin as a message does: with a group, of a resource or of scopes."""
    stream = _Stream(iter([head]))
    tag, size = stream.take(1), stream.number()
    first = stream.take(1)
    return (
        tag == bytes([_FIELD_1])
        and size is not None
        and first is not None
        and first[0] in (0x0A, 0x12, 0x1A)
    )
