"""Attachments and parameters, as they are told to what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    pass


class Attachment(NamedTuple):
    """A reference to a file in the results directory."""

    name: str
    source: str
    type: str


class Parameter(NamedTuple):
    """A parameter; `mode` is `hidden`, `masked` or empty."""

    name: str
    value: str
    mode: str = ""
    excluded: bool = False
