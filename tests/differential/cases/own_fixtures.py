"""Fixtures and finalizers as they are shown where nobody has set anything."""

import pytest


@pytest.fixture
def yielding():
    yield


@pytest.fixture
def finalized(request):
    def close():
        pass

    request.addfinalizer(close)


@pytest.fixture(scope="module")
async def awaited():
    yield


def test_plain(yielding, finalized, tmp_path):
    pass


async def test_awaiting(awaited):
    pass


class TestOfAClass:
    @classmethod
    def setup_class(cls):
        pass

    @classmethod
    def teardown_class(cls):
        pass

    def test_in_it(self):
        pass
