"""Files of traces -> spans and log records: streams of bytes, whatever is around and in them.

A file is never in memory as a whole, unless it is one document. It may be compressed, and is one
of three: lines of JSON, JSON documents one after the other, or messages of protobuf in one of the
frames that are in use. What is broken costs its own line or message, and is told.
"""

from __future__ import annotations

import codecs
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

from otel_allure.formats.otlp_protobuf import MalformedMessageError, varint
from otel_allure.formats.otlp_reader import OnProblem
from otel_allure.formats.recognition import (
    Content,
    content_of,
    content_of_message,
    what_bytes_are,
    what_document_is,
)

CHUNK = 1 << 18
LARGEST = 1 << 30
"""Characters of one document, or bytes of one message. What is larger is not read."""


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
    yield from reader.parts(_chunks(file))
    if not reader.found:
        raise UnknownFormatError(reader.looks_like)


# -- bytes


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _with_head(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, and all of them as chunks again."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= size:
            break

    def again() -> Iterator[bytes]:
        if head:
            yield head
        yield from chunks

    return head, again()


_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class MissingZstdError(ImportError):
    """There is nothing that knows zstd."""


class _IncompleteError(ValueError):
    """Compressed bytes that end too early, or are broken."""


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip has packed, in pieces of bounded size; members one after the other."""
    rest, one = b"", zlib.decompressobj(wbits=31)
    is_open = False
    for chunk in chunks:
        rest += chunk
        while rest:
            if one.eof:
                if not rest.startswith(_GZIP[: len(rest)]):
                    return  # padding, of tapes for instance
                one = zlib.decompressobj(wbits=31)
            try:
                data = one.decompress(rest, CHUNK)
            except zlib.error as error:
                raise _IncompleteError(f"gzip: {error}") from None
            rest = one.unused_data if one.eof else one.unconsumed_tail
            is_open = not one.eof
            if data:
                yield data
    if is_open:
        raise _IncompleteError("gzip: it ends too early")


def _unpacked_zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what zstd has packed; frames one after the other."""
    new = _zstd()
    one, is_open = new(), False
    for chunk in chunks:
        rest = chunk
        while rest:
            if one.eof:
                one = new()
            try:
                # Of one block at most, which is 128 KiB: what it makes of 1 KiB stays small.
                piece, rest = rest[:_ZSTD_PIECE], rest[_ZSTD_PIECE:]
                data = one.decompress(piece)
            except Exception as error:  # each package has its own
                raise _IncompleteError(f"zstd: {error}") from None
            is_open = not one.eof
            if one.eof:
                rest = one.unused_data + rest
            if data:
                yield data
    if is_open:
        raise _IncompleteError("zstd: it ends too early")


_ZSTD_PIECE = 1 << 10


def _zstd() -> Callable[[], Any]:
    try:
        from compression.zstd import (  # type: ignore[import-not-found, unused-ignore]
            ZstdDecompressor,
        )

        return ZstdDecompressor  # type: ignore[no-any-return]
    except ImportError:
        pass
    try:
        import zstandard  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingZstdError("zstd needs zstandard: pip install 'otel-allure[otlp]'") from None
    return lambda: zstandard.ZstdDecompressor().decompressobj()


def unpacked(chunks: Iterator[bytes], levels: int = 3) -> Iterator[bytes]:
    """Yield what is packed with gzip or zstd, or the bytes themselves.

    Raises:
        ValueError: where packed bytes are broken; what came before has been yielded.
    """
    head, chunks = _with_head(chunks, 4)
    if levels and head.startswith(_GZIP):
        return unpacked(_gunzipped(chunks), levels - 1)
    if levels and head.startswith(_ZSTD):
        return unpacked(_unpacked_zstd(chunks), levels - 1)
    return chunks


def _joined(chunks: Iterator[bytes]) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > LARGEST:
            raise MalformedMessageError("it is too large")
    return bytes(data)


# -- what is in them

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
            head, chunks = _with_head(unpacked(chunks), _HEAD)
            encoding = next((name for bom, name in _BOMS if head.startswith(bom)), None)
            if encoding is None and not _CONTROLS.isdisjoint(head):
                yield from self._messages(head, chunks)
            elif head:
                self.looks_like = what_bytes_are(head)
                decoder = codecs.getincrementaldecoder(encoding or "utf-8")("replace")
                yield from self._documents(decoder.decode(chunk) for chunk in chunks)
        except _IncompleteError as error:
            self.looks_like = str(error)
            self._tell("", error)

    # -- JSON

    def _documents(self, texts: Iterator[str]) -> Iterator[Part]:
        documents = Documents(self._tell)
        for line, document in documents.of(texts):
            place = f"line {line}"
            content = content_of(document, self._problems_at(place))
            if content is not None:
                self.found = True
                yield Part(place, content)
            elif self.found:
                self._tell(place, what_document_is(document))
            else:
                self.looks_like = what_document_is(document)
        if self.found and documents.others:
            self._tell("", f"{documents.others} lines are left out, they are no JSON")

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
    if 0 < size < 1 << 27 and (
        body[:1] in (b"\n", b"{", b"[") or body == _ZSTD or body[:2] == _GZIP
    ):
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


# -- documents in a text


class Documents:
    """JSON documents in a text: one a line, over many lines, or one after the other.

    Args:
        on_problem: told the place and what is wrong there.

    Attributes:
        others: number of lines that are no JSON; those of a log, around what an exporter printed.
    """

    def __init__(self, on_problem: Callable[[str, object], object]) -> None:
        self._tell = on_problem
        self.others = 0
        self._open: list[tuple[int, str]] = []  # lines of a document that has not ended
        self._size = self._tried = 0

    def of(self, texts: Iterable[str]) -> Iterator[tuple[int, Any]]:
        """Yield documents, each with the number of its line."""
        number = 0
        for number, line in enumerate(_lines(texts), 1):
            text = line.strip(_SPACE)
            if text:
                yield from self._line(number, line.strip("\x1e"), text)
        if self._open:
            yield from self._attempt(is_last=True)

    def _line(self, number: int, line: str, text: str) -> Iterator[tuple[int, Any]]:
        if not self._open:
            if text[0] not in "{[":
                yield from self._within(number, text)
                return
        elif text[0] == "{" and line[0] == "{" and self._breaks_off(text):
            yield from self._attempt(is_last=True)
        self._open.append((number, line))
        self._size += len(line)
        due = 2 * self._tried if len(self._open) == 1 or line[0] in "}]" else _LEAST
        if self._size > LARGEST:
            self._tell(f"line {self._open[0][0]}", "the document is too large")
            self._forget()
        elif self._size >= max(due, 2 * self._tried):
            yield from self._attempt()

    def _breaks_off(self, text: str) -> bool:
        """Whether what is open cannot go on with a line that is a document by itself."""
        if len(self._open) > _FEW or self._size > _LEAST:
            return False  # a large document, with an object a line
        found, _, wrong = decoded(text)
        if wrong is not None or not found:
            return False
        joined = "\n".join((*(line for _, line in self._open), text))
        wrong = decoded(joined)[2]
        return wrong is not None and not wrong.is_cut

    def _attempt(self, *, is_last: bool = False) -> Iterator[tuple[int, Any]]:
        """Read what is open, as far as it goes."""
        lines = self._open
        first, text = lines[0][0], "\n".join(line for _, line in lines)
        found, end, wrong = decoded(text)
        self._forget()
        for document in found:
            yield first, document
        if wrong is None:
            return
        if wrong.is_cut and not is_last:
            line = first + text.count("\n", 0, end)
            self._open = [(line, text[end:])] if found else lines
            self._size = self._tried = len(text) - end
            return
        what = "the document is not complete" if is_last and wrong.is_cut else wrong.message
        self._tell(f"line {first + text.count(chr(10), 0, wrong.pos)}", what)
        for number, each in lines[1:]:  # some may be documents by themselves
            if each[0] == "{":
                again, _, error = decoded(each)
                for document in again if error is None else ():
                    yield number, document

    def _within(self, number: int, text: str) -> Iterator[tuple[int, Any]]:
        """Yield the document that a line of a log has in it."""
        start = text.find('{"')
        found, _, wrong = decoded(text[start:]) if start >= 0 else ([], 0, None)
        if not found or wrong is not None:
            self.others += 1
        for document in found:
            yield number, document

    def _forget(self) -> None:
        self._open, self._size, self._tried = [], 0, 0


_SPACE = " \t\r\n\x1e\ufeff"
_LEAST = 1 << 16
_FEW = 64
_decoder = json.JSONDecoder()


class _Wrong(NamedTuple):
    """What is wrong with a text.

    Attributes:
        message: what it is.
        pos: where.
        is_cut: whether it may be that more of the text is to come.
    """

    message: str
    pos: int
    is_cut: bool = False


def decoded(text: str) -> tuple[list[Any], int, _Wrong | None]:
    """Return the documents of a text, where the last of them ends, and what is wrong then."""
    found: list[Any] = []
    at, end = 0, len(text.rstrip(_SPACE))
    while True:
        start = at
        while at < end and text[at] in _BETWEEN:
            at += 1
        if at >= end:
            return found, end, None
        try:
            document, at = _decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            is_cut = error.msg.startswith("Unterminated") or error.pos >= end - _LONGEST_LITERAL
            return found, start, _Wrong(error.msg, error.pos, is_cut)
        except RecursionError:
            return found, start, _Wrong("it is nested too deeply", at)
        except ValueError as error:  # a number of more digits than Python converts
            return found, start, _Wrong(str(error), at)
        found.append(document)


_BETWEEN = f"{_SPACE},"
_LONGEST_LITERAL = 9


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text that comes in pieces."""
    pieces: list[str] = []
    for text in texts:
        *whole, rest = text.split("\n")
        for line in whole:
            yield "".join((*pieces, line)) if pieces else line
            pieces.clear()
        if rest:
            pieces.append(rest)
    if pieces:
        yield "".join(pieces)
