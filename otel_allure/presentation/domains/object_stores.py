"""Object stores: AWS S3 and what speaks its API."""

from __future__ import annotations

from otel_allure.model.spans import Span
from otel_allure.presentation.domains import rpc
from otel_allure.presentation.values import Domain, text_of, words


def title(span: Span) -> str | None:
    """Return operation, bucket and key."""
    a = span.attributes
    operation = rpc.title(span) if text_of(a, "rpc.method") else None
    place = "/".join(filter(None, (text_of(a, "aws.s3.bucket"), text_of(a, "aws.s3.key"))))
    return words(operation or span.name, place)


DOMAIN = Domain(
    name="Object stores",
    marks=("aws.s3.bucket", "aws.s3.key"),
    title=title,
    answer=rpc.answer,
    parameters=(
        ("bucket", ("aws.s3.bucket",)),
        ("key", ("aws.s3.key",)),
        ("copy source", ("aws.s3.copy_source",)),
        ("delete", ("aws.s3.delete",)),
        ("upload id", ("aws.s3.upload_id",)),
        ("part", ("aws.s3.part_number",)),
    ),
)
