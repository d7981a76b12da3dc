"""The result of a test that runs, as a file: valid at any time, whatever ends the process.

A signal that kills may interrupt a write between two pages, never within one. So as long as the
text fits into a page it is written over in its place, by one write that is padded with spaces to
what was there. A longer one becomes another file that takes the place of this one.

The number of an open file is no proof that it is ours: code under test may close all that are open
(a daemon does so), and then open its own. So each time we look what file it is.
"""

from __future__ import annotations

import contextlib
import sys

from otel_allure.compat import kept

ENDED = "The process ended while this {} was running"
_CAN_RENAME_OPEN = sys.platform != "win32"
PAGE = 4096
"""Bytes. No system has smaller pages."""


class RunningFile:
    """A file that is there under the name of the final result, from the start.

    Args:
        path: of the result.
        text: what it says first.
        temporary: path of the file that becomes it once all of that is written.
        held: whether it stays open until `end`, which is cheaper.

    Raises:
        OSError: if it cannot be made.
    """

    def __init__(self, path: str, text: bytes, temporary: str, *, held: bool = True) -> None:
        self.path = path
        self._size = len(text)
        file = kept.open_in_place(temporary, new=True)
        self._file: int | None = file
        self._identity = kept.identity(file)
        try:
            kept.write(file, text)
            if not (held and _CAN_RENAME_OPEN):
                self.close()
            kept.rename(temporary, path)
        except BaseException:
            self.close()
            with contextlib.suppress(OSError):
                kept.unlink(temporary)
            raise

    @property
    def is_held(self) -> bool:
        """Whether it is open."""
        return self._file is not None

    def write(self, text: bytes, temporary: str) -> None:
        """Have it say something else.

        Args:
            text: what.
            temporary: path of a file to write to first, where the text is too long.

        Raises:
            OSError: if it cannot be written; what it said then stays.
        """
        if self._fits(text):
            self._in_place(text)
        elif self._is_there():
            self.close()
            kept.write_whole(self.path, temporary, (text,))
            self._size, self._identity = len(text), kept.identity(self.path)

    def end(self, text: bytes, *, nowhere_else: bool = False) -> bool:
        """Have it say the last word, and let go of it; return whether it could be said here.

        Args:
            text: the last word.
            nowhere_else: whether no other file can be written. Then it is said here even if it
                said more than a page before, which only a kill in the midst of that could tear.
        """
        fits = len(text) <= PAGE if nowhere_else else self._fits(text)
        try:
            return fits and self._is_there() and self._in_place(text, last=True)
        except OSError:
            return False
        finally:
            self.close()

    def close(self) -> None:
        """Let go of it; it stays as it is."""
        file, self._file = self._file, None
        if file is not None and kept.identity(file) == self._identity:
            kept.close(file)

    def _fits(self, text: bytes) -> bool:
        return max(len(text), self._size) <= PAGE

    def _is_there(self) -> bool:
        """Whether it is still what its name leads to."""
        return kept.identity(self.path) == self._identity

    def _in_place(self, text: bytes, *, last: bool = False) -> bool:
        file = self._file
        if file is None:
            file = kept.open_in_place(self.path, new=False)
        try:
            return kept.identity(file) == self._identity and self._write_over(file, text, last)
        finally:
            if file != self._file:
                kept.close(file)

    def _write_over(self, file: int, text: bytes, last: bool = False) -> bool:
        written = kept.write_over(file, text.ljust(self._size))
        self._size = max(self._size, len(text))
        if last and len(text) < self._size:
            kept.truncate(file, len(text))
        return written
