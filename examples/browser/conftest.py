from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

import otel_allure

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


FILES = {"/": ("text/html", "page.html"), "/page.js": ("text/javascript", "build/page.js")}


class Shop(BaseHTTPRequestHandler):
    """Serves the page, and what the page asks for."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        kind, file = FILES.get(path, ("text/plain", ""))
        body = (HERE / file).read_bytes() if file else b"9.00" if path == "/price" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="session")
def shop() -> Iterator[str]:
    """The URL of the shop."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def told_here() -> str:
    """What a page must know to be below the current step, as a query."""
    told = otel_allure.environment({})
    endpoint = told["OTEL_EXPORTER_OTLP_ENDPOINT"]
    return urlencode({"traceparent": told["TRACEPARENT"], "endpoint": endpoint})


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[str], str]:
    """Opens a page and returns its elements, when nothing more happens in it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("there is no Chromium")

    def open_page(url: str) -> str:
        command = [browser, "--headless", "--disable-gpu", f"--user-data-dir={tmp_path}"]
        command += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command += ["--virtual-time-budget=10000", "--dump-dom", f"{url}?{told_here()}"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return open_page
