"""A call and its server's part, which another program has written -> one step, and back again.

What both say of it is kept in the step, hidden: a program that knows more of its part by now takes
it out, and puts the new one in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from allure_commons.model2 import (
    Attachment,
    ExecutableItem,
    Parameter,
    StatusDetails,
    TestStepResult,
)

from otel_allure.model.outcome import UNKNOWN, Outcome
from otel_allure.output.from_json import item_of
from otel_allure.output.hidden_parameters import (
    CALL,
    INSIDE,
    SERVED,
    SPAN,
    all_told,
    is_hidden,
    tell,
    told,
)
from otel_allure.output.to_json import plain
from otel_allure.presentation.durations import duration
from otel_allure.translation.one_call import joint_outcome

_OF_ONE_SIDE = ("service", "url")
"""Parameters that client and server say of one thing, each in its way; the client's are shown."""
_KEPT = ("name", "status", "statusDetails", "parameters", "attachments")


def are_one_call(client: ExecutableItem, server: ExecutableItem) -> bool:
    """Whether a step and a part that belongs below it are the sides of one call."""
    its = list(all_told(client, CALL))
    is_client = bool(its) and all(side.startswith("client ") for side in its)
    is_joined = told(client, SERVED) is not None
    if not (isinstance(client, TestStepResult) and is_client) or is_joined:
        return False
    return (told(server, CALL) or "").replace("server ", "client ", 1) in its


def join_call(client: ExecutableItem, server: TestStepResult) -> None:
    """Make one step of a call and its server's part."""
    client_was, server_was = plain(client), plain(server)
    for kept in (client_was, server_was):
        kept.pop("steps", None)
    span_id, service = told(server, SPAN) or "", told(server, "service")
    if service and not str(client.name).endswith(f"({service})"):
        client.name = f"{client.name} ({service})"
    client.status, message, trace = joint_outcome([_outcome(client), _outcome(server)])
    client.statusDetails = StatusDetails(message=message, trace=trace) if message or trace else None
    client.parameters = [*_times(client, server), *client.parameters, *_more(client, server)]
    names = {attachment.name for attachment in client.attachments}
    client.attachments += [
        Attachment(f"{a.name} (server)" if a.name in names else a.name, a.source, a.type)
        for a in server.attachments
    ]
    for step in server.steps:
        tell(step, INSIDE, span_id)
    client.steps = sorted([*client.steps, *server.steps], key=lambda step: step.start or 0)
    tell(client, SPAN, span_id)
    tell(client, SERVED, json.dumps([client_was, server_was], ensure_ascii=False))


def sides(client: ExecutableItem) -> tuple[TestStepResult, TestStepResult] | None:
    """Return what client and server were before `join_call`; None where nothing was joined."""
    kept = told(client, SERVED)
    if kept is None:
        return None
    client_was, server_was = json.loads(kept)
    return item_of(TestStepResult, client_was), item_of(TestStepResult, server_was)


def part_call(client: ExecutableItem) -> TestStepResult | None:
    """Undo `join_call` and return the server's part; None where nothing was joined."""
    both = sides(client)
    if both is None:
        return None
    was, server = both
    span_id = told(server, SPAN)
    server.steps = [step for step in client.steps if told(step, INSIDE) == span_id]
    client.steps = [step for step in client.steps if told(step, INSIDE) != span_id]
    for step in server.steps:
        step.parameters = [p for p in step.parameters if p.name != INSIDE]
    for name in _KEPT:
        setattr(client, name, getattr(was, name))
    return server


def _outcome(item: ExecutableItem) -> Outcome:
    details = item.statusDetails or StatusDetails()
    return Outcome(item.status or UNKNOWN, details.message, details.trace)


def _times(client: ExecutableItem, server: ExecutableItem) -> Iterator[Parameter]:
    for side, item in (("client", client), ("server", server)):
        took_ms = (item.stop or 0) - (item.start or 0)
        yield Parameter(name=f"{side}'s time", value=duration(took_ms * 1_000_000))


def _more(client: ExecutableItem, server: ExecutableItem) -> Iterator[Parameter]:
    """Yield what only the server says, or says differently."""
    known = {parameter.name: parameter.value for parameter in client.parameters}
    for parameter in server.parameters:
        name, value = parameter.name, parameter.value
        if not is_hidden(parameter) and name not in _OF_ONE_SIDE and known.get(name) != value:
            yield Parameter(name=f"{name} (server)" if name in known else name, value=value)
