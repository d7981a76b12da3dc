import allure
import pytest

TEXT = allure.attachment_type.TEXT


@pytest.fixture(scope="session")
def of_session_too():
    yield


@pytest.fixture
def overridden():
    return ["conftest"]


@pytest.fixture(scope="module")
def overridden_wide():
    yield


class Hooks:
    """Attach, as users' hooks do, in the tests that are about it."""

    def pytest_runtest_logstart(self, nodeid):
        if "::test_hooks" in nodeid:
            allure.attach("x", "logstart", TEXT)

    def pytest_runtest_setup(self, item):
        if item.name == "test_hooks":
            allure.attach("x", "setup", TEXT)

    def pytest_runtest_call(self, item):
        if item.name == "test_hooks":
            with allure.step("in the call's hook"):
                pass

    def pytest_runtest_teardown(self, item):
        if item.name == "test_hooks":
            allure.attach("x", "teardown", TEXT)
            with allure.step("in the tear-down's hook"):
                pass

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        if item.name == "test_hooks":
            allure.attach("x", f"makereport {call.when}", TEXT)
            if call.when == "call":
                allure.dynamic.label("told by", "a hook")
        return report

    def pytest_runtest_logreport(self, report):
        if "::test_hooks" in report.nodeid:
            allure.attach("x", f"logreport {report.when}", TEXT)

    def pytest_runtest_logfinish(self, nodeid):
        if "::test_hooks" in nodeid:
            allure.attach("x", "logfinish", TEXT)


def pytest_configure(config):
    for mark in ("slow", "fast", "with_arguments", "same", "of_the_class", "third"):
        config.addinivalue_line("markers", mark)
    config.pluginmanager.register(Hooks())
