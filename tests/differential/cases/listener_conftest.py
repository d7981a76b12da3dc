"""A listener of others: what the hooks of allure_commons tell it is kept in a file."""

import json
from pathlib import Path

import allure_commons
import pytest
from allure_commons import hookimpl

events = []


class Listener:
    @hookimpl
    def start_step(self, uuid, title, params):
        events.append(["start_step", title, params, bool(uuid)])

    @hookimpl
    def stop_step(self, uuid, exc_type, exc_val, exc_tb):
        events.append(["stop_step", str(exc_type), str(exc_val), exc_tb is not None, bool(uuid)])

    @hookimpl
    def start_fixture(self, parent_uuid, uuid, name, parameters):
        events.append(["start_fixture", name, bool(parent_uuid)])

    @hookimpl
    def stop_fixture(self, parent_uuid, uuid, name, exc_type, exc_val, exc_tb):
        events.append(["stop_fixture", name, str(exc_type)])

    @hookimpl
    def attach_data(self, body, name, attachment_type, extension):
        events.append(["attach_data", body, name, str(attachment_type), extension])

    @hookimpl
    def add_label(self, label_type, labels):
        events.append(["add_label", label_type, list(labels)])

    @hookimpl
    def add_title(self, test_title):
        events.append(["add_title", test_title])

    @hookimpl
    def report_result(self, result):
        events.append(["report_result", type(result).__name__, result.name, result.status])

    @hookimpl
    def report_attached_data(self, body, file_name):
        events.append(["report_attached_data", body, file_name.rsplit(".")[-1]])


def pytest_configure(config):
    allure_commons.plugin_manager.register(Listener(), "listener of the conftest")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    directory = Path(config.option.allure_report_dir)
    (directory / "listener.json").write_text(json.dumps(events))


@pytest.fixture
def reporter(pytestconfig):
    listener = pytestconfig.pluginmanager.get_plugin("allure_listener")
    return listener.allure_logger
