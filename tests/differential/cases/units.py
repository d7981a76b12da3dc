"""unittest's test cases."""

import unittest

import allure


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with allure.step("set up the class"):
            pass

    def setUp(self):
        with allure.step("set up"):
            pass
        self.addCleanup(self.clean_up)

    def tearDown(self):
        with allure.step("tear down"):
            allure.attach("x", "attached", allure.attachment_type.TEXT)

    def clean_up(self):
        with allure.step("clean up"):
            pass


@allure.feature("unittest")
class Cases(Base):
    @allure.title("titled")
    def test_passes(self):
        """A docstring."""
        with allure.step("body"):
            pass

    def test_fails(self):
        with allure.step("body"):
            self.assertEqual(1, 2, "not equal")

    def test_breaks(self):
        raise ValueError("broken")

    def test_skips(self):
        self.skipTest("skipped")

    @unittest.skip("always")
    def test_is_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected_failure(self):
        self.fail("as expected")

    @unittest.expectedFailure
    def test_unexpected_success(self):
        pass


class SubTests(unittest.TestCase):
    def test_subtests(self):
        for number in range(2):
            with self.subTest(number=number), allure.step("inside"):
                pass
        with self.subTest("checks"):
            pass


class BrokenSetUp(unittest.TestCase):
    def setUp(self):
        raise ValueError("in setUp")

    def test_one(self):
        pass


class BrokenTearDown(unittest.TestCase):
    def tearDown(self):
        raise ValueError("in tearDown")

    def test_one(self):
        pass


class BrokenSetUpClass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise ValueError("in setUpClass")

    def test_one(self):
        pass


class AsyncCases(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        with allure.step("set up"):
            pass

    async def test_async(self):
        with allure.step("body"):
            pass
