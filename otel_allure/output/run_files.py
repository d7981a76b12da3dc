"""Files about the run as a whole: environment.properties, executor.json, categories.json.

The report tools show the first two on the overview. Categories sort what failed by its message;
only Allure 2 reads them from the results, for Allure 3 they belong into its configuration file.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from typing import Any

from otel_allure.output.ci import executor

OWN_WORDS = "categories.json"
"""The file in which there is nothing but what we say: no secret can be in it."""
MARK = "# Made by otel-allure"
"""First line of an environment.properties that may be replaced: one without is somebody else's."""


def environment_properties(versions: Mapping[str, str], services: Mapping[str, str]) -> str:
    """Return the text of environment.properties.

    Args:
        versions: of the tools that ran, by name.
        services: versions of the services that were seen in the traces, by name; may be empty.
    """
    told = {
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "OS": f"{platform.system()} {platform.release()} ({platform.machine()})",
        **versions,
        **{f"Service {name}": version or "seen" for name, version in sorted(services.items())},
    }
    lines = [f"{_escaped(name, key=True)} = {_escaped(value)}" for name, value in told.items()]
    return "\n".join([MARK, *lines]) + "\n"


_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(text: str, *, key: bool = False) -> str:
    """Return `text` as Java's properties have it, in ASCII: their encoding is not agreed on."""
    special = {**_ESCAPES, " ": "\\ ", ":": "\\:", "=": "\\=", "#": "\\#", "!": "\\!"}
    table = special if key else _ESCAPES
    escaped = "".join(table.get(char, char) for char in text)
    utf16 = escaped.encode("utf-16-be", "surrogatepass")
    units = [int.from_bytes(utf16[i : i + 2], "big") for i in range(0, len(utf16), 2)]
    return "".join(chr(unit) if 32 <= unit < 127 else f"\\u{unit:04x}" for unit in units)


# -- categories

CATEGORIES: list[dict[str, Any]] = [
    {
        "name": "A service failed",
        "matchedStatuses": ["failed", "broken"],
        "messageRegex": r"(?s).*(?:\bHTTP|\bstatus|→)\W{0,3}5\d\d\b.*",
    },
    {
        "name": "No connection",
        "matchedStatuses": ["failed", "broken"],
        "messageRegex": r"(?si).*(?:connection ?(?:refused|reset|error|aborted)|cannot connect|"
        r"name or service not known|ClientConnector\w*Error|OperationalError).*",
    },
    {
        "name": "Took too long",
        "matchedStatuses": ["failed", "broken"],
        "messageRegex": r"(?si).*(?:time ?out|timed out|deadline.exceeded).*",
    },
]
"""What failed, by its message; the report tools sort what none matches into their own."""


_MARK_FIELD = "madeBy"
_OURS = "otel-allure"


def files(
    versions: Mapping[str, str], services: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the bodies of all of these files, by name."""
    made = {
        "environment.properties": environment_properties(versions, services),
        OWN_WORDS: json.dumps(CATEGORIES, indent=2, ensure_ascii=False),
    }
    its = executor(environ)
    if its is not None:
        made["executor.json"] = json.dumps({**its, _MARK_FIELD: _OURS}, indent=2)
    return made


def may_replace(name: str, body: str) -> bool:
    """Whether a file that is there already is one of ours, of an earlier run."""
    return {
        "environment.properties": body.startswith(MARK),
        "executor.json": f'"{_MARK_FIELD}": "{_OURS}"' in body,
    }.get(name, False)


def with_what_was_there(name: str, body: str, there: str) -> str:
    """Return a file's new body, with the services of others that one of ours has told.

    Several programs, and a run of pytest, may write to one directory.
    """
    if name != "environment.properties":
        return body
    said = {line.partition(" = ")[0] for line in body.splitlines()}
    others = [line for line in there.splitlines() if line.startswith(_OF_OTHERS)]
    return body + "".join(f"{line}\n" for line in others if line.partition(" = ")[0] not in said)


_OF_OTHERS = ("Service\\ ", "pytest = ")
