"""Remote procedure calls: gRPC, Connect, JSON-RPC, the AWS SDK."""

from __future__ import annotations

from otel_allure.model.spans import Span
from otel_allure.presentation.errors import HTTP_STATUS, RPC_STATUS, rpc_status
from otel_allure.presentation.values import Domain, server, text_of


def title(span: Span) -> str | None:
    """Return service and method; the newer conventions have both in `rpc.method`."""
    a = span.attributes
    service, method = text_of(a, "rpc.service"), text_of(a, "rpc.method")
    if method == "_OTHER":
        method = text_of(a, "rpc.method_original") or method
    if method is None:
        return span.name.removeprefix("/") or service
    method = method.removeprefix("/")
    if service is None or "/" in method:
        return method
    return f"{service}{'.' if _is_aws(span) else '/'}{method}"


def answer(span: Span) -> str | None:
    """Return the status code, unless all is well."""
    code = rpc_status(span.attributes)
    if code is None and _is_aws(span):
        code = text_of(span.attributes, *HTTP_STATUS)
    return None if code in ("OK", "200") else code


def _is_aws(span: Span) -> bool:
    return text_of(span.attributes, "rpc.system.name", "rpc.system") == "aws-api"


DOMAIN = Domain(
    name="RPC",
    marks=("rpc.system.name", "rpc.system"),
    title=title,
    answer=answer,
    parameters=(
        ("system", ("rpc.system.name", "rpc.system")),
        ("server", (server,)),
        ("region", ("cloud.region", "aws.region")),
        ("request id", ("jsonrpc.request.id", "rpc.jsonrpc.request_id", "aws.request_id")),
        ("retries", ("retry_attempts",)),
    ),
    internal=RPC_STATUS,
    captured=(
        "rpc.request.metadata.",
        "rpc.response.metadata.",
        "rpc.grpc.request.metadata.",
        "rpc.grpc.response.metadata.",
        "rpc.connect_rpc.request.metadata.",
        "rpc.connect_rpc.response.metadata.",
    ),
)
