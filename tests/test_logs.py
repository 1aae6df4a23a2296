"""The lines of the operational log: one a record, whatever is in it."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwrap.logs import JsonFormatter, TextFormatter, logging_config
from llmwrap.settings.values import Log

AT = 1795262400.25  # 2026-11-21T12:00:00.250 UTC
TIME = "2026-11-21T12:00:00.250+00:00"


def _record(event: str = "request", **fields: Any) -> logging.LogRecord:
    record = logging.makeLogRecord(
        {"msg": event, "levelno": 30, "levelname": "WARNING"}
    )
    record.created = AT
    record.__dict__.update(fields)
    return record


def _json(record: logging.LogRecord) -> Any:
    line = JsonFormatter().format(record)
    assert line.isascii()
    assert "\n" not in line
    return json.loads(line)


def test_json_line_has_time_level_event_and_the_fields_in_this_order() -> None:
    assert JsonFormatter().format(_record(status=503, user="é", none=None)) == (
        '{"time":"2026-11-21T12:00:00.250+00:00","level":"warning",'
        '"event":"request","status":503,"user":"\\u00e9","none":null}'
    )


def test_text_line_quotes_what_is_not_one_plain_word() -> None:
    line = TextFormatter().format(_record(status=503, user="é", path="/a b", none=None))
    assert line == f'{TIME} warning request status=503 user=é path="/a b" none=null'


@pytest.mark.parametrize(
    "evil",
    [
        '\n{"event":"fake"}',
        "\r\n",
        "\x1b[31mred",
        "\u2028\u2029\u0085",
        '"}{',
        "\0",
        "\ud800",
    ],
)
def test_no_field_begins_a_new_line_or_a_new_object(evil: str) -> None:
    assert _json(_record(evil, user=evil)) == {
        "time": TIME,
        "level": "warning",
        "event": evil,
        "user": evil,
    }
    line = TextFormatter().format(_record("warned " + evil, user=evil))
    assert line.isprintable()
    assert line.startswith(f"{TIME} warning warned ")


def test_field_never_replaces_time_level_or_event() -> None:
    record = _record("real", time="0", level="none")
    record.__dict__["event"] = "fake"
    assert _json(record) == {"time": TIME, "level": "warning", "event": "real"}


def test_values_of_any_kind_are_written() -> None:
    line = _json(
        _record(big=2**70, kind=ValueError("x"), many={1: (2, 3)}, data=b"\xff")
    )
    assert line["big"] == 2**70
    assert line["kind"] == "x"
    assert line["many"] == {"1": [2, 3]}
    assert line["data"] == "b'\\xff'"


def test_traceback_is_one_field() -> None:
    try:
        raise ValueError("boom")
    except ValueError:
        record = _record("unhandled")
        record.exc_info = sys.exc_info()
    exception = _json(record)["exception"]
    assert exception.startswith("Traceback (most recent call last):\n")
    assert exception.endswith("ValueError: boom")
    assert TextFormatter().format(record).count("\n") == 0


@given(st.dictionaries(st.sampled_from("abc"), st.text() | st.integers() | st.none()))
def test_every_record_is_one_line(fields: dict[str, Any]) -> None:
    line = _json(_record(**fields))
    assert {name: line[name] for name in fields} == fields
    assert TextFormatter().format(_record(**fields)).isprintable()


@pytest.mark.parametrize(
    ("log", "level", "gunicorn", "make"),
    [
        (Log(), "INFO", "WARNING", JsonFormatter),
        (Log(level="debug", format="text"), "DEBUG", "DEBUG", TextFormatter),
        (Log(level="warn"), "WARNING", "WARNING", JsonFormatter),
        (Log(level="error"), "ERROR", "ERROR", JsonFormatter),
    ],
)
def test_configuration_is_that_of_the_settings(
    log: Log, level: str, gunicorn: str, make: Callable[[], logging.Formatter]
) -> None:
    config = logging_config(log)
    assert config["loggers"]["llmwrap"]["level"] == level
    assert config["loggers"]["gunicorn.error"]["level"] == gunicorn
    assert config["formatters"]["lines"]["()"] is make
    assert config["handlers"]["stdout"]["stream"] == "ext://sys.stdout"
    assert config["disable_existing_loggers"] is False
