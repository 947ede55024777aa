"""What the plugin writes about itself: one line an event, to stderr.

`2026-07-20T09:16:00.123Z info slurm_plugin.jobs.submission submitted pod_uid=... job_id=17`
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, TextIO

from slurm_plugin.config.settings import LoggingSettings

session_of_request: Final[ContextVar[str | None]] = ContextVar("session", default=None)
"""InterLink's session header of the request that this thread answers."""

_OWN_ATTRIBUTES: Final = frozenset(
    {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}
)
# Others' loggers that say too much at INFO and DEBUG: a line per queued request or socket.
_QUIET: Final = ("waitress", "waitress.queue", "grpc", "opentelemetry", "urllib3", "asyncio")


class LineFormatter(logging.Formatter):
    """One record as one line: time (UTC), level, logger, message, then `key=value` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        parts = [
            time.replace("+00:00", "Z"),
            record.levelname.lower(),
            record.name,
            _printable(record.getMessage()),
            *(f"{key}={_value(value)}" for key, value in _fields(record).items()),
        ]
        if record.exc_info:
            parts.append(f"exception={_quoted(self.formatException(record.exc_info))}")
        return " ".join(parts)


def configure(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Send all loggers' records to one stream (stderr when None), at the configured level."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, LineFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level(settings))
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, level(settings)))
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    logging.captureWarnings(capture=True)


def level(settings: LoggingSettings) -> int:
    """VerboseLogging wins over ErrorsOnlyLogging, as in the Go plugin."""
    if settings.verbose_logging:
        return logging.DEBUG
    return logging.ERROR if settings.errors_only_logging else logging.INFO


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = {
        key: value
        for key, value in vars(record).items()
        if key not in _OWN_ATTRIBUTES and value is not None
    }
    session = session_of_request.get()
    if session is not None:
        fields.setdefault("session", session)
    return fields


def _value(value: object) -> str:
    text = str(value)
    plain = text and text.isprintable() and not any(mark in text for mark in ' "=\\')
    return text if plain else _quoted(text)


def _printable(text: str) -> str:
    return text if text.isprintable() else _quoted(text)[1:-1].replace('\\"', '"')


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    return json.dumps(text)
