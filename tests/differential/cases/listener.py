"""Tests that a listener of others hears of."""

import allure
import pytest


@pytest.fixture
def fixture():
    yield


@allure.step("decorated {x}")
def decorated(x):
    pass


def test_listened_to(fixture):
    with allure.step("step"):
        decorated(1)
    allure.attach("x", "attached", allure.attachment_type.TEXT)
    allure.dynamic.label("a", "label")
    allure.dynamic.title("titled")


def test_fails():
    with allure.step("fails"):
        assert False, "told"


def test_listener_is_found(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("allure_listener")


def test_plugin_is_found(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("allure_pytest")


def test_running_result(reporter):
    reporter.get_test(None).description = "by the reporter"


def test_hooks_called_by_others():
    import allure_commons

    hook = allure_commons.plugin_manager.hook
    hook.start_step(uuid="1", title="by a hook", params={"a": "b"})
    with allure.step("below"):
        pass
    hook.stop_step(uuid="1", exc_type=None, exc_val=None, exc_tb=None)
