"""A pytest item -> what Allure calls it: names, identity, labels, links.

Identity is byte for byte that of allure-pytest, so that histories go on after the switch.
"""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, NamedTuple

import pytest
from allure_commons.types import LabelType, LinkType
from allure_commons.utils import SafeFormatter, platform_label

from otel_allure.compat import kept
from otel_allure.compat.pytest import CALL_SPEC
from otel_allure.model import conventions as c
from otel_allure.model.texts import attempt, is_true, md5, text_of

DESCRIPTION_MARK = "allure_description"
DESCRIPTION_HTML_MARK = "allure_description_html"
LABEL_MARK = "allure_label"
LINK_MARK = "allure_link"
CONTEXT_MARK = "allure_otel_context"
BUDGET_MARK = "budget"
BUDGET_LINE = (
    f"{BUDGET_MARK}(sql, http, rpc, messages, cache, calls, errors, seconds): the most that the"
    " test may make of each"
)
TITLE_ATTRIBUTE = "__allure_display_name__"

# Of these, the one nearest to the test counts.
UNIQUE_LABELS = (
    LabelType.SEVERITY,
    LabelType.FRAMEWORK,
    LabelType.HOST,
    LabelType.SUITE,
    LabelType.PARENT_SUITE,
    LabelType.SUB_SUITE,
)
NO_TAGS = {"usefixtures", "filterwarnings", "skip", "skipif", "xfail", "parametrize"}


class NodeId(NamedTuple):
    """What the parts of a test's node id say."""

    path: list[str]
    package: str
    module: str
    classes: list[str]
    function: str


_NODE_ID = pytest.StashKey[NodeId]()


def parsed(nodeid: str) -> NodeId:
    """Take a node id apart."""
    path, *names = nodeid.split("::")
    segments = path.split("/")
    return NodeId(
        path=segments,
        package=".".join(segments[:-1]),
        module=segments[-1].rsplit(".", 1)[0],
        classes=names[:-1],
        function=names[-1].split("[", 1)[0] if names else "",
    )


def _node_id(item: pytest.Item) -> NodeId:
    known = item.stash.get(_NODE_ID, None)
    if known is None:
        known = item.stash[_NODE_ID] = parsed(item.nodeid)
    return known


def otel_context(item: pytest.Item, default: str) -> str:
    """Return whether the test is `shared` or `isolated`: as its nearest mark says, else default.

    Raises:
        pytest.UsageError: for a mark that says something else.
    """
    mark = item.get_closest_marker(CONTEXT_MARK)
    if mark is None:
        return default
    if mark.kwargs or mark.args not in (("shared",), ("isolated",)):
        raise pytest.UsageError(
            f"{item.nodeid}: @pytest.mark.{CONTEXT_MARK} takes one of 'shared', 'isolated'"
        )
    return str(mark.args[0])


def known_by_name(nodeid: str) -> tuple[str, dict[str, Any]]:
    """Return name and span attributes of a test of which nothing else is known."""
    node = parsed(nodeid)
    where = ".".join(filter(None, [node.package, node.module]))
    full = ".".join([where, *node.classes]) + f"#{node.function}"
    labels = [*_suites(node), *_surroundings(), ("package", where)]
    return nodeid.rpartition("::")[2] or nodeid, {
        c.FULL_NAME: full,
        c.TITLE_PATH: [part for part in (*node.path, *node.classes) if part],
        c.TEST_CASE_ID: md5(full),
        c.HISTORY_ID: md5(full),
        c.LABEL_NAMES: [text_of(name) for name, _ in labels],
        c.LABEL_VALUES: [value for _, value in labels],
    }


def package(item: pytest.Item) -> str:
    """Return the module's dotted name, from its path."""
    node = _node_id(item)
    return ".".join(filter(None, [node.package, node.module]))


def full_name(item: pytest.Item) -> str:
    """Return `package.module.Class#test`, without parameters."""
    node = _node_id(item)
    name = item.originalname if isinstance(item, pytest.Function) else node.function
    return ".".join([package(item), *node.classes]) + f"#{name}"


def title_path(item: pytest.Item) -> list[str]:
    """Return the path of the file and the classes, as the report tool groups by."""
    node = _node_id(item)
    return [part for part in (*node.path, *node.classes) if part]


def history_id(name: str, parameters: Iterable[Any], original_values: dict[str, Any]) -> str:
    """Return what a test and its parameters are known by over time.

    It hashes the objects that parametrize was given, not their text, as allure-pytest does.
    """
    counted = sorted((p for p in parameters if not p.excluded), key=lambda p: p.name)
    return md5(name, *(original_values.get(p.name, p.value) for p in counted))


def _callspec(item: pytest.Item) -> Any:
    is_parametrized = type(item) is pytest.Function and item.get_closest_marker("parametrize")
    return CALL_SPEC.of(item) if is_parametrized else getattr(item, CALL_SPEC.attribute, None)


def callspec_parameters(item: pytest.Item) -> dict[str, Any]:
    """Return what parametrize passes to the test."""
    callspec = _callspec(item)
    return dict(callspec.params) if callspec is not None else {}


def callspec_id(item: pytest.Item) -> str | None:
    """Return what tells the test from others of the same function, None if there are none."""
    callspec = _callspec(item)
    return None if callspec is None else callspec.id


def title(item: pytest.Item) -> str:
    """Return the test's title with its placeholders filled, else its name."""
    template = title_template(item)
    if template is None:
        return item.name
    return filled_title(item, template, callspec_parameters(item), callspec_id(item))


def title_template(item: pytest.Item) -> Any:
    """Return what `@allure.title` was given, None if there is none."""
    template = getattr(getattr(item, "obj", None), TITLE_ATTRIBUTE, None)
    return None if template is None or not is_true(template) else template


def filled_title(
    item: pytest.Item, template: Any, parameters: Mapping[str, Any], param_id: str | None
) -> str:
    """Return a title with its placeholders filled."""
    values: dict[str, Any] = {}
    if param_id is not None:
        values["param_id"] = _unescaped(param_id)
    values.update(parameters)
    values.update(getattr(item, "funcargs", None) or {})
    text = text_of(template)
    try:
        return text_of(SafeFormatter().format(text, **values))
    except Exception:  # a brace too many, or a value that cannot be formatted
        return text


def _unescaped(param_id: str) -> str:
    """Undo what pytest does to ids that are not ASCII."""
    try:
        return param_id.encode("ascii").decode("unicode-escape")
    except UnicodeError:
        return param_id


def description(item: pytest.Item) -> str | None:
    """Return the description, by default the docstring."""
    text = _mark_text(item, DESCRIPTION_MARK)
    if text:
        return text
    function = getattr(item, "function", None)
    docstring = None if function is None else function.__doc__  # None has a docstring, too
    return None if docstring is None else text_of(docstring)


def description_html(item: pytest.Item) -> str | None:
    """Return the description in HTML."""
    return _mark_text(item, DESCRIPTION_HTML_MARK)


def _mark_text(item: pytest.Item, name: str) -> str | None:
    mark = item.get_closest_marker(name)
    is_given = mark is not None and mark.args and is_true(mark.args[0])
    return text_of(mark.args[0]) if mark is not None and is_given else None


def label_values(item: pytest.Item, name: str) -> list[Any]:
    """Return all values of a label that the marks give."""
    return [
        value
        for mark in item.iter_markers(name=LABEL_MARK)
        if mark.kwargs.get("label_type") == name
        for value in mark.args
    ]


def marked_labels(item: pytest.Item) -> list[tuple[str, Any]]:
    """Return the labels that the marks give, each one once; their values can be compared."""
    unique: dict[str, Any] = {}
    labels: dict[tuple[str, Any], None] = {}
    for mark in item.iter_markers(name=LABEL_MARK):
        name = text_of(mark.kwargs.get("label_type", "label"))
        values = [_comparable(value) for value in mark.args]
        if name not in UNIQUE_LABELS:
            labels.update(((name, value), None) for value in values)
        elif values:
            unique.setdefault(name, values[0])
    return [*labels, *unique.items()]


def _comparable(value: Any) -> Any:
    """Return a plain value or a member of an enum as it is, others as text."""
    is_plain = type(value) in (str, int, float, bool) or issubclass(type(value), Enum)
    return value if is_plain else text_of(value)


def labels(item: pytest.Item, dynamic: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the labels that a test gets beside its dynamic ones."""
    marked = [(name, text_of(value)) for name, value in marked_labels(item)]
    yield from marked
    for name, value in (*marked, *dynamic):
        if name == LabelType.ID:
            yield "ALLURE_ID", value  # what Allure 3 reads
    yield from ((LabelType.TAG, name) for name in tags(item))
    given = {name for name, _ in (*marked, *dynamic)}
    yield from ((name, value) for name, value in suites(item) if name not in given)
    yield from _surroundings()
    yield "package", package(item)


def _surroundings() -> Iterator[tuple[str, str]]:
    yield LabelType.HOST, _host()
    yield LabelType.THREAD, f"{kept.process_id()}-{threading.current_thread().name}"
    yield LabelType.FRAMEWORK, "pytest"
    yield LabelType.LANGUAGE, _language()


def tags(item: pytest.Item) -> Iterator[str]:
    """Yield the names of the marks that are tags in the report."""
    return (mark.name for mark in item.iter_markers() if is_tag(mark))


def is_tag(mark: pytest.Mark) -> bool:
    """Whether a mark is a tag in the report."""
    return mark.name not in NO_TAGS and not mark.args and not mark.kwargs


@functools.cache
def _host() -> str:
    return socket.gethostname()


@functools.cache
def _language() -> str:
    return str(platform_label())


def suites(item: pytest.Item) -> Iterator[tuple[str, str]]:
    """Yield the labels for suites that the test's place gives."""
    yield from _suites(_node_id(item))


def _suites(node: NodeId) -> Iterator[tuple[str, str]]:
    for name, value in (
        (LabelType.PARENT_SUITE, node.package),
        (LabelType.SUITE, node.module),
        (LabelType.SUB_SUITE, " > ".join(node.classes)),
    ):
        if value:
            yield name, value


def links(item: pytest.Item) -> Iterator[tuple[str, str, str]]:
    """Yield URL, name and type of the links that the marks give."""
    for mark in item.iter_markers(name=LINK_MARK):
        for url in map(text_of, mark.args[:1]):
            name, kind = mark.kwargs.get("name"), mark.kwargs.get("link_type", LinkType.LINK)
            yield url, url if name is None else text_of(name), text_of(kind)


def link_url(config: pytest.Config, url: str, kind: str) -> str:
    """Return the URL that --allure-link-pattern makes of a short one."""
    patterns = dict(config.option.allure_link_pattern)
    return attempt(patterns.get(text_of(kind), "{}").format, url)
