"""Traces of services, with the frames of their frameworks folded."""

from __future__ import annotations

import pytest

from otel_allure.model.spans import Event
from otel_allure.presentation.presentation import Presentation
from otel_allure.presentation.stack_traces import folded
from otel_allure.testing.spans import build_span
from tests.test_linear import Hostile, grows_too_fast

SITE = "/env/lib/python3.11/site-packages"


def frame(path: str, name: str = "call", marks: bool = False) -> str:
    lines = [f'  File "{path}", line 7, in {name}', "    await app(scope)"]
    return "\n".join(lines + ["    ^^^^^^^^^^^^^^^^"] * marks)


STARLETTE, UVICORN = (frame(f"{SITE}/{name}") for name in ("starlette/routing.py", "uvicorn/x.py"))
OWN = frame("/srv/shop/orders.py", "place_order")
HEAD, END = "Traceback (most recent call last):", "StockError: out of sync"
JS_OWN = "    at placeOrder (/srv/shop/orders.js:7:11)"
JS_LIBRARY = "    at Layer.handle [as handle_request] (/srv/node_modules/express/lib/layer.js:95:5)"
JS_SCOPED = "    at /srv/node_modules/@koa/router/lib/router.js:9:5"
JS_NODE = "    at process.processTicks (node:internal/process/task_queues:95:5)"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [HEAD, UVICORN, STARLETTE, STARLETTE, OWN, END],
            [HEAD, "  … 3 frames of uvicorn, starlette", OWN, END],
            id="a framework's",
        ),
        pytest.param(
            [HEAD, STARLETTE, OWN, UVICORN, STARLETTE, OWN, END],
            [HEAD, STARLETTE, OWN, "  … 2 frames of uvicorn, starlette", OWN, END],
            id="one is none to fold",
        ),
        pytest.param(
            [HEAD, OWN, STARLETTE, STARLETTE, UVICORN, END],
            [HEAD, OWN, "  … 2 frames of starlette", UVICORN, END],
            id="where it was raised",
        ),
        pytest.param(
            [HEAD, OWN, frame("/usr/lib/python3.11/asyncio/runners.py"), STARLETTE, OWN, END],
            [HEAD, OWN, "  … 2 frames of asyncio, starlette", OWN, END],
            id="the standard library",
        ),
        pytest.param(
            [HEAD, frame(f"{SITE}/x/y.py", marks=True), STARLETTE, OWN, END],
            [HEAD, "  … 2 frames of x, starlette", OWN, END],
            id="with marks",
        ),
        pytest.param(
            [HEAD, STARLETTE, UVICORN, OWN, END, "", "During …", "", HEAD, OWN, "KeyError: 1"],
            [
                HEAD,
                "  … 2 frames of starlette, uvicorn",
                *(OWN, END, "", "During …", "", HEAD, OWN, "KeyError: 1"),
            ],
            id="a chain",
        ),
        pytest.param(
            ["  | " + line for line in "\n".join([HEAD, STARLETTE, UVICORN, OWN, END]).split("\n")],
            [
                f"  | {HEAD}",
                "  |   … 2 frames of starlette, uvicorn",
                *("  | " + line for line in OWN.split("\n")),
                f"  | {END}",
            ],
            id="a group",
        ),
        pytest.param(
            ["Error: no", JS_OWN, JS_LIBRARY, JS_SCOPED, JS_NODE],
            ["Error: no", JS_OWN, "    … 3 frames of express, @koa/router, node:internal"],
            id="javascript",
        ),
        pytest.param(
            ["Error: no", JS_LIBRARY, JS_SCOPED, JS_NODE, JS_OWN],
            ["Error: no", JS_LIBRARY, "    … 2 frames of @koa/router, node:internal", JS_OWN],
            id="javascript, raised by a library",
        ),
        pytest.param(["anything", "at all"], ["anything", "at all"], id="no trace"),
        pytest.param([HEAD, OWN, END], [HEAD, OWN, END], id="nothing to fold"),
    ],
)
def test_frames_of_frameworks_are_folded(lines, expected):
    assert folded("\n".join(lines)) == "\n".join(expected)


def test_the_trace_of_a_span_is_folded():
    trace = "\n".join([HEAD, STARLETTE, STARLETTE, OWN, END])
    raised = {"exception.type": "StockError", "exception.stacktrace": trace}
    span = build_span("GET", 1, status="error", events=[Event("exception", 1, raised)])
    assert "… 2 frames of starlette" in (Presentation().outcome(span).trace or "")


@pytest.mark.parametrize(
    "part", [STARLETTE + "\n", "    at ((((\n", "    at " + "(a:1" * 50, '  File "']
)
def test_it_is_linear(part):
    assert not grows_too_fast(folded, Hostile("", part), 100_000)
