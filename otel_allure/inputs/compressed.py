"""Bytes that may be packed -> bytes, in pieces of bounded size."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

CHUNK = 1 << 18


def chunks_of(file: BinaryIO) -> Iterator[bytes]:
    """Yield what is in a file, piece by piece."""
    while chunk := file.read(CHUNK):
        yield chunk


def with_head(chunks: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes, and all of them as chunks again, with the error that ends them."""
    head = b""
    broken: IncompleteError | None = None
    try:
        for chunk in chunks:
            head += chunk
            if len(head) >= size:
                break
    except IncompleteError as error:
        broken = error

    def again() -> Iterator[bytes]:
        if head:
            yield head
        if broken is not None:
            raise broken
        yield from chunks

    return head, again()


GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


class MissingZstdError(ImportError):
    """There is nothing that knows zstd."""


class IncompleteError(ValueError):
    """Compressed bytes that end too early, or are broken."""


def unpacked_gzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip has packed, in pieces of bounded size; members one after the other.

    Raises:
        IncompleteError: where it is broken, ends too early, or something else follows.
    """
    rest, one = b"", zlib.decompressobj(wbits=31)
    is_open = True
    for chunk in chunks:
        rest += chunk
        while rest:
            if one.eof:
                rest = rest.lstrip(b"\0")  # padding, of tapes for instance
                if not rest:
                    break
                if not rest.startswith(GZIP[: len(rest)]):
                    raise IncompleteError(
                        "gzip: what follows it is something else, and is left out"
                    )
                one = zlib.decompressobj(wbits=31)
            try:
                data = one.decompress(rest, CHUNK)
            except zlib.error as error:
                raise IncompleteError(f"gzip: {error}") from None
            rest = one.unused_data if one.eof else one.unconsumed_tail
            is_open = not one.eof
            if data:
                yield data
    if is_open:
        raise IncompleteError("gzip: it ends too early")


def unpacked_zstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what zstd has packed; frames one after the other.

    Raises:
        IncompleteError: where it is broken, or ends too early.
        MissingZstdError: where nothing knows it.
    """
    new = _zstd()
    one, is_open = new(), False
    for piece in _pieces(chunks, _ZSTD_PIECE):
        rest = piece
        while rest:
            if one.eof:
                one = new()
            try:
                data = one.decompress(rest)
            except Exception as error:  # each package has its own
                raise IncompleteError(f"zstd: {error}") from None
            is_open = not one.eof
            rest = b"" if is_open else one.unused_data
            if data:
                yield data
    if is_open:
        raise IncompleteError("zstd: it ends too early")


_ZSTD_PIECE = 1 << 7
"""What 4 bytes say may be 128 KiB, so this makes 4 MiB at most."""


def _pieces(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), size):
            yield chunk[at : at + size]


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
    head, chunks = with_head(chunks, 4)
    if levels and head.startswith(GZIP):
        return unpacked(unpacked_gzip(chunks), levels - 1)
    if levels and head.startswith(ZSTD):
        return unpacked(unpacked_zstd(chunks), levels - 1)
    return chunks
