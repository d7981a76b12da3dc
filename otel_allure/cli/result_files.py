"""The results in a directory."""

from __future__ import annotations

from pathlib import Path


def read_results(directory: Path, pattern: str = "*-result.json") -> dict[Path, int]:
    """Return when each result in a directory was changed, in ns; of other files, give a pattern."""
    files = (path for path in directory.glob(pattern) if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files}
