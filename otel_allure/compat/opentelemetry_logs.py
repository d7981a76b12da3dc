"""The SDK's half for logs; apart, as it is imported when somebody needs it.

Without it an exporter or processor of ours can be made, and is given nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otel_allure.compat import Private

_NO_RECORDS = "AllureLogRecordExporter and AllureLogRecordProcessor do nothing"


def _of_sdk(name: str, since: str = "1.15") -> Private:
    return Private(name, f"opentelemetry-sdk {since}", "log records by the SDK", _NO_RECORDS)


PROCESSOR = _of_sdk("opentelemetry.sdk._logs.LogRecordProcessor")
EXPORTER = _of_sdk("opentelemetry.sdk._logs.export.LogRecordExporter", "1.39")
RESULT = _of_sdk("opentelemetry.sdk._logs.export.LogRecordExportResult", "1.39")


class _Result:
    SUCCESS, FAILURE = 0, 1


if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
else:
    LogRecordProcessor = PROCESSOR.imported(object)
    LogRecordExporter = EXPORTER.imported(object)
    LogRecordExportResult = RESULT.imported(_Result)
    ReadableLogRecord = ReadWriteLogRecord = Any

__all__ = [
    "LogRecordExportResult",
    "LogRecordExporter",
    "LogRecordProcessor",
    "ReadWriteLogRecord",
    "ReadableLogRecord",
]
