"""A page in a real browser: examples/browser. `make npm` installs what it needs, but Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from otel_allure.testing.results import Results, tree

EXAMPLE = Path(__file__).parent.parent / "examples" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.mark.skipif(
    not (EXAMPLE / "build").exists(), reason="the page is not built: make npm, or make node"
)
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="there is no Chromium")
def test_what_a_page_does_is_in_the_step_that_opened_it(tmp_path):
    """Its spans are sent by the browser, to another origin than the page's."""
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environ["OTEL_EXPORTER_ALLURE_WATERFALL"] = environ["OTEL_EXPORTER_ALLURE_ATTACH_HTTP"] = "off"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "otel_allure", "-p", "no:cacheprovider",
         f"--alluredir={tmp_path}"],
        cwd=EXAMPLE, env=environ, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    (result,) = Results(tmp_path).results
    assert tree(result) == [{"Open the page": [{"Show the price": ["GET /price → 200"]}]}]
