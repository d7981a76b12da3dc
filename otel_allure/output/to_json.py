"""Objects of Allure's model -> JSON."""

from __future__ import annotations

from typing import Any

from allure_commons.model2 import Label, Parameter, TestResult

from otel_allure.model.texts import text_of, type_name

_STRINGS_ONLY = (Label, Parameter)
"""Of these both report tools want name and value as strings, empty ones too."""
_TEXTS = frozenset(
    {
        *("uuid", "name", "fullName", "historyId", "testCaseId", "status", "description"),
        *("descriptionHtml", "message", "trace", "actual", "expected", "source", "type", "url"),
    }
)
"""Fields that are texts, whatever a listener has made of them."""
_BARE_TEXTS = ("uuid", "name", "fullName", "historyId", "testCaseId", "status")


def bare(item: Any, error: Exception) -> dict[str, Any]:
    """Return what must not be lost of an object that cannot be written as a whole."""
    out: dict[str, Any] = {}
    for name in _BARE_TEXTS:
        value = getattr(item, name, None)
        if value is not None:
            out[name] = text_of(value)
    for name in ("start", "stop"):
        if type(value := getattr(item, name, None)) is int:
            out[name] = value
    if type(children := getattr(item, "children", None)) is list:
        out["children"] = list(map(text_of, children))
    if type(labels := getattr(item, "labels", None)) is list:
        named = [label for label in labels if isinstance(label, Label)]
        out["labels"] = [{"name": text_of(x.name), "value": text_of(x.value)} for x in named]
    message = getattr(getattr(item, "statusDetails", None), "message", None)
    if message is not None:
        out["statusDetails"] = {"message": text_of(message)}
    if isinstance(item, TestResult):
        note = f"all but its outcome: {type_name(error)}: {text_of(error)}"
        out["parameters"] = [{"name": "not shown", "value": note, "excluded": True}]
    return out


def plain(item: Any) -> dict[str, Any]:
    """Return a model2 object as JSON has it: without what is empty, values as strings.

    Both report tools drop labels and parameters whose value is not a string.
    """
    out: dict[str, Any] = {}
    texts = _TEXTS
    for name, value in item.__dict__.items():
        if type(value) is str:
            if value:
                out[name] = value
        elif value is None:
            pass
        elif name in texts:
            out[name] = text_of(value)
        elif type(value) is list:
            if value:
                items = out[name] = []
                for entry in value:  # no comprehension: it would double the recursion's depth
                    is_item = hasattr(entry, "__attrs_attrs__")
                    items.append(plain(entry) if is_item else text_of(entry))
        elif hasattr(value, "__attrs_attrs__"):
            out[name] = plain(value)
        elif value or value == 0:  # False and the very first millisecond are values
            out[name] = value
    if type(item) in _STRINGS_ONLY:
        out["name"] = "" if item.name is None else text_of(item.name)
        out["value"] = text_of(item.value)
    return out
