"""Our own clock, also where the first to import it is a test that fakes the clock."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

FAKES = {
    "freezegun": "import freezegun; fake = freezegun.freeze_time('1970-01-02')",
    "time-machine": "import time_machine; fake = time_machine.travel(5, tick=False)",
    "a mock": "from unittest import mock; fake = mock.patch.multiple('time', time_ns=lambda: 5,"
    " time=lambda: 5, perf_counter_ns=lambda: 5)",
}


@pytest.mark.parametrize("fake", FAKES.values(), ids=FAKES)
def test_first_import_under_a_faked_clock(fake):
    """It has the real time, which goes on."""
    code = f"""
{fake}
with fake:
    from otel_allure.model.clock import catch_up, now_ns
    first = now_ns()
    assert any(now_ns() > first for _ in range(1_000_000))
    catch_up()
    print(now_ns())
print(now_ns())
"""
    before = time.time_ns()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    within, afterwards = map(int, done.stdout.split())
    second = 1_000_000_000
    assert before - second < within <= afterwards < time.time_ns() + second
