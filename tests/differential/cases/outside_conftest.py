import allure

TEXT = allure.attachment_type.TEXT

with allure.step("while the conftest file is imported"):
    pass


def pytest_configure(config):
    with allure.step("configure"):
        pass


def pytest_sessionstart(session):
    with allure.step("session start"):
        pass
    allure.global_attach("x", "session start", TEXT)
    allure.dynamic.label("session", "start")


def pytest_collection_modifyitems(items):
    with allure.step("collection"):
        pass


def pytest_generate_tests(metafunc):
    with allure.step("generate tests"):
        pass


def pytest_sessionfinish(session):
    with allure.step("session finish"):
        pass
    allure.global_attach("x", "session finish", TEXT)
    allure.global_error("session finish")


def pytest_unconfigure(config):
    with allure.step("unconfigure"):
        pass
