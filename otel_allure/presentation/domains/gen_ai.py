"""Generative AI: calls of models, agents and their tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from otel_allure.model.spans import Span
from otel_allure.presentation.values import (
    Document,
    Domain,
    cut,
    first,
    masked,
    server,
    text_of,
    words,
)
from otel_allure.redaction.redaction import Redaction

_CONTENT = (
    ("instructions", ("gen_ai.system_instructions",)),
    ("input", ("gen_ai.input.messages", "gen_ai.prompt")),
    ("output", ("gen_ai.output.messages", "gen_ai.completion")),
    ("tools", ("gen_ai.tool.definitions",)),
    ("arguments", ("gen_ai.tool.call.arguments",)),
    ("result", ("gen_ai.tool.call.result",)),
    ("query", ("gen_ai.retrieval.query.text",)),
    ("documents", ("gen_ai.retrieval.documents",)),
)


def title(span: Span) -> str | None:
    """Return the operation and what it is done with: a tool, an agent, a model."""
    a = span.attributes
    operation = text_of(a, "gen_ai.operation.name")
    target = text_of(
        a,
        "gen_ai.tool.name",
        "gen_ai.agent.name",
        "gen_ai.workflow.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.data_source.id",
    )
    return words(operation, target) if operation else None


def documents(span: Span, redaction: Redaction) -> Iterator[Document]:
    """Yield what was said, where it was captured: as attributes, in older versions as events."""
    content: dict[str, Any] = {}
    for name, attributes in _CONTENT:
        value = first(span.attributes, *attributes)
        if value is not None:
            content[name] = _parsed(value)
    events = [event for event in span.events if event.name.startswith("gen_ai.")]
    if events:
        content["events"] = [
            {
                "event": event.name,
                **{name: _parsed(value) for name, value in event.attributes.items()},
            }
            for event in events
        ]
    if content:
        body = json.dumps(masked(content, redaction), ensure_ascii=False, indent=2, default=str)
        longest = redaction.settings.max_body
        is_cut = len(body) > longest
        yield Document(
            "messages.txt" if is_cut else "messages.json",
            "text/plain" if is_cut else "application/json",
            "txt" if is_cut else "json",
            cut(body, longest),
        )


def _parsed(value: Any) -> Any:
    """Return what is in a text of JSON; attributes can often hold nothing else."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _other_model(span: Span) -> str | None:
    """Return the model that answered, if it is not the one that was asked for."""
    answered = text_of(span.attributes, "gen_ai.response.model")
    asked = text_of(span.attributes, "gen_ai.request.model")
    return None if answered == asked else answered


_MARKS = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.system")

DOMAIN = Domain(
    name="Generative AI",
    marks=_MARKS,
    title=title,
    parameters=(
        ("provider", ("gen_ai.provider.name", "gen_ai.system")),
        ("model", ("gen_ai.request.model",)),
        ("answered by", (_other_model,)),
        ("input tokens", ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")),
        ("output tokens", ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")),
        ("finish reasons", ("gen_ai.response.finish_reasons",)),
        ("temperature", ("gen_ai.request.temperature",)),
        ("max tokens", ("gen_ai.request.max_tokens",)),
        ("conversation id", ("gen_ai.conversation.id",)),
        ("tool call id", ("gen_ai.tool.call.id",)),
        ("server", (server,)),
    ),
    documents=documents,
    internal=_MARKS,  # agents and tools are work inside of a process, models may be
)
