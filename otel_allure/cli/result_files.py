"""The results in a directory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from otel_allure.model.conventions import RESULT

FileContent = dict[str, Any]
"""What is in a file of a result or container."""


class NoResultsError(Exception):
    """A directory has no results. The text says what it is instead."""


def check_results(directory: Path) -> None:
    """See that a directory has results in it.

    Raises:
        NoResultsError: if it has none.
    """
    try:
        names = [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        raise NoResultsError(
            f"there is no {directory}: run pytest --alluredir={directory}, or name another"
        ) from None
    except NotADirectoryError:
        raise NoResultsError(f"{directory} is no directory") from None
    except OSError as error:
        raise NoResultsError(f"{directory} cannot be read: {error.strerror}") from None
    if not any(name.endswith(RESULT) for name in names):
        raise NoResultsError(_what_it_is(directory, names))


def _what_it_is(directory: Path, names: list[str]) -> str:
    if not names:
        return f"{directory} is empty"
    if "index.html" in names:
        return f"{directory} is a finished report, name the directory of results"
    return f"there are no results in {directory}, no file is called *{RESULT}"


class Files:
    """What is in the results and containers of a directory.

    What cannot be read is named on stderr: it is being written, or was not written by us.

    Attributes:
        incomplete: whether there was such a file.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.incomplete = False

    def read(self, pattern: str) -> Iterator[tuple[Path, FileContent]]:
        """Yield the files with such names, and what is in them."""
        for path in sorted(self._directory.glob(pattern)):
            try:
                content = json.loads(path.read_bytes())
                if not isinstance(content, dict):
                    raise TypeError("no object is in it")
            except Exception as error:
                self.leave_out(path, error)
            else:
                yield path, content

    def leave_out(self, path: Path, error: Exception) -> None:
        """Say that a file is left out."""
        self.incomplete = True
        print(f"otel-allure: {path} cannot be read and is left out: {error}", file=sys.stderr)
