"""Tells listeners of others what allure-pytest tells them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import allure_commons

from otel_allure.output.allure_json import new_uuid
from otel_allure.recording.running_step import RunningStep

_others: dict[str, Any] = {}
"""While we listen, callers of the step hooks that leave us out."""


def leave_out(ours: object) -> None:
    """Set which listener is ours, None for none: steps are told to the others."""
    _others.clear()
    if ours is not None:
        caller = allure_commons.plugin_manager.subset_hook_caller
        _others.update({hook: caller(hook, [ours]) for hook in ("start_step", "stop_step")})


def tell_others(hook: str, running: RunningStep, **arguments: Any) -> None:
    """Fire a step hook for the listeners of others; they know the step by its uuid."""
    if running.uuid is None and hook == "stop_step":
        return  # nobody was told that it began
    if len(_hooks.start_step.get_hookimpls()) < 2 or not _others:
        return
    if hook == "start_step":
        running.uuid = running.uuid or new_uuid()
    if running.uuid is not None:
        _others[hook](uuid=running.uuid, **arguments)


def has_fixture_listeners() -> bool:
    """Whether somebody listens to fixtures; we do not, pytest tells us of them."""
    return bool(_hooks.start_fixture.get_hookimpls() or _hooks.stop_fixture.get_hookimpls())


@contextmanager
def finalizer_told(parent_uuid: str, name: str) -> Iterator[None]:
    """Tell others that a finalizer of a fixture runs in the block, as allure-pytest does."""
    fixture = {"parent_uuid": parent_uuid, "uuid": new_uuid(), "name": name}
    _hooks.start_fixture(**fixture, parameters={})
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        _hooks.stop_fixture(
            **fixture,
            exc_type=type(error) if error is not None else None,
            exc_val=error,
            exc_tb=error.__traceback__ if error is not None else None,
        )


_hooks = allure_commons.plugin_manager.hook
