"""JSON -> objects of allure_commons' model."""

from __future__ import annotations

from typing import Any, TypeVar

from allure_commons.model2 import (
    Attachment,
    Label,
    Link,
    Parameter,
    StatusDetails,
    TestStepResult,
)

_Item = TypeVar("_Item")
_KINDS: dict[str, Any] = {
    "steps": TestStepResult,
    "attachments": Attachment,
    "parameters": Parameter,
    "labels": Label,
    "links": Link,
}


def item_of(kind: type[_Item], said: dict[str, Any]) -> _Item:
    """Return what a file says as an object of the model; fields that it does not have are lost."""
    item = kind()
    for name in vars(item).keys() & said.keys():
        value = said[name]
        if name in _KINDS:
            value = [item_of(_KINDS[name], each) for each in value]
        elif name == "statusDetails":
            value = item_of(StatusDetails, value)
        setattr(item, name, value)
    return item
