"""What users attach to OpenTelemetry's context and leave there stays, as without a report."""

from __future__ import annotations

import pytest

from otel_allure.testing import tree

pytestmark = pytest.mark.usefixtures("only_steps")

LEFT = """
    import allure
    import pytest
    from opentelemetry import baggage, context, trace
    from opentelemetry.sdk.trace import TracerProvider

    tracer = TracerProvider().get_tracer("shop")


    @pytest.fixture(scope="session")
    def region():
        token = context.attach(baggage.set_baggage("region", "north"))
        yield
        context.detach(token)


    @pytest.fixture
    def tenant():
        token = context.attach(baggage.set_baggage("tenant", "x"))
        yield
        context.detach(token)
        assert baggage.get_baggage("tenant") is None


    @pytest.fixture
    async def user():
        context.attach(baggage.set_baggage("user", "Alice"))


    @pytest.fixture
    def request_span():
        with tracer.start_as_current_span("request") as span:
            yield span
        assert trace.get_current_span() is not span


    def test_session(region, tenant):
        with allure.step("inside of a step"):
            assert baggage.get_all() == {"region": "north", "tenant": "x"}
        assert baggage.get_all() == {"region": "north", "tenant": "x"}


    def test_session_again(region):
        assert baggage.get_all() == {"region": "north"}


    async def test_async(tenant, user):
        assert baggage.get_all() == {"region": "north", "tenant": "x", "user": "Alice"}


    def test_in_a_step():
        with allure.step("log in"):
            with allure.step("attach"):
                token = context.attach(context.set_value("k", 1))
        assert context.get_value("k") == 1
        context.detach(token)
        assert context.get_value("k") is None


    def test_span(request_span):
        assert trace.get_current_span() is request_span
        with allure.step("in the body"):
            pass
        with tracer.start_as_current_span("call") as call:
            assert call.parent == request_span.get_span_context()
            with allure.step("within"):
                pass
        assert trace.get_current_span() is request_span


    class TestXunit:
        def setup_method(self):
            self.token = context.attach(context.set_value("k", 1))

        def teardown_method(self):
            context.detach(self.token)

        def test_it(self):
            assert context.get_value("k") == 1


    def test_leaves():
        context.attach(context.set_value("left", 1))


    def test_finds():
        assert context.get_value("left") == 1
"""


@pytest.mark.parametrize("options", [(), ("--allure-otel-context=isolated",)])
def test_what_is_left_attached(run, options):
    report = run(LEFT, *options, passed=8)
    assert tree(report.report["test_in_a_step"]) == [{"log in": ["attach"]}]


def test_what_comes_below_a_span_that_a_fixture_has_left_current(run):
    """The span is in the set-up; the steps and calls of the test's body are in its body."""
    report = run(
        LEFT.replace("TracerProvider()", "trace"),  # the provider that stands in
        "-k",
        "test_span",
        passed=1,
    )
    body = tree(report.report["test_span"])
    assert body == ["in the body", {"call": ["within"]}]


def test_without_a_report(run):
    """What these tests expect is what there is without us."""
    run(LEFT, alluredir=False, passed=8)
