"""The command line, word for word compatible with allure-pytest, and what is ours."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

import pytest
from allure_commons.types import LabelType, Severity

from otel_allure.compat.pytest import KNOWN_ARGUMENTS
from otel_allure.model import settings

_SEVERITIES = [severity.value for severity in Severity]


def _labels(name: str) -> Callable[[str], set[tuple[str, Any]]]:
    def values(text: str) -> set[tuple[str, Any]]:
        return {(name, value) for value in text.split(",")}

    return values


def _severities(text: str) -> set[tuple[str, Any]]:
    illegal = [value for value in text.split(",") if value not in _SEVERITIES]
    if illegal:
        raise argparse.ArgumentTypeError(
            f"Illegal severity values: {', '.join(illegal)}, "
            f"only [{', '.join(_SEVERITIES)}] are allowed"
        )
    return {(LabelType.SEVERITY, Severity(value)) for value in text.split(",")}


def _named_labels(text: str) -> list[tuple[str, str]]:
    name, equals, values = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form label_name=value1,value2")
    return [(name, value) for value in values.split(",")]


def _link_pattern(text: str) -> list[str]:
    kind, colon, pattern = text.partition(":")
    if not kind:
        raise argparse.ArgumentTypeError("Link type is mandatory.")
    if not colon:
        raise argparse.ArgumentTypeError("Link pattern is mandatory")
    return [kind, pattern]


def _row(group: str, flag: str, dest: str, **more: Any) -> tuple[str, str, dict[str, Any]]:
    return group, flag, {"dest": dest, **more}


_OPTIONS = [
    _row(
        "reporting", "--alluredir", "allure_report_dir", metavar="DIR", default=None,
        help="Generate Allure report in the specified directory (may not exist)",
    ),
    _row(
        "reporting", "--clean-alluredir", "clean_alluredir", action="store_true",
        help="Clean alluredir folder if it exists",
    ),
    _row(
        "reporting", "--allure-no-capture", "attach_capture", action="store_false",
        help="Do not attach pytest captured logging/stdout/stderr to report",
    ),
    _row(
        "reporting", "--inversion", "inversion", default=False,
        help="Run tests not in testplan",
    ),
    _row(
        "general", "--allure-severities", "allure_severities", metavar="SEVERITIES_SET",
        default={}, type=_severities,
        help="Comma-separated list of severity names. Tests only with these severities will be"
        f" run. Possible values are: {', '.join(_SEVERITIES)}.",
    ),
    *(
        _row(
            "general", f"--allure-{plural}", f"allure_{plural}", metavar=f"{plural.upper()}_SET",
            default={}, type=_labels(label),
            help=f"Comma-separated list of {words}."
            f" Run tests that have at least one of the specified {words}.",
        )
        for plural, label, words in (
            ("epics", LabelType.EPIC, "epic names"),
            ("features", LabelType.FEATURE, "feature names"),
            ("stories", LabelType.STORY, "story names"),
            ("ids", LabelType.ID, "IDs"),
        )
    ),
    _row(
        "general", "--allure-label", "allure_labels", action="append", metavar="LABELS_SET",
        default=[], type=_named_labels,
        help="List of labels to run in format label_name=value1,value2."
        " Run tests that have at least one of the specified labels.",
    ),
    _row(
        "general", "--allure-link-pattern", "allure_link_pattern", action="append",
        metavar="LINK_TYPE:LINK_PATTERN", default=[], type=_link_pattern,
        help="Url pattern for link type. Allows short links in test, like 'issue-1'. Text will be"
        " formatted to full url with python str.format().",
    ),
]  # fmt: skip

_INI_TYPES: dict[type, Any] = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "string",
    tuple: "linelist",
}
WRITE_BUDGETS = "--allure-otel-write-budgets"
CHECK_BUDGETS = "--allure-otel-check-budgets"
RECEIVER = "--allure-otel-receiver"
TRACES_PLUGIN = "otel_allure_traces"
"""By this name is registered what follows tests that ask for their trace."""
INSTRUMENT = "--allure-otel-instrument"
INSTRUMENT_INI = "allure_otel_instrument"


_FLAGS = {"otel_receiver"}
"""Settings whose options are on without a value."""


def add_options(parser: pytest.Parser) -> None:
    """Add the options; those that allure-pytest has added already are the same, and are kept."""
    for group, flag, more in _OPTIONS:
        try:
            parser.getgroup(group).addoption(flag, **more)
        except ValueError:
            continue
    parser.getgroup("reporting").addoption(
        INSTRUMENT,
        action="append",
        dest=INSTRUMENT_INI,
        metavar="NAMES",
        default=[],
        help="Comma-separated names of installed OpenTelemetry instrumentations to activate while"
        " a report is written (aiohttp-client,asyncpg for example), or 'all'.",
    )
    for flag, meaning in (
        (WRITE_BUDGETS, "Write what each test that passes calls into a file of budgets."),
        (CHECK_BUDGETS, "Fail tests that call more than that file allows."),
    ):
        parser.getgroup("otel-allure").addoption(
            flag, action="store_true", default=False, help=meaning
        )
    for setting in settings.SETTINGS:
        kind = type(setting.default)
        how: dict[str, Any] = {
            "action": "append" if kind is tuple else "store",
            "metavar": "on|off" if kind is bool else "VALUE",
        }
        if setting.name in _FLAGS:
            how = {"action": "store_const", "const": "on"}
        parser.getgroup("otel-allure", "what is shown of spans").addoption(
            setting.option,
            dest=setting.ini,
            default=None,
            help=f"{setting.help}. Default: {_shown(setting.default)}.",
            **how,
        )
        parser.addini(
            setting.ini, type=_INI_TYPES[kind], default=None, help=f"Value of {setting.option}."
        )
    parser.addini(
        INSTRUMENT_INI,
        type="args",
        default=[],
        help=f"Names for {INSTRUMENT}, separated by spaces or commas.",
    )


def _shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ", ".join(default) or "none"
    return str(default) or "none"


def read_settings(config: pytest.Config) -> settings.Settings:
    """Return the settings: of the command line, else of the ini file, else of the environment.

    Raises:
        pytest.UsageError: where a value is none that the setting can have.
    """
    line = {
        setting.name: (setting.option, value)
        for setting in settings.SETTINGS
        if (value := _given(config, setting.ini)) is not None
    }
    ini = {
        setting.name: (setting.ini, value)
        for setting in settings.SETTINGS
        if (value := _ini_value(config, setting)) is not None
    }
    found, wrong = settings.read(line, ini, settings.from_environment(os.environ))
    if wrong:
        raise pytest.UsageError("otel-allure: " + "; ".join(wrong))
    return found


def _given(config: pytest.Config, dest: str) -> Any:
    """Return what the command line says; a conftest file may have loaded us after a first look."""
    known = getattr(KNOWN_ARGUMENTS.of(config), dest, None)
    return getattr(config.option, dest, None) if known is None else known


def _ini_value(config: pytest.Config, setting: settings.Setting) -> Any:
    try:
        return config.getini(setting.ini)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"otel-allure: {setting.ini}: {error}") from None


def instrumentations(config: pytest.Config) -> list[str]:
    """Return what to instrument, from the command line and from the ini file."""
    values = [*config.getini(INSTRUMENT_INI), *(_given(config, INSTRUMENT_INI) or ())]
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def wants_traces(config: pytest.Config) -> bool:
    """Whether something is wanted of the traces of all tests."""
    if config.getoption(WRITE_BUDGETS) or config.getoption(CHECK_BUDGETS):
        return True
    names = {"otel_budget", "otel_metrics"}
    wanted = [setting for setting in settings.SETTINGS if setting.name in names]
    return any(
        _given(config, s.ini) or _ini_value(config, s) or os.environ.get(s.variable) for s in wanted
    )
