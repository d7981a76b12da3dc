"""Records in files that only the processes of a run can read.

What child processes and workers leave for the process that writes the report is masked by that one:
only there are all the values of a test known. If the run is killed, such files stay where they are.
So each record is sealed with a key that is in memory only, and dies with the run: what is left then
says nothing to anybody.

A record is its length, a number that is used once, and its bytes, combined with a stream that is
made of both that number and the key (SHAKE-256). Nothing is signed, since nobody else may enter the
directories.
"""

from __future__ import annotations

from hashlib import shake_256

from otel_allure.compat import kept

_LENGTH, _ONCE, _KEY = 4, 16, 32


class Seal:
    """Seals records, and opens them.

    Args:
        key: that of the process that reads, as hexadecimal digits; default: a new one.
    """

    def __init__(self, key: str | None = None) -> None:
        self.key = kept.urandom(_KEY).hex() if key is None else key
        self._key = bytes.fromhex(self.key)

    def sealed(self, record: bytes) -> bytes:
        """Return a record as it is written."""
        once = kept.urandom(_ONCE)
        return len(record).to_bytes(_LENGTH, "big") + once + self._combined(once, record)

    def opened(self, content: bytes) -> tuple[list[bytes], int]:
        """Return the records at the beginning of a file's content, and where the last one ends.

        What is behind that is being written just now, or who wrote it was killed.
        """
        records: list[bytes] = []
        end = 0
        while len(content) - end >= _LENGTH + _ONCE:
            start = end + _LENGTH + _ONCE
            stop = start + int.from_bytes(content[end : end + _LENGTH], "big")
            if stop > len(content):
                break
            records.append(self._combined(content[end + _LENGTH : start], content[start:stop]))
            end = stop
        return records, end

    def _combined(self, once: bytes, record: bytes) -> bytes:
        stream = shake_256(self._key + once).digest(len(record))
        combined = int.from_bytes(record, "big") ^ int.from_bytes(stream, "big")
        return combined.to_bytes(len(record), "big")
