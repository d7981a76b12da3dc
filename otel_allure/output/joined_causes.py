"""Where it broke first in a result that several programs have written.

Each program knows the cause as deep as its own spans go: a call that failed. What the server of
that call says of it goes deeper.
"""

from __future__ import annotations

import re

from allure_commons.model2 import ExecutableItem, StatusDetails, TestResult, TestStepResult

from otel_allure.output.hidden_parameters import OWN_MESSAGE, tell, told
from otel_allure.output.served_calls import sides
from otel_allure.output.text_tree import all_steps

_CAUSE = re.compile(r"caused by (.+?), in (.+?)(?:, called by (.+))?")
_LONGEST_CAUSE = 2000
_ANSWER = re.compile(r"HTTP \d{3}: ")  # before an exception, which says more
_SERVICE = " · "


def deepen_cause(whole: TestResult) -> None:
    """Say in the message of a failure what servers of other programs say of the call in it."""
    message = _message_of(whole)
    known = _cause_in(message)
    if known is None:
        return
    served = [both for step in all_steps(whole) if (both := sides(step)) is not None]
    error, place, callers = known.groups()
    while True:
        at = next((both for both in served if _call_of(both[0]) == _without_service(place)), None)
        if at is None:
            break
        served.remove(at)
        service = place.rpartition(_SERVICE)[0]
        callers = " ← ".join(filter(None, (service, callers)))
        error, place = _told_by(at[1])
    if place != known.group(2):
        line = f"caused by {error}, in {place}" + (f", called by {callers}" if callers else "")
        tell(whole, OWN_MESSAGE, message)
        before, _, after = message.rpartition(known[0])
        whole.statusDetails.message = f"{before}{line}{after}"


def own_cause(whole: TestResult) -> None:
    """Undo `deepen_cause`."""
    message = told(whole, OWN_MESSAGE)
    if message is not None:
        whole.statusDetails.message = message
        whole.parameters = [p for p in whole.parameters if p.name != OWN_MESSAGE]


def _message_of(item: ExecutableItem) -> str:
    return (item.statusDetails or StatusDetails()).message or ""


def _cause_in(message: str) -> re.Match[str] | None:
    lines = (line for line in reversed(message.splitlines()) if len(line) <= _LONGEST_CAUSE)
    return next(filter(None, map(_CAUSE.fullmatch, lines)), None)


def _call_of(item: ExecutableItem) -> str:
    return str(item.name).partition(" → ")[0]


def _without_service(place: str) -> str:
    return place.rpartition(_SERVICE)[2]


def _told_by(server: TestStepResult) -> tuple[str, str]:
    """Return error and place, as the server's program says them."""
    message, service = _message_of(server), told(server, "service") or ""
    known = _cause_in(message)
    if known is not None:
        return known[1], known[2]
    call = _call_of(server).removesuffix(f" ({service})")
    error = _ANSWER.sub("", message.partition("\n")[0], count=1) or "an error"
    return error, f"{service}{_SERVICE}{call}" if service else call
