"""Tokens and requests at once, at the HTTP surface: from the first byte to the last."""

import threading
from collections.abc import Iterator

import pytest

from tests.fakes import (
    LAST_CHUNK,
    Recorded,
    Step,
    chat_chunk,
    chunked,
    done,
    json_answer,
    send,
    sse,
    sse_head,
    wait,
)
from tests.fakes.connection import Connection
from tests.server.running import eventually
from tests.web.limited import Limited, limited
from tests.web.surface import refusal, reset

TOKENS = 10_000
AT_ONCE = 2


@pytest.fixture(scope="module")
def ground(server: str) -> Iterator[Limited]:
    with limited(server, tokens_per_minute=TOKENS, concurrent_requests=AT_ONCE) as made:
        yield made


@pytest.fixture(autouse=True)
def plain_upstream(ground: Limited) -> None:
    reset(ground.upstream)


def tokens_left(ground: Limited, user: dict[str, str]) -> int:
    """What is left of the minute, told by a request that no upstream sees."""
    answer = ground.chat(user, model="nobody-has-it", max_tokens=1)
    told = answer.headers["x-ratelimit-remaining-tokens"]
    size = len(answer.request.body)
    return int(told) + size // 4 + 1


def settled(ground: Limited, user: dict[str, str], left: int) -> None:
    """Return once so much is left: it is settled after the answer's last byte."""
    eventually(lambda: tokens_left(ground, user) == left)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_costs_the_tokens_that_its_upstream_counted(
    ground: Limited, stream: bool
) -> None:
    user = ground.newcomer()
    usage = {"prompt_tokens": 300, "completion_tokens": 45, "total_tokens": 345}

    def counted(request: Recorded) -> list[Step]:
        if not request.json().get("stream"):
            body = {"object": "chat.completion", "model": "x", "usage": usage}
            message = {"role": "assistant", "content": "Hello"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return json_answer(200, body | {"choices": [choice]})
        end = chat_chunk({}, "stop") | {"usage": usage}
        events = sse(chat_chunk({"content": "Hello"})), sse(end), done()
        return [send(sse_head() + b"".join(map(chunked, events)) + LAST_CHUNK)]

    ground.upstream.chat(counted)
    answer = ground.chat(user, max_tokens=5000, stream=stream)
    assert answer.status_code == 200
    assert answer.headers["x-ratelimit-limit-tokens"] == str(TOKENS)
    assert TOKENS - 5100 < int(answer.headers["x-ratelimit-remaining-tokens"]) < 5000
    settled(ground, user, TOKENS - 345)


def test_who_leaves_before_the_count_pays_for_what_was_delivered(
    ground: Limited,
) -> None:
    user, gone, frames = ground.newcomer(), threading.Semaphore(0), 3000
    part = chunked(sse(chat_chunk({"content": "a"}))) * frames
    _, flood = endless(gone)
    ground.upstream.chat([send(sse_head() + part), flood])
    body = _stream_body() | {"metadata": {"max_tokens": 1}}
    answer = ground.gateway.post(
        "/api/v1/chat/completions", body, headers=user, stream=True
    )
    size = len(answer.request.body)
    told = int(answer.headers["x-ratelimit-remaining-tokens"])
    assert told == TOKENS - size // 4 - 512
    seen, pieces = b"", answer.iter_content(None)
    while seen.count(b'"content"') < frames:
        seen += next(pieces)
    answer.close()
    assert gone.acquire(timeout=10)
    most = TOKENS - size // 4 - frames
    eventually(lambda: most - 1000 < tokens_left(ground, user) <= most)


def test_requests_that_ask_for_too_much_together_are_429(ground: Limited) -> None:
    user = ground.newcomer()
    gate, held = threading.Event(), []

    def slow(request: Recorded) -> list[Step]:
        return [wait(gate), *json_answer(503, {})]

    ground.upstream.chat(slow)
    thread = threading.Thread(
        target=lambda: held.append(ground.chat(user, max_tokens=9000))
    )
    before = len(ground.upstream.journal)
    thread.start()
    ground.upstream.wait_for_requests(before + 1)
    refused = ground.chat(user, max_tokens=1000)
    error = refusal(refused, 429)
    assert (error["type"], error["code"]) == (
        "rate_limit_error",
        "token_limit_exceeded",
    )
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    gate.set()
    thread.join()
    settled(ground, user, TOKENS)


def test_an_error_costs_no_tokens(ground: Limited) -> None:
    user = ground.newcomer()
    assert refusal(ground.chat(user, max_tokens=4000, temperature=9), 400)
    settled(ground, user, TOKENS)


def test_lists_take_no_tokens(ground: Limited) -> None:
    answer = ground.gateway.get("/v1/models", headers=ground.newcomer())
    assert "x-ratelimit-limit-tokens" not in answer.headers


def streaming(gate: threading.Event) -> list[Step]:
    """A stream that goes on once the gate is open."""
    part = chunked(sse(chat_chunk({"content": "a"})))
    rest = chunked(sse(chat_chunk({}, "stop"))) + chunked(done()) + LAST_CHUNK
    return [send(sse_head() + part), wait(gate), send(rest)]


def test_third_request_at_once_is_429_until_one_has_ended(ground: Limited) -> None:
    user, gate = ground.newcomer(), threading.Event()
    ground.upstream.chat(streaming(gate))
    first, second = (
        ground.gateway.post(
            "/api/v1/chat/completions", _stream_body(), headers=user, stream=True
        )
        for _ in range(AT_ONCE)
    )
    refused = ground.chat(user, stream=True)
    error = refusal(refused, 429)
    assert error["code"] == "concurrency_limit_exceeded"
    assert error["message"] == "2 requests are running, and that is the limit"
    assert refused.headers["Retry-After"] == "1"
    other = ground.gateway.get("/v1/models", headers=user)
    assert other.status_code == 200
    gate.set()
    assert first.content.endswith(b"data: [DONE]\n\n")
    assert second.content.endswith(b"data: [DONE]\n\n")
    eventually(lambda: ground.chat(user, stream=True).status_code == 200)


def _stream_body() -> dict[str, object]:
    message = {"role": "user", "content": "Hi"}
    return {"model": "Mistral-Small", "messages": [message], "stream": True}


def endless(gone: threading.Semaphore) -> list[Step]:
    """A stream that goes on as long as there is somebody to read it."""
    part = chunked(sse(chat_chunk({"content": "a"})))

    def flood(connection: Connection) -> None:
        pause = threading.Event()
        while not connection.peer:
            connection.send(part)
            pause.wait(0.005)
        gone.release()

    return [send(sse_head() + part), flood]


def test_clients_that_leave_make_room(ground: Limited) -> None:
    user, gone = ground.newcomer(), threading.Semaphore(0)
    ground.upstream.chat(endless(gone))
    answers = [
        ground.gateway.post(
            "/api/v1/chat/completions", _stream_body(), headers=user, stream=True
        )
        for _ in range(AT_ONCE)
    ]
    for answer in answers:
        answer.close()
        assert gone.acquire(timeout=10)
    reset(ground.upstream)
    eventually(lambda: ground.chat(user).status_code == 200)
