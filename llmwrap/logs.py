"""The operational log: one line per event on stdout, JSON or text; never prompts or secrets."""

import json
import logging
import logging.config
from datetime import UTC, datetime
from typing import Any

from llmwrap.settings.values import Log

_LEVELS = {"debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of an event: what the caller passed as `extra`, and the traceback."""
    fields = {
        key: value for key, value in record.__dict__.items() if key not in _STANDARD
    }
    if record.exc_info:
        fields["exception"] = logging.Formatter().formatException(record.exc_info)
    return fields


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(
        timespec="milliseconds"
    )


class JsonFormatter(logging.Formatter):
    """`{"time", "level", "event", ...fields}`, one object a line; no field replaces the first."""

    def format(self, record: logging.LogRecord) -> str:
        head = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return _json(head | _fields(record) | head)


class TextFormatter(logging.Formatter):
    """`time level event key=value ...` for a terminal; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        event = _escaped(record.getMessage())
        words = [_time(record), f"{record.levelname.lower():7}", event]
        words += [f"{key}={_plain(value)}" for key, value in _fields(record).items()]
        return " ".join(words)


def _plain(value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return _json(value)


def _escaped(text: str) -> str:
    return text if text.isprintable() else _json(text)[1:-1]


def _json(value: Any) -> str:
    """One line of ASCII, whatever is in `value`: lone surrogates and huge numbers too."""
    return json.dumps(value, default=str, separators=(",", ":"))


def logging_config(log: Log) -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for gunicorn's `logconfig_dict`."""
    level = _LEVELS[log.level]
    formatter = JsonFormatter if log.format == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "lines",
            }
        },
        "loggers": {
            "llmwrap": {"level": level, "handlers": ["stdout"], "propagate": False},
            "gunicorn.error": {
                "level": "WARNING" if log.level == "info" else level,
                "handlers": ["stdout"],
                "propagate": False,
            },
            "gunicorn.access": {"level": "CRITICAL", "propagate": False},
        },
        "root": {"level": "WARNING", "handlers": ["stdout"]},
    }


def configure(log: Log) -> None:
    """Set logging up for this process."""
    logging.config.dictConfig(logging_config(log))
