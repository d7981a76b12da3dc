"""`@allure.title` and the other decorators -> attributes and marks. They work without a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from allure_commons import hookimpl

from otel_allure.compat.pytest import is_fixture
from otel_allure.pytest_plugin import metadata

F = TypeVar("F")


class TitleDecorator:
    """Registered before conftest files are imported, which use it."""

    @hookimpl
    def decorate_as_title(self, test_title: str) -> Callable[[F], F]:
        """Return a decorator for tests and fixtures, on either side of `@pytest.fixture`."""

        def decorator(func: F) -> F:
            its: Any = func
            if is_fixture(func):
                its = its.__wrapped__
            setattr(its, metadata.TITLE_ATTRIBUTE, test_title)
            return func

        return decorator


class MarkDecorators:
    """Everything else is a mark, so that it is inherited from classes and modules."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @hookimpl
    def decorate_as_description(self, test_description: str) -> pytest.MarkDecorator:
        """Describe the test, in Markdown."""
        return _mark(metadata.DESCRIPTION_MARK, test_description)

    @hookimpl
    def decorate_as_description_html(self, test_description_html: str) -> pytest.MarkDecorator:
        """Describe the test, in HTML."""
        return _mark(metadata.DESCRIPTION_HTML_MARK, test_description_html)

    @hookimpl
    def decorate_as_label(self, label_type: str, labels: tuple[Any, ...]) -> pytest.MarkDecorator:
        """Label the test."""
        return _mark(metadata.LABEL_MARK, *labels, label_type=label_type)

    @hookimpl
    def decorate_as_link(self, url: str, link_type: str, name: str | None) -> pytest.MarkDecorator:
        """Link the test to a page."""
        url = metadata.link_url(self._config, url, link_type)
        name = url if name is None else name
        return _mark(metadata.LINK_MARK, url, name=name, link_type=link_type)


def _mark(mark: str, *args: Any, **kwargs: Any) -> pytest.MarkDecorator:
    decorator: pytest.MarkDecorator = getattr(pytest.mark, mark)
    # with_args, as a mark called with nothing but a function would decorate that.
    return decorator.with_args(*args, **kwargs)
