"""The one line of a request: its level and its fields."""

import logging
from typing import Any

import pytest

from llmwrap.canonical.events import Usage
from llmwrap.errors import ModelNotFound, UpstreamDisconnected, UpstreamUnreachable
from llmwrap.exchange import Attempt, Exchange
from llmwrap.logs import JsonFormatter
from llmwrap.sinks.access_log import access_log

STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def _exchange(**facts: Any) -> Exchange:
    values = {
        "id": "req_1",
        "request_id": "mine",
        "method": "POST",
        "path": "/v1/chat/completions",
        "client_ip": "10.1.2.3",
        "started": 100.0,
        "ended": 100.5,
        "status": 200,
    }
    return Exchange(**(values | facts))


@pytest.fixture
def line(caplog: pytest.LogCaptureFixture) -> Any:
    """Write the line of an exchange: its record, None when there is none."""
    caplog.set_level(logging.DEBUG, "llmwrap.access")

    def write(exchange: Exchange) -> logging.LogRecord | None:
        caplog.clear()
        access_log(exchange)
        assert len(caplog.records) <= 1
        return caplog.records[0] if caplog.records else None

    return write


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in record.__dict__.items() if key not in STANDARD}


def test_line_of_a_request_without_a_model(line: Any) -> None:
    record = line(_exchange(method="GET", path="/", user="alice", auth_kind="jwt"))
    assert record.getMessage() == "request"
    assert _fields(record) == {
        "request_id": "mine",
        "id": "req_1",
        "client_ip": "10.1.2.3",
        "method": "GET",
        "path": "/",
        "status": 200,
        "outcome": "ok",
        "latency_ms": 500.0,
        "user": "alice",
        "auth": "jwt",
    }


def test_line_of_a_model_request_says_who_served_it(line: Any) -> None:
    fields = _fields(
        line(
            _exchange(
                service="api",
                operation="chat",
                model="m",
                stream=True,
                attempts=[Attempt("u0", 100.0), Attempt("u1", 100.1)],
                first_byte=100.25,
                usage=Usage(3, 4),
            )
        )
    )
    assert {
        name: fields[name]
        for name in (
            "service",
            "operation",
            "model",
            "stream",
            "upstream",
            "attempts",
            "first_byte_ms",
            "prompt_tokens",
            "completion_tokens",
        )
    } == {
        "service": "api",
        "operation": "chat",
        "model": "m",
        "stream": True,
        "upstream": "u1",
        "attempts": 2,
        "first_byte_ms": 250.0,
        "prompt_tokens": 3,
        "completion_tokens": 4,
    }


def test_request_that_was_never_sent_has_no_first_byte(line: Any) -> None:
    fields = _fields(line(_exchange(operation="chat", status=404)))
    assert (fields["upstream"], fields["attempts"]) == ("", 0)
    assert fields.keys().isdisjoint({"first_byte_ms", "prompt_tokens"})


def test_error_is_told_by_code_and_fault_and_not_by_its_text(line: Any) -> None:
    exchange = _exchange(status=404)
    exchange.fail(ModelNotFound("model 'secret' is not served"))
    record = line(exchange)
    fields = _fields(record)
    assert (fields["error"], fields["fault"]) == ("model_not_found", "caller")
    assert fields["outcome"] == "refused"
    assert "secret" not in JsonFormatter().format(record)


@pytest.mark.parametrize(
    ("status", "path", "level"),
    [
        (200, "/v1/models", "INFO"),
        (304, "/v1/models", "INFO"),
        (400, "/v1/models", "WARNING"),
        (499, "/v1/models", "WARNING"),
        (500, "/v1/models", "ERROR"),
        (503, "/readyz", "DEBUG"),
        (404, "/health", "WARNING"),
        (200, "/health", "DEBUG"),
        (200, "/healthz", "DEBUG"),
        (200, "/readyz", "DEBUG"),
    ],
)
def test_level_follows_the_status_and_probes_are_quiet(
    line: Any, status: int, path: str, level: str
) -> None:
    assert line(_exchange(status=status, path=path)).levelname == level


def test_probe_leaves_no_line_at_level_info(
    line: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llmwrap.access")
    assert line(_exchange(path="/health")) is None


def test_long_path_and_model_are_cut(line: Any) -> None:
    fields = _fields(
        line(_exchange(path="/" + "p" * 900, operation="chat", model="m" * 900))
    )
    assert (len(fields["path"]), len(fields["model"])) == (500, 200)


def test_line_tells_of_a_kept_upstream_and_of_a_rescue(line: Any) -> None:
    chat = {"operation": "chat", "model": "m"}
    fields = _fields(line(_exchange(**chat, affinity="spill", rescued=7)))
    assert (fields["affinity"], fields["rescued"]) == ("spill", 7)
    plain = _fields(line(_exchange(**chat)))
    assert not {"affinity", "rescued"} & plain.keys()


def test_line_says_why_an_upstream_could_not_be_reached(line: Any) -> None:
    """Refused, no such host, a certificate: for the operator, never for the caller."""
    error = UpstreamUnreachable("the upstream cannot be reached")
    error.__cause__ = OSError(111, "Connection refused")
    fields = _fields(line(_exchange(status=502, error=error)))
    assert fields["reason"] == "[Errno 111] Connection refused"
    error.__cause__ = None
    assert "reason" not in _fields(line(_exchange(status=502, error=error)))


def test_stream_that_broke_off_is_a_warning(line: Any) -> None:
    error = UpstreamDisconnected("cut")
    assert line(_exchange(status=200, error=error)).levelno == logging.WARNING
    assert line(_exchange(status=200)).levelno == logging.INFO
