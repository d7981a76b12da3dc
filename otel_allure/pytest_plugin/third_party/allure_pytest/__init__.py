"""allure-pytest's names for those who import them, where it is not installed: see `stand_in`.

These modules are imported as `allure_pytest.…`, never by the path that their files have.
"""
