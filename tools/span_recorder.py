"""What the scenarios of record_spans.py run with: the SDK, servers, and names that are stable."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import socket
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel_allure.formats.sdk import from_sdk
from otel_allure.model import conventions as c
from otel_allure.model.spans import Span

EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01: when every recording begins
_RANDOM = re.compile(
    r"\b([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Za-z]{52})\b"
)


class Recorder:
    """What a scenario is given.

    Attributes:
        resources: servers and the like, closed in the end.
    """

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(resource=Resource({"service.name": "shop-tests"}))
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        trace.set_tracer_provider(self.provider)
        self.names = Names()
        self.resources = ExitStack()

    def instrument(self, *names: str, **options: Any) -> None:
        """Activate instrumentations, by the names of their entry points."""
        for name in names:
            (point,) = entry_points(group="opentelemetry_instrumentor", name=name)
            instrumentor = point.load()()
            if instrumentor.is_instrumented_by_opentelemetry:
                instrumentor.uninstrument()
            if name == "asyncpg":  # it takes its options when it is made
                instrumentor.__init__(**options)
            instrumentor.instrument(
                tracer_provider=self.provider, raise_exception_on_conflict=True, **options
            )

    @contextmanager
    def case(self, name: str) -> Iterator[None]:
        """Make a trace of its own, as a test does."""
        tracer = self.provider.get_tracer(c.SCOPE_NAME)
        with tracer.start_as_current_span(name, attributes={c.KIND: c.TEST}):
            yield

    def serve(self, start: Callable[[], Any]) -> Any:
        """Run `start`, an async generator function, in another thread; return what it yields."""
        return self.resources.enter_context(in_background(start))

    def port(self, shown: int) -> int:
        """Return a free port, which is shown as `shown`."""
        port = 0
        while not port or port in self.names.ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
        self.names.ports[port] = shown
        return port

    def refusing_port(self) -> int:
        """Return a port that refuses connections as long as the recording lasts."""
        refusing = self.resources.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        port: int = refusing.getsockname()[1]
        self.names.ports[port] = 8089
        return port

    def run(
        self, *command: str | Path, ready: int, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a program, wait until it listens on the port `ready`, and end it in the end."""
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True
        )
        self.resources.callback(process.wait)
        self.resources.callback(os.killpg, process.pid, signal.SIGTERM)
        wait_for(ready)

    def directory(self) -> Path:
        """Return a directory that is removed in the end."""
        return Path(self.resources.enter_context(tempfile.TemporaryDirectory()))

    def spans(self) -> list[Span]:
        """Return what was recorded."""
        return [from_sdk(span) for span in self.exporter.get_finished_spans()]


@contextmanager
def raises(*kinds: type[BaseException]) -> Iterator[None]:
    try:
        yield
    except kinds:
        return
    raise AssertionError(f"nothing of {kinds} was raised")


def wait_for(port: int) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        threading.Event().wait(0.05)
    raise TimeoutError(f"nobody listens on {port}")


@contextmanager
def in_background(start: Callable[[], AsyncIterator[Any]]) -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = start()
    try:
        yield asyncio.run_coroutine_threadsafe(anext(server), loop).result(60)
        with suppress(StopAsyncIteration):
            asyncio.run_coroutine_threadsafe(anext(server), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


# -- names: what differs from machine to machine, and from recording to recording


class Names:
    """Replaces ports, paths, ids and the time by those that every recording has."""

    EPHEMERAL = 50_001

    def __init__(self) -> None:
        self.ports: dict[int, int] = {}
        self._random_ids: dict[str, int] = {}
        self.texts: dict[str, str] = {
            sysconfig.get_path("purelib"): "/srv/venv/site-packages",
            sysconfig.get_path("stdlib"): "/usr/lib/python3",
            str(Path(__file__).parent): "/srv/shop",
            socket.gethostname(): "shop-host",
        }

    def normalised(self, spans: Iterable[Span], salt: str) -> list[Span]:
        """Return `spans` by start, with ids made of `salt` and their place."""
        ordered = sorted(spans, key=lambda span: (span.start_ns, span.parent_id is not None))
        shift = EPOCH_NS - ordered[0].start_ns
        ids: dict[int, int] = {0: 0}
        for span in ordered:
            ids.setdefault(span.trace_id, digest(salt, "trace", len(ids)) >> 128)
            ids.setdefault(span.span_id, digest(salt, "span", len(ids)) >> 192)
            self._find_ports(span.attributes)
        for old, new in ids.items():
            width = 16 if old < 1 << 64 else 32
            if old:
                self.texts[f"{old:0{width}x}"] = f"{new:0{width}x}"
        self._texts = re.compile("|".join(map(re.escape, sorted(self.texts, key=len)[::-1])))
        return [self._span(span, ids, shift) for span in ordered]

    def _span(self, span: Span, ids: Mapping[int, int], shift: int) -> Span:
        return span._replace(
            trace_id=ids[span.trace_id],
            span_id=ids[span.span_id],
            parent_id=None if span.parent_id is None else ids.get(span.parent_id, span.parent_id),
            name=self._text(span.name),
            start_ns=span.start_ns + shift,
            end_ns=None if span.end_ns is None else span.end_ns + shift,
            status_message=self._text(span.status_message),
            attributes=self._attributes(span.attributes),
            events=[
                event._replace(
                    time_ns=event.time_ns + shift, attributes=self._attributes(event.attributes)
                )
                for event in span.events
            ],
            links=[
                link._replace(
                    trace_id=ids.get(link.trace_id, link.trace_id),
                    span_id=ids.get(link.span_id, link.span_id),
                    attributes=self._attributes(link.attributes),
                )
                for link in span.links
            ],
        )

    def _find_ports(self, attributes: Mapping[str, Any]) -> None:
        for name, value in attributes.items():
            if name.endswith(".port"):
                new = self.EPHEMERAL + sum(p >= self.EPHEMERAL for p in self.ports.values())
                self.ports.setdefault(int(value), new)

    def _attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._value(value, name) for name, value in attributes.items()}

    def _value(self, value: Any, name: str = "") -> Any:
        if name.endswith(".port"):
            return type(value)(self.ports[int(value)])
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, (list, tuple)):
            return [self._value(entry) for entry in value]
        if isinstance(value, Mapping):
            return {key: self._value(entry) for key, entry in value.items()}
        return value

    def _text(self, text: str) -> str:
        text = self._texts.sub(lambda found: self.texts[found[0]], text)
        text = re.sub(r"\b0x[0-9a-f]{6,}\b", "0x7f0000000000", text)
        text = _RANDOM.sub(self._random_id, text)
        return re.sub(r"(?<!\d)\d{4,5}(?!\d)", self._port, text)

    def _random_id(self, found: re.Match[str]) -> str:
        if found[0] in self.texts.values():
            return found[0]  # a trace id that was replaced already
        number = self._random_ids.setdefault(found[0], len(self._random_ids) + 1)
        return re.sub("[0-9A-Za-z]", "0", found[0])[: -len(str(number))] + str(number)

    def _port(self, found: re.Match[str]) -> str:
        return str(self.ports.get(int(found[0]), found[0]))


def digest(*of: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(of).encode()).digest(), "big")
