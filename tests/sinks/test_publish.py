"""Finished exchanges and their sinks."""

import logging

import pytest

from llmwrap.exchange import Exchange
from llmwrap.sinks import publish
from tests.dialects.streams import new_exchange


def test_every_sink_gets_the_exchange_in_order() -> None:
    seen: list[tuple[str, Exchange]] = []
    exchange = new_exchange()
    publish(
        exchange,
        (
            lambda ended: seen.append(("a", ended)),
            lambda ended: seen.append(("b", ended)),
        ),
    )
    assert seen == [("a", exchange), ("b", exchange)]


def test_failing_sink_is_logged_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[Exchange] = []

    def fails(exchange: Exchange) -> None:
        raise OSError("disk full")

    publish(new_exchange(), (fails, seen.append, fails))
    assert len(seen) == 1
    assert [record.getMessage() for record in caplog.records] == ["sink_failed"] * 2
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert caplog.records[0].__dict__["request_id"] == "req_1"


def test_no_sink_is_no_work() -> None:
    publish(new_exchange(), ())
