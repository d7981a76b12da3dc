"""`allure_pytest.helper`: what the decorators of `allure` do."""

from otel_allure.pytest_plugin.decorators import MarkDecorators as AllureTestHelper
from otel_allure.pytest_plugin.decorators import TitleDecorator as AllureTitleHelper

__all__ = ["AllureTestHelper", "AllureTitleHelper"]
