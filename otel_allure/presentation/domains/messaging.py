"""Messages that are sent, received and processed."""

from __future__ import annotations

import re

from otel_allure.model.spans import Attributes, Span
from otel_allure.presentation.values import Domain, first, server, text_of, words

_OPERATION = (
    "messaging.operation.name",
    "messaging.operation",
    "messaging.operation.type",
    "celery.action",
    "rpc.method",
)
_BY_KIND = {"producer": "send", "consumer": "process"}
_DESTINATION = ("messaging.destination.name", "messaging.destination.template")


def title(span: Span) -> str | None:
    """Return operation and destination; of Celery, the task."""
    a = span.attributes
    operation = text_of(a, *_OPERATION) or _BY_KIND.get(span.kind)
    target = text_of(a, "celery.task_name") or _destination(a)
    return words(operation, target) if target else None


def _destination(a: Attributes) -> str | None:
    """Return its name; one that was made up for a single use says nothing."""
    if first(a, "messaging.destination.temporary", "messaging.destination.anonymous"):
        template = text_of(a, "messaging.destination.template")
        return template or "(temporary)"
    name = text_of(a, *_DESTINATION, "messaging.destination")
    return name and name.strip(",")  # RabbitMQ: exchange,routing key; either may be empty


def _broker(span: Span) -> str | None:
    """Return host and port of the broker; Kafka's instrumentations write the servers as JSON."""
    found = server(span) or text_of(span.attributes, "messaging.url")
    return found and re.sub(r"[\[\]\"]", "", found)


DOMAIN = Domain(
    name="Messaging",
    marks=(
        "messaging.system",
        "messaging.destination.name",
        "messaging.destination",
        "celery.task_name",
    ),
    title=title,
    parameters=(
        ("system", ("messaging.system",)),
        ("server", (_broker,)),
        ("destination", (*_DESTINATION, "messaging.destination")),
        ("routing key", ("messaging.rabbitmq.destination.routing_key",)),
        ("partition", ("messaging.destination.partition.id", "messaging.kafka.partition")),
        ("offset", ("messaging.kafka.offset", "messaging.kafka.message.offset")),
        ("key", ("messaging.kafka.message.key",)),
        ("message id", ("messaging.message.id", "messaging.message_id")),
        (
            "conversation id",
            ("messaging.message.conversation_id", "messaging.conversation_id"),
        ),
        ("messages", ("messaging.batch.message_count",)),
        (
            "consumer group",
            ("messaging.consumer.group.name", "messaging.kafka.consumer.group"),
        ),
        ("subscription", ("messaging.destination.subscription.name",)),
    ),
)
