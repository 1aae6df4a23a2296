"""Upstreams that break: another one until the first byte is given (C59)."""

import threading

import pytest

from llmwrap.upstreams.client import STALE_S
from tests.fakes import (
    LAST_CHUNK,
    Step,
    chat_answer,
    chat_chunk,
    chunked,
    close,
    half_close,
    head,
    json_answer,
    rst,
    send,
    sse,
    sse_head,
    stream,
    wait,
)
from tests.gateway import Gateway
from tests.web.faults import Ground, Pair
from tests.web.surface import Body, payloads, refusal

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"

ROLE = sse(chat_chunk({"role": "assistant", "content": ""}))


@pytest.fixture
def gateway(failing: Ground) -> Gateway:
    return failing.gateway


def body_of(model: str, **fields: object) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}


@pytest.mark.parametrize(
    ("copy", "route", "expected", "stream"),
    [
        (0, NEW, 502, False),
        (1, NEW, 502, True),
        (2, OLD, 500, False),
        (3, OLD, 500, True),
    ],
)
@pytest.mark.parametrize(
    ("model", "attempts"),
    [
        ("refusing", "1"),
        ("refusing-twice", "2"),
        ("refusing-four-times", "3"),
        ("hanging", "1"),
        ("no-such-host", "1"),
    ],
)
def test_unreachable_upstreams_are_told_as_such(
    gateway: Gateway,
    model: str,
    attempts: str,
    copy: int,
    route: str,
    expected: int,
    stream: bool,
) -> None:
    """C59; three attempts are the most."""
    answer = gateway.post(route, body_of(f"{model}-{copy}", stream=stream))
    assert refusal(answer, expected)["code"] == "upstream_unreachable"
    assert answer.headers["x-llmwrap-attempts"] == attempts
    assert answer.headers["x-llmwrap-fault"] == "upstream"
    assert answer.headers.get("x-should-retry") == ("false" if attempts > "1" else None)
    assert "127.0.0.1" not in answer.text


def test_models_of_unreachable_upstreams_stay_listed_where_they_are_configured(
    gateway: Gateway,
) -> None:
    listed = [entry["id"] for entry in gateway.get("/v1/models").json()["data"]]
    assert "refusing-0" in listed


BEFORE_THE_FIRST_BYTE: dict[str, list[Step]] = {
    "reset": [rst()],
    "closed": [close()],
    "half_closed": [half_close()],
    "reset_in_the_head": [send(b"HTTP/1.1 200 OK\r\nContent-"), rst()],
    "closed_in_the_head": [send(b"HTTP/1.1 200 OK\r\nContent-Type: text/e"), close()],
    "closed_after_the_head": [send(sse_head()), close()],
    "reset_after_the_head": [send(sse_head()), rst()],
    "half_a_body": [send(head(200, ("Content-Length", "100")) + b'{"id"'), close()],
    "half_a_frame": [send(sse_head() + chunked(ROLE[:20])), close()],
    "comment_alone": [send(sse_head() + chunked(b": hi\n\n") + LAST_CHUNK)],
    "nothing": [send(sse_head() + LAST_CHUNK)],
    "done_alone": [send(sse_head() + chunked(b"data: \n\n")), close()],
    "not_http": [send(b"SSH-2.0-OpenSSH_9.6\r\n"), close()],
    "bad_chunk": [send(sse_head() + b"zz\r\n"), close()],
    "bad_length": [send(head(200, ("Content-Length", "-5"))), close()],
    "two_lengths": [
        send(head(200, ("Content-Length", "5"), ("Content-Length", "6")) + b"{}"),
        close(),
    ],
    "gzip": [
        send(
            head(200, ("Content-Encoding", "gzip"), ("Content-Length", "4"))
            + b"\x1f\x8b\x08\x00"
        )
    ],
    "giant_head": [send(head(200, ("X-Padding", "x" * 100_000))), close()],
    "status_500": json_answer(500, {}),
    "status_502": json_answer(502, {}),
    "status_503": json_answer(503, {}),
    "status_529": json_answer(529, {}),
    "status_429": json_answer(429, {}),
    "error_as_first_event": stream([sse({"error": {"message": "m", "code": 500}})]),
    "first_event_not_json": stream([b"data: {bad\n\n"]),
    "first_event_no_object": stream([b"data: []\n\n"]),
    "html": [send(head(200, ("Content-Type", "text/html"), ("Content-Length", "0")))],
}


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("name", BEFORE_THE_FIRST_BYTE)
def test_another_upstream_serves_what_one_failed_to_begin(
    pair: Pair, name: str, wanted: bool
) -> None:
    pair.first.fake.chat(BEFORE_THE_FIRST_BYTE[name])
    answer = pair.gateway.post(NEW, pair.body(stream=wanted))
    assert answer.status_code == 200
    assert answer.headers["x-llmwrap-attempts"] == "2"
    assert answer.headers["x-llmwrap-upstream"] == f"{pair.model}-1"
    assert pair.asked == (1, 1)
    if wanted:
        assert payloads(answer.content)[-1] == "[DONE]"
    else:
        assert answer.json()["choices"][0]["message"]["content"] == "Hello"


ALONE = {
    "reset": "upstream_disconnected",
    "closed": "upstream_disconnected",
    "half_closed": "upstream_disconnected",
    "half_a_body": "upstream_disconnected",
    "not_http": "upstream_protocol_error",
    "gzip": "upstream_protocol_error",
    "bad_length": "upstream_protocol_error",
    "html": "upstream_protocol_error",
}


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize(("name", "code"), ALONE.items())
def test_failure_of_the_only_upstream_is_502(
    failing: Ground, name: str, code: str, wanted: bool
) -> None:
    alone = failing.alone()
    alone.first.fake.chat(BEFORE_THE_FIRST_BYTE[name])
    answer = alone.gateway.post(NEW, alone.body(stream=wanted))
    assert refusal(answer, 502)["code"] == code
    assert alone.asked == (1, 0)


REFUSALS = [400, 401, 403, 405, 409, 413, 415, 422, 501]
"""401 and 403 because the other upstream has the same key."""


@pytest.mark.parametrize("status", REFUSALS)
def test_refusal_is_not_tried_elsewhere(pair: Pair, status: int) -> None:
    pair.first.fake.chat(json_answer(status, {"error": "no"}))
    answer = pair.gateway.post(NEW, pair.body())
    assert answer.status_code >= 400
    assert answer.headers["x-llmwrap-attempts"] == "1"
    assert pair.asked == (1, 0)


def test_model_that_one_upstream_denies_is_tried_elsewhere(pair: Pair) -> None:
    pair.first.fake.chat(json_answer(404, {"error": "no such model"}))
    answer = pair.gateway.post(NEW, pair.body())
    assert answer.status_code == 200
    assert pair.asked == (1, 1)


def test_model_that_every_upstream_denies_is_404(pair: Pair) -> None:
    for fake in (pair.first.fake, pair.second.fake):
        fake.chat(json_answer(404, {"error": "no such model"}))
    error = refusal(pair.gateway.post(NEW, pair.body()), 404)
    assert (error["param"], error["code"]) == ("model", "model_not_found")
    assert pair.asked == (1, 1)


def test_answer_to_a_half_sent_body_is_told(failing: Ground) -> None:
    """A server that refuses by the head alone, and closes (reliability row 28)."""
    alone = failing.alone()
    fake = alone.first.fake
    fake.before_body("POST", "/v1/completions", json_answer(413, {"error": "too long"}))
    body = {"model": alone.model, "prompt": "x" * 8_000_000}
    answer = alone.gateway.post("/api/v1/completions", body)
    assert refusal(answer, 413)["message"] == "too long"


def test_kept_connection_that_ends_under_a_request_is_replaced_once(
    failing: Ground,
) -> None:
    """Reliability row 6, where the end is seen only after the request was sent."""
    alone = failing.alone()
    alone.first.fake.chat(
        chat_answer("Hello"),
        then=[[close()], chat_answer("Hello"), [close()], [close()]],
    )
    statuses = [alone.gateway.post(NEW, alone.body()).status_code for _ in range(3)]
    assert statuses == [200, 200, 502]
    assert alone.asked == (5, 0)


def test_request_that_may_have_been_worked_on_is_not_sent_there_again(
    failing: Ground,
) -> None:
    """Row 5 and not row 6: so late, the upstream had taken it; it must not run twice."""
    alone, late = failing.alone(), threading.Event()
    alone.first.fake.chat(chat_answer("Hello"), then=[[wait(late), rst()]])
    assert alone.gateway.post(NEW, alone.body()).status_code == 200
    timer = threading.Timer(STALE_S + 0.1, late.set)
    timer.start()
    answer = alone.gateway.post(NEW, alone.body())
    timer.join()
    assert refusal(answer, 502)["code"] == "upstream_disconnected"
    assert alone.asked == (2, 0)


@pytest.mark.parametrize("wanted", [False, True])
def test_connection_that_an_upstream_closed_meanwhile_is_not_noticed(
    failing: Ground, wanted: bool
) -> None:
    """Reliability row 6."""
    alone = failing.alone()
    alone.first.fake.chat([*chat_answer("Hello"), close()], then=[chat_answer("Hello")])
    for _ in range(2):
        answer = alone.gateway.post(NEW, alone.body())
        assert answer.status_code == 200
        assert answer.headers["x-llmwrap-attempts"] == "1"
