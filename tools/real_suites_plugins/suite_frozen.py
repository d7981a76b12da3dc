"""A pytest plugin of `tools/real_suites.py`: what is collected is no garbage, and is not looked at.

Where a suite collects garbage after every test, thousands of collected tests are nine tenths of its
time.
"""

from __future__ import annotations

import gc

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
