"""Runs scripts without a private name of others; each in a fork of a process that is warm.

A line of its input is a JSON array of what `run` takes, and is answered by the exit code. What the
script says is in the file `said` of its directory. The project has its name renamed in all of its
modules; where none is given, it is as if the name were looked up in vain.
"""

from __future__ import annotations

import gc
import importlib.machinery
import json
import os
import re
import runpy
import signal
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

WARM = (
    "allure",
    "allure_commons.model2",
    "asyncio",
    "concurrent.futures.thread",
    "multiprocessing.reduction",
    "opentelemetry._logs",
    "opentelemetry.propagate",
    "opentelemetry.sdk.trace",
    "opentelemetry.trace.propagation.tracecontext",
    "pdb",
    "pytest",
    "pytest_asyncio",
    "xml.etree.ElementTree",
)
"""What runs import of others. Of ours nothing: that looks names up when it is imported."""
TOGETHER = {"_pytest": {"_pytest", "py", "pytest", "pytest_asyncio"}}
"""What is renamed, and imported anew, with a project; others have one package."""


class Renaming(importlib.machinery.SourceFileLoader):
    """Loads a module as if its project had renamed it, everywhere."""

    def __init__(self, loader: importlib.machinery.SourceFileLoader, word: str, new: str) -> None:
        super().__init__(loader.name, loader.path)
        self.word, self.new = word, new

    def source_to_code(self, data: Any, path: Any, **options: Any) -> CodeType:
        text = re.sub(self.word, self.new, bytes(data).decode())
        return super().source_to_code(text.encode(), path, **options)

    def get_code(self, name: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


class Finder:
    """Finds modules that have to be renamed."""

    def __init__(self, packages: set[str], attribute: str) -> None:
        self.packages = packages
        self.word = rf"(?<!\w){attribute}(?!\w)"
        self.new = f"{attribute}_renamed"

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in self.packages:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                loader = spec.loader
                if isinstance(loader, importlib.machinery.SourceFileLoader) and re.search(
                    self.word, loader.get_data(loader.path).decode()
                ):
                    spec.loader = Renaming(loader, self.word, self.new)
                return spec
        return None


def rename(project: str, attribute: str) -> None:
    packages = TOGETHER.get(project, {project})
    for name in list(sys.modules):
        if name.partition(".")[0] in packages:
            del sys.modules[name]
    sys.meta_path.insert(0, Finder(packages, attribute))


def look_up_in_vain(gone: str) -> None:
    from otel_allure import compat

    of, imported = compat.Private.of, compat.Private.imported

    def of_but(self: Any, owner: Any, default: Any = None, *, kind: type | None = None) -> Any:
        without = object() if self.name == gone and owner is not None else owner
        return of(self, without, default, kind=kind)

    def imported_but(self: Any, default: Any = None) -> Any:
        if self.name != gone:
            return imported(self, default)
        self.is_missing()
        return default

    compat.Private.of = of_but  # type: ignore[method-assign]
    compat.Private.imported = imported_but  # type: ignore[method-assign]


def run(
    directory: str, environment: dict[str, str], project: str, gone: str, *command: str
) -> None:
    signal.alarm(120)  # what hangs is killed, and fails
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for file, stream in ((os.open(os.devnull, os.O_RDONLY), 0), (said, 1), (said, 2)):
        os.dup2(file, stream)
    sys.path[0], sys.argv = directory, list(command)
    if project:
        rename(project, gone.rpartition(".")[2])
    else:
        look_up_in_vain(gone)
    runpy.run_path(command[0], run_name="__main__")


def main() -> None:
    for name in WARM:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*json.loads(line))
            break  # and end as a process of its own does
        _, status = os.waitpid(child, 0)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
