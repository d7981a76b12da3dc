"""Tests of another module, which share the session's fixtures."""


def test_in_another_module(of_session_too):
    pass


def test_overridden_elsewhere(overridden, overridden_wide):
    pass
