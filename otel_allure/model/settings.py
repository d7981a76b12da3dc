"""What users can set about the report, and the three places where they can.

A setting `max_steps` is the command line option `--allure-max-steps`, the ini value
`allure_max_steps` and the variable `OTEL_EXPORTER_ALLURE_MAX_STEPS`, the first of them that is
given. docs/configuration.md lists them.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeVar

from otel_allure.model import conventions as c

SPAN_ERRORS = ("exceptions", "5xx", "4xx", "others")
FINDINGS = ("n+1", "slow", "retry", "unfinished", "unreported")
_KINDS = ("internal", "server", "client", "producer", "consumer")
_SWITCH = {"on": True, "true": True, "yes": True, "1": True}
_SWITCH |= {"off": False, "false": False, "no": False, "0": False}

_T = TypeVar("_T")
_N = TypeVar("_N", int, float)


class SettingsError(ValueError):
    """A setting has a value that it cannot have."""


# -- what values can be


def _switch(text: str) -> bool:
    try:
        return _SWITCH[text.strip().lower()]
    except KeyError:
        raise SettingsError("it is on or off") from None


def _number(kind: type[_N], least: int, most: float = math.inf) -> Callable[[str], _N]:
    what = "a whole number" if kind is int else "a number"
    limit = f"of at least {least}" if most == math.inf else f"from {least} to {most}"

    def number(text: str) -> _N:
        with contextlib.suppress(ValueError):
            value = kind(text)
            if least <= value <= most:
                return value
        raise SettingsError(f"it is {what} {limit}")

    return number


def _words(*choices: str) -> Callable[[str], tuple[str, ...]]:
    def words(text: str) -> tuple[str, ...]:
        found = tuple(word for word in re.split(r"[\s,]+", text) if word)
        for word in found:
            if choices and word not in choices:
                raise SettingsError(f"{word!r} is none of {', '.join(choices)}")
        return found

    return words


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _expressions(text: str) -> tuple[str, ...]:
    for line in _lines(text):
        try:
            re.compile(line)
        except re.error as error:
            raise SettingsError(f"{line!r} is no regular expression: {error}") from None
    return _lines(text)


def _choice(*choices: str) -> Callable[[str], str]:
    def choice(text: str) -> str:
        word = text.strip().lower()
        if word in _SWITCH and word not in choices:  # to YAML, on and off are true and false
            word = "on" if _SWITCH[word] else "off"
        if word not in choices:
            raise SettingsError(f"it is one of {', '.join(choices)}")
        return word

    return choice


def _budget(text: str) -> tuple[str, ...]:
    for word in _words()(text):
        if re.fullmatch(r"[a-z]+=\d+(\.\d+)?", word) is None:
            raise SettingsError(f"{word!r} is not of the form sql=20")
    return _words()(text)


def _url_pattern(text: str) -> str:
    if text and "{trace_id}" not in text:
        raise SettingsError("there is no {trace_id} in it")
    return text


def _address(text: str) -> str:
    from urllib.parse import urlsplit  # not wanted by most, and slow to import

    try:
        port = urlsplit(f"//{text}").port or 0
    except ValueError:
        port = -1
    if port not in range(1 << 16) or "/" in text or not text.strip():
        raise SettingsError("it is no HOST:PORT")
    return text.strip()


def _set(default: _T, parse: Callable[[str], _T], meaning: str) -> _T:
    made: _T = field(default=default, metadata={"parse": parse, "help": meaning})
    return made


# -- the settings


@dataclass(frozen=True)
class Settings:
    """How the report is made of spans."""

    otel_context: str = _set(
        "shared",
        _choice("shared", "isolated"),
        "shared: the code under test sees the report's spans as OpenTelemetry's current ones;"
        " isolated: it finds OpenTelemetry as it is without a report",
    )
    attach_for: str = _set(
        "all",
        _choice("all", "failed"),
        "Attach what is made of spans to all tests, or to those alone that did not pass",
    )
    attach_http: bool = _set(True, _switch, "Attach request and response to HTTP spans")
    attach_sql: bool = _set(True, _switch, "Attach the query to database spans")
    attach_logs: bool = _set(True, _switch, "Attach log records to the step that emitted them")
    attach_trace: bool = _set(
        True, _switch, "Attach the complete trace as OTLP/JSON when steps are omitted"
    )
    max_trace_spans: int = _set(
        5000,
        _number(int, 0),
        "Maximum spans in an attached trace; beyond, equal ones are counts (0 = no limit)",
    )
    max_trace_mb: float = _set(
        32.0, _number(float, 0), "Maximum size of an attached trace in megabytes (0 = no limit)"
    )
    waterfall: str = _set(
        "on",
        _choice("on", "all", "attachment", "off"),
        "Draw a timeline of tests with calls or concurrent steps: in the description and as an"
        " attachment, the same with pages of all rows, as an attachment only, or never",
    )
    span_parameters: str = _set(
        "curated", _choice("curated", "all"), "Which span attributes are shown as parameters"
    )
    span_errors: tuple[str, ...] = _set(
        ("exceptions", "5xx", "others"),
        _words(*SPAN_ERRORS),
        "Which errors of instrumented calls mark their step failed or broken",
    )
    max_steps: int = _set(
        500, _number(int, 0), "Maximum steps per test; excess spans are omitted (0 = no limit)"
    )
    max_depth: int = _set(
        200, _number(int, 1, 300), "Maximum nesting depth; deeper steps are flattened"
    )
    max_title: int = _set(
        120, _number(int, 20), "Maximum characters of a title that is made of a call"
    )
    max_value: int = _set(2000, _number(int, 20), "Maximum characters of a parameter's value")
    max_message: int = _set(
        100_000, _number(int, 100), "Maximum characters of a message, and of a stack trace"
    )
    max_body: int = _set(
        100_000,
        _number(int, 100),
        "Maximum characters of a body, query or document that is attached to a call",
    )
    max_waiting: int = _set(
        200_000,
        _number(int, 100),
        "Maximum spans and log records in memory that wait for the root of their trace",
    )
    fold: int = _set(
        10,
        _number(int, 0),
        "Fold this many or more equal consecutive spans into one step (0 = never)",
    )
    min_duration_ms: float = _set(
        0.0, _number(float, 0), "Omit spans shorter than this many milliseconds"
    )
    ignore_scopes: tuple[str, ...] = _set(
        (), _words(), "Omit spans of these instrumentation scopes; * and ? are wildcards"
    )
    ignore_names: tuple[str, ...] = _set(
        (), _lines, "Omit spans with these names, one per line; * and ? are wildcards"
    )
    ignore_kinds: tuple[str, ...] = _set((), _words(*_KINDS), "Omit spans of these kinds")
    ignore_failed: bool = _set(
        False, _switch, "Also omit failed spans where the settings above omit spans"
    )
    asgi_events: bool = _set(
        False, _switch, "Show the spans of ASGI's single events, http send and http receive"
    )
    fixtures: str = _set(
        "own",
        _choice("own", "allure-pytest"),
        "own: leave out fixtures that plugins have made, where there is nothing to see in them;"
        " allure-pytest: show fixtures and finalizers as allure-pytest does",
    )
    join_calls: bool = _set(
        True, _switch, "Show client and server of one call, where both are known, as one step"
    )
    findings: tuple[str, ...] = _set(
        FINDINGS,
        _words(*FINDINGS),
        "What is looked for in the calls of a test, and told by tags and in its description",
    )
    n_plus_one: int = _set(
        5,
        _number(int, 0),
        "Equal calls, one after the other, that count as an N+1 (0 = never)",
    )
    slow_ms: float = _set(
        1000.0, _number(float, 0), "Milliseconds from which on a call counts as slow (0 = never)"
    )
    redact: bool = _set(True, _switch, "Mask secrets in the report")
    redact_names: tuple[str, ...] = _set(
        (), _words(), "Also mask values with these names; * and ? are wildcards"
    )
    redact_allow: tuple[str, ...] = _set((), _words(), "Never mask values with these names")
    redact_patterns: tuple[str, ...] = _set(
        (), _expressions, "Mask whatever these regular expressions match, one per line"
    )
    redact_payment_numbers: bool = _set(True, _switch, "Also mask card numbers and IBANs")
    redact_sql: bool = _set(False, _switch, "Mask literals in SQL")
    redact_attachments: bool = _set(
        True, _switch, "Also mask secrets in text that tests attach or print"
    )
    only_requests: bool = _set(
        True,
        _switch,
        "Of a program, make results only of requests, messages and spans that it names itself;"
        " all other calls are one result",
    )
    trace_url_pattern: str = _set(
        "",
        _url_pattern,
        "URL of a trace in your tracing backend, containing {trace_id}; tests link to it",
    )
    otel_tree: str = _set(
        "off",
        _choice("failed", "off"),
        "failed: print the steps that lead to a test's failure below pytest's message of it",
    )
    otel_soft_checks: str = _set(
        "report",
        _choice("report", "fail"),
        "report: expectations of `trace.check` that are not met mark their step;"
        " fail: they also fail the test at its end",
    )
    otel_inconclusive: str = _set(
        "fail",
        _choice("fail", "skip"),
        "What becomes of a test that asks for spans of a service that has reported nothing",
    )
    running_results: bool = _set(
        True,
        _switch,
        "Write the result of a test while it runs, in case the process is ended",
    )
    fsync: bool = _set(
        False, _switch, "Have each file of results on the disk before going on, as power may fail"
    )
    otel_budget: tuple[str, ...] = _set(
        (), _budget, "The most calls, errors and seconds of any test, as sql=20 seconds=5"
    )
    otel_budgets_file: str = _set(
        "budgets.toml",
        str,
        "Where --allure-otel-write-budgets and --allure-otel-check-budgets keep budgets of tests",
    )
    otel_metrics: bool = _set(
        False, _switch, "Write the run's calls, errors and time as metrics of Allure 3"
    )
    environment: bool = _set(
        True, _switch, "Write environment.properties, executor.json and categories.json"
    )
    ci_trace: bool = _set(
        False,
        _switch,
        "Without TRACEPARENT, put the run into the trace whose ids follow from the CI's variables"
        " (GitHub Actions, GitLab)",
    )
    otel_receiver: bool = _set(
        False, _switch, "Receive the spans of services by OTLP/HTTP while tests run"
    )
    receiver_address: str = _set(
        "127.0.0.1:0",
        _address,
        "HOST:PORT where the receiver listens; port 0: any that is free. Another host than this"
        " machine needs receiver_token",
    )
    receiver_token: str = _set(
        "", str.strip, "What services must send to the receiver as Authorization: Bearer"
    )
    receiver_origins: tuple[str, ...] = _set(
        (),
        _words(),
        "Origins of pages that may send to the receiver, beside those of this machine; * and ? are"
        " wildcards",
    )
    receiver_wait: float = _set(
        5.0,
        _number(float, 0),
        "Seconds that the end of the run waits, at most, for services that have not told of a call",
    )
    receiver_timeout: float = _set(
        10.0, _number(float, 0), "Seconds that a request to the receiver may take"
    )
    receiver_connections: int = _set(
        64, _number(int, 1), "Maximum connections to the receiver at a time"
    )
    receiver_max_mb: float = _set(
        64.0, _number(float, 0), "Maximum size of a request in megabytes, also when it is inflated"
    )
    receiver_max_attributes: int = _set(
        128, _number(int, 1), "Maximum attributes of a received span, event or resource"
    )
    receiver_max_levels: int = _set(
        32, _number(int, 1, 32), "Maximum levels of lists and maps in a received attribute"
    )
    receiver_max_spans: int = _set(
        10_000, _number(int, 1), "Maximum received spans of a test; more are sent back"
    )
    receiver_max_held: int = _set(
        200_000,
        _number(int, 1),
        "Maximum received spans that wait for the test that they belong to",
    )


DEFAULTS = Settings()


class Setting(NamedTuple):
    """A setting by its names.

    Attributes:
        name: the field of `Settings`, `max_steps`.
        option: on the command line of pytest, `--allure-max-steps`.
        ini: in pytest's configuration file, `allure_max_steps`.
        variable: in the environment, `OTEL_EXPORTER_ALLURE_MAX_STEPS`.
        default: the value where none is given.
        help: what it is for.
        parse: text -> value; raises `SettingsError`.
    """

    name: str
    option: str
    ini: str
    variable: str
    default: Any
    help: str
    parse: Callable[[str], Any]


SETTINGS = [
    Setting(
        f.name,
        f"--allure-{f.name.replace('_', '-')}",
        f"allure_{f.name}",
        f"{c.VARIABLE_PREFIX}{f.name.upper()}",
        f.default,
        f.metadata["help"],
        f.metadata["parse"],
    )
    for f in fields(Settings)
]
_BY_NAME = {setting.name: setting for setting in SETTINGS}


# -- reading them


def read(*sources: Mapping[str, tuple[str, Any]]) -> tuple[Settings, list[str]]:
    """Return the settings, and what is wrong with them: those keep their default.

    Args:
        sources: the first that has a setting counts. By the setting's name, what to call it in an
            error, and its value: a text, or already of its type.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for source in reversed(sources):
        for name, (called, value) in source.items():
            setting = _BY_NAME.get(name)
            if setting is None:
                wrong.append(_unknown(called, name))
                continue
            try:
                values[name] = setting.parse(_as_given(value))
            except SettingsError as error:
                wrong.append(f"{called}={_as_given(value)}: {error}")
    return Settings(**values), wrong


def _as_given(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return "\n".join(map(str, value))
    return str(value)


def from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return what the environment sets, as a source for `read`."""
    prefix = c.VARIABLE_PREFIX
    return {
        name[len(prefix) :].lower(): (name, value)
        for name, value in environ.items()
        if name.startswith(prefix) and name not in c.OTHER_VARIABLES and value
    }


def _unknown(called: str, name: str) -> str:
    close = [_BY_NAME[found] for found in difflib.get_close_matches(name, _BY_NAME, 1)]
    meant = [s.variable if called.isupper() else s.name for s in close]
    return f"{called} is unknown" + "".join(f", did you mean {text}?" for text in meant)
