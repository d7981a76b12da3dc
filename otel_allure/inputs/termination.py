"""SIGTERM, as `docker stop` sends it -> what waits is written first."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

PATIENCE_S = 5.0
"""So long the end of the program waits; whoever has sent the signal may kill it then."""


def flush_when_terminated(flush: Callable[[], object]) -> None:
    """Have `flush` called when SIGTERM ends this process, which then ends by it all the same.

    Only where nobody has said what the signal means; who says so later takes our place. In another
    thread than the main one nothing can be said.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(number: int, frame: Any) -> None:
        # In a thread: the one that was interrupted may hold a lock that is wanted.
        flushing = threading.Thread(target=flush, daemon=True)
        flushing.start()
        flushing.join(PATIENCE_S)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
