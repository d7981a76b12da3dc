"""An HTTP span -> an HTTP exchange, for which both report tools have a viewer.

The format is `application/vnd.allure.http+json`, version 1. What instrumentation has not captured
is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation.errors import HTTP_STATUS, exception_of
from otel_allure.presentation.values import (
    Document,
    as_text,
    cut,
    first,
    masked,
    number_of,
    text_of,
)
from otel_allure.redaction.redaction import Redaction

MASKED = "__ALLURE_REDACTED__"
"""Both viewers show it as `*****`."""

BODY = ("http.{}.body.content", "http.{}.body.text", "http.{}.body")
"""Where a body may be: as the conventions have it, as Logfire has it, as many hooks set it."""

SIZE = ("http.{}.body.size", "http.{}_content_length")


_WITHOUT_STATUS = {True: "no answer", False: "error"}


def documents(
    span: Span, call: str, method: str, url: str | None, redaction: Redaction
) -> Iterator[Document]:
    """Yield the exchange, if it says more than the step does: headers, a body or an error.

    Args:
        span: the span.
        call: what was called, which is its name; where nothing was answered it says so, too, as
            the report tools draw a step with one attachment of its own name as that attachment.
        method: the method.
        url: the URL, if it is known.
        redaction: what is masked.
    """
    a = span.attributes
    request = _message("request", a, redaction)
    response = _message("response", a, redaction)
    status = text_of(a, *HTTP_STATUS)
    error = _error(span, status, redaction)
    if not (error or _has_content(request) or _has_content(response)):
        return
    if status is not None:
        response = {"status": number_of(status) or status, **response}
    exchange: dict[str, Any] = {
        "schemaVersion": 1,
        "request": {"method": method, "url": redaction.text(url or ""), **request},
    }
    if response:
        exchange["response"] = response
    if error:
        exchange["error"] = error
    is_client = span.kind == "client"
    exchange["start"] = span.start_ns // 1_000_000
    if span.end_ns is not None:
        exchange["stop"] = span.end_ns // 1_000_000
    yield Document(
        redaction.text(call if status is not None else f"{call}, {_WITHOUT_STATUS[is_client]}"),
        "application/vnd.allure.http+json",
        "httpexchange",
        json.dumps(exchange, ensure_ascii=False, indent=1),
    )


def _has_content(message: dict[str, Any]) -> bool:
    """Whether there is a body, or a header beside the one that most servers tell."""
    names = [header["name"].lower() for header in message.get("headers", ())]
    return "value" in message.get("body", ()) or any(name != "user-agent" for name in names)


def _message(part: str, a: Attributes, redaction: Redaction) -> dict[str, Any]:
    """Return what request and response have in common, without what is not known."""
    headers = list(_headers(part, a, redaction))
    content_type = next((h["value"] for h in headers if h["name"].lower() == "content-type"), None)
    found = {
        "httpVersion": text_of(a, "network.protocol.version", "http.flavor"),
        "headers": headers,
        "body": _body(part, a, content_type, redaction),
    }
    # The version alone is no reason for an exchange, and both parts have the same.
    if not headers and not found["body"]:
        return {}
    return {name: value for name, value in found.items() if value}


def _headers(part: str, a: Attributes, redaction: Redaction) -> Iterator[dict[str, str]]:
    """Yield the captured headers; Python's instrumentations write `_` for `-` in their names."""
    prefix = f"http.{part}.header."
    names = [name for name in a if name.startswith(prefix)]
    for attribute in names:
        name = attribute[len(prefix) :].replace("_", "-")
        values = a[attribute]
        for value in values if isinstance(values, (list, tuple)) else (values,):
            yield {"name": name, "value": _masked(name, as_text(value), redaction)}
    agent = text_of(a, "user_agent.original", "http.user_agent")
    if part == "request" and agent and not any("user" in name[len(prefix) :] for name in names):
        yield {"name": "user-agent", "value": redaction.text(agent)}


def _masked(name: str, value: str, redaction: Redaction) -> str:
    return MASKED if redaction.is_sensitive(name) else redaction.value(name, value)


def _body(
    part: str, a: Attributes, content_type: str | None, redaction: Redaction
) -> dict[str, Any] | None:
    content = first(a, *(name.format(part) for name in BODY))
    size = number_of(first(a, *(name.format(part) for name in SIZE)))
    if content is None:
        return {"size": size, "truncated": True} if size else None
    text = as_text(content, redaction)
    length = len(content) if isinstance(content, bytes) else len(text.encode("utf-8", "replace"))
    value, longest = _body_text(content, text, redaction), redaction.settings.max_body
    body = {
        "contentType": content_type,
        "encoding": "utf8",
        "value": cut(value, longest),
        "size": size or length,
        "truncated": len(value) > longest or length < (size or 0),
    }
    return {name: entry for name, entry in body.items() if entry is not None}


def _body_text(content: Any, text: str, redaction: Redaction) -> str:
    if isinstance(content, bytes) and "\ufffd" in text:
        # Secrets in it could not be found.
        return f"({len(content):,} bytes that are not text are not shown)"
    if isinstance(content, Mapping):
        return json.dumps(masked(content, redaction), ensure_ascii=False)
    return redaction.text(text)


def _error(span: Span, status: str | None, redaction: Redaction) -> dict[str, str]:
    """Return what went wrong, if it is more than an answer with a status."""
    raised = exception_of(span) if span.status == "error" else None
    if raised is not None:
        name, message, stack = raised
    elif status is None and span.status == "error":
        name = text_of(span.attributes, "error.type") or "error"
        message, stack = span.status_message, ""
    else:
        return {}
    error = {"name": name, "message": message, "stack": stack}
    return {key: redaction.text(text) for key, text in error.items() if text}
