"""`allure_pytest.utils`: what can be said of a test, and of an exception, in Allure's words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

import pytest
from allure_commons.model2 import Status, StatusDetails
from allure_commons.types import LabelType
from allure_commons.utils import SafeFormatter, format_exception, format_traceback, md5

from otel_allure.pytest_plugin import metadata
from otel_allure.pytest_plugin.metadata import description as allure_description
from otel_allure.pytest_plugin.metadata import description_html as allure_description_html
from otel_allure.pytest_plugin.metadata import full_name as allure_full_name
from otel_allure.pytest_plugin.metadata import history_id as get_history_id
from otel_allure.pytest_plugin.metadata import label_values as allure_label
from otel_allure.pytest_plugin.metadata import package as allure_package
from otel_allure.pytest_plugin.metadata import tags as pytest_markers
from otel_allure.pytest_plugin.metadata import title_path as allure_title_path

__all__ = [
    "ALLURE_DESCRIPTION_HTML_MARK",
    "ALLURE_DESCRIPTION_MARK",
    "ALLURE_LABEL_MARK",
    "ALLURE_LINK_MARK",
    "ALLURE_UNIQUE_LABELS",
    "MARK_NAMES_TO_IGNORE",
    "LabelType",
    "ParsedPytestNodeId",
    "SafeFormatter",
    "Status",
    "StatusDetails",
    "allure_description",
    "allure_description_html",
    "allure_full_name",
    "allure_label",
    "allure_labels",
    "allure_links",
    "allure_name",
    "allure_package",
    "allure_suite_labels",
    "allure_title",
    "allure_title_path",
    "ensure_len",
    "format_allure_link",
    "format_exception",
    "format_traceback",
    "get_history_id",
    "get_marker_value",
    "get_outcome_status",
    "get_outcome_status_details",
    "get_pytest_report_status",
    "get_status",
    "get_status_details",
    "md5",
    "parse_nodeid",
    "pytest_markers",
    "should_convert_mark_to_tag",
]

ALLURE_DESCRIPTION_MARK = metadata.DESCRIPTION_MARK
ALLURE_DESCRIPTION_HTML_MARK = metadata.DESCRIPTION_HTML_MARK
ALLURE_LABEL_MARK = metadata.LABEL_MARK
ALLURE_LINK_MARK = metadata.LINK_MARK
ALLURE_UNIQUE_LABELS = list(metadata.UNIQUE_LABELS)
MARK_NAMES_TO_IGNORE = set(metadata.NO_TAGS)


# -- of a test


class ParsedPytestNodeId:
    """What the parts of a node id say."""

    def __init__(self, nodeid: str) -> None:
        node = metadata.parsed(nodeid)
        self.filepath = "/".join(node.path)
        self.path_segments = node.path
        self.parent_package = node.package
        self.module = node.module
        self.package = ".".join(filter(None, [node.package, node.module]))
        self.class_names = node.classes
        self.test_function = node.function


def parse_nodeid(item: pytest.Item) -> ParsedPytestNodeId:
    """Return what the parts of the test's node id say."""
    return ParsedPytestNodeId(item.nodeid)


def get_marker_value(item: pytest.Item, keyword: str) -> Any:
    """Return the value that a mark was given, None without the mark."""
    mark = item.get_closest_marker(keyword)
    return mark.args[0] if mark is not None and mark.args else None


def allure_title(item: pytest.Item) -> str | None:
    """Return the title that the test was given, with its placeholders."""
    return getattr(getattr(item, "obj", None), metadata.TITLE_ATTRIBUTE, None)


def allure_name(
    item: pytest.Item, parameters: Mapping[str, Any], param_id: str | None = None
) -> str:
    """Return the test's title with its placeholders filled, else its name."""
    template = metadata.title_template(item)
    if template is None:
        return item.name
    return metadata.filled_title(item, template, parameters, param_id)


def allure_labels(item: pytest.Item) -> set[tuple[str, Any]]:
    """Return the labels that the marks give."""
    return set(metadata.marked_labels(item))


def allure_suite_labels(item: pytest.Item) -> list[tuple[str, str]]:
    """Return the labels for suites that the test's place gives, unless marks give them."""
    given = {name for name, _ in metadata.marked_labels(item)}
    return [(name, value) for name, value in metadata.suites(item) if name not in given]


def allure_links(item: pytest.Item) -> Iterator[tuple[str, str, str]]:
    """Yield type, URL and name of the links that the marks give."""
    return ((kind, url, name) for url, name, kind in metadata.links(item))


def format_allure_link(config: pytest.Config, url: str, link_type: str) -> str:
    """Return the URL that --allure-link-pattern makes of a short one."""
    return metadata.link_url(config, url, link_type)


def should_convert_mark_to_tag(mark: pytest.Mark) -> bool:
    """Whether a mark is a tag in the report."""
    return metadata.is_tag(mark)


def ensure_len(value: Iterable[Any], min_length: int, fill_value: Any = None) -> Iterator[Any]:
    """Yield the values, and as many more as are missing."""
    values = list(value)
    return itertools.chain(values, itertools.repeat(fill_value, max(0, min_length - len(values))))


# -- of what happened


def get_status(exception: BaseException | None) -> str:
    """Return what an exception makes of a step or test."""
    if exception is None:
        return str(Status.PASSED)
    if isinstance(exception, (AssertionError, pytest.fail.Exception)):
        return str(Status.FAILED)
    if isinstance(exception, pytest.skip.Exception):
        return str(Status.SKIPPED)
    return str(Status.BROKEN)


def get_status_details(
    exception_type: type[BaseException] | None,
    exception: BaseException | None,
    exception_traceback: TracebackType | None,
) -> StatusDetails | None:
    """Return what an exception says, None if there is none."""
    message = format_exception(exception_type, exception)
    trace = format_traceback(exception_traceback)
    return StatusDetails(message=message, trace=trace) if message or trace else None


def get_outcome_status(outcome: Any) -> str:
    """Return the status that the outcome of a hook means."""
    _, exception, _ = outcome.excinfo or (None, None, None)
    return get_status(exception)


def get_outcome_status_details(outcome: Any) -> StatusDetails | None:
    """Return what the exception in the outcome of a hook says."""
    return get_status_details(*(outcome.excinfo or (None, None, None)))


def get_pytest_report_status(pytest_report: Any) -> str | None:
    """Return the status that a report of pytest means."""
    for status in (Status.FAILED, Status.PASSED, Status.SKIPPED):
        if getattr(pytest_report, status):
            return str(status)
    return None
