"""Ollama's model operations over an upstream that speaks OpenAI's dialect.

Contract cases C06, C08, C10, C11, C31, C35, C37-C40, C50.
"""

import json
from typing import Any

import ollama
import pytest

from tests.fakes import (
    LAST_CHUNK,
    chat_chunk,
    chat_events,
    chunked,
    json_answer,
    send,
    sse,
    sse_head,
    stream,
)
from tests.faults.wire import read_to, request_bytes
from tests.web.faults import Pair
from tests.web.ollama_surface import JSON, client, lines, problem
from tests.web.surface import CHAT, EMBED, Stage, completion_of

API = "/ollama/api"
HI = [{"role": "user", "content": "Hi"}]

TIMES = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")


def chat(model: str = CHAT, **fields: Any) -> dict[str, Any]:
    """A minimal request for `/api/chat`."""
    return {"model": model, "messages": HI, **fields}


@pytest.mark.parametrize("name", [CHAT, f"{CHAT}:latest", CHAT.upper()])
def test_chat_is_a_stream_of_lines_unless_told_otherwise(
    stage: Stage, name: str
) -> None:
    answer = stage.gateway.post(f"{API}/chat", chat(name))
    *parts, last = lines(answer)
    assert [part["message"] for part in parts] == [
        {"role": "assistant", "content": "Hel"},
        {"role": "assistant", "content": "lo"},
    ]
    assert {part["done"] for part in parts} == {False}
    assert last["message"] == {"role": "assistant", "content": ""}
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert {part["model"] for part in (*parts, last)} == {name}
    assert all(type(last[key]) is int for key in TIMES if key in last)
    sent = stage.chat.request.json()
    assert (sent["model"], sent["messages"], sent["stream"]) == (CHAT, HI, True)


def test_no_part_of_a_stream_took_no_time(stage: Stage) -> None:  # C53
    """The clock counts finer than a local model answers: in no milliseconds at all, say."""
    ends = [lines(stage.gateway.post(f"{API}/chat", chat()))[-1] for _ in range(5)]
    assert all(end[name] > 0 for end in ends for name in TIMES)
    assert any(end["prompt_eval_duration"] % 1_000_000 for end in ends)


def test_plain_chat_is_one_object(stage: Stage) -> None:
    answer = stage.gateway.post(f"{API}/chat", chat(stream=False))
    assert answer.headers["Content-Type"] == JSON
    told = answer.json()
    assert told["message"] == {"role": "assistant", "content": "Hello"}
    assert (told["done"], told["done_reason"]) == (True, "stop")
    assert (told["prompt_eval_count"], told["eval_count"]) == (3, 2)
    assert stage.chat.request.json()["stream"] is False


def test_body_is_read_whatever_its_content_type(stage: Stage) -> None:
    body = json.dumps(chat(stream=False)).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = stage.gateway.post(f"{API}/chat", body, headers=headers)
    assert answer.json()["message"]["content"] == "Hello"


def test_generation_answers_in_a_field_of_its_own(stage: Stage) -> None:
    body = {"model": CHAT, "prompt": "Hi", "system": "Be brief", "stream": False}
    answer = stage.gateway.post(f"{API}/generate", body)
    assert answer.headers["Content-Type"] == JSON
    told = answer.json()
    assert told["response"] == "Hello"
    assert "message" not in told
    assert stage.chat.request.json()["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Hi"},
    ]


def test_raw_prompt_goes_up_as_it_is(stage: Stage) -> None:
    raw = json_answer(200, completion_of("lo"))
    stage.chat.fake.on("POST", "/v1/completions", raw)
    body = {"model": CHAT, "prompt": "<s>Hel", "raw": True, "stream": False}
    told = stage.gateway.post(f"{API}/generate", body).json()
    assert told["response"] == "lo"
    assert "context" not in told
    assert stage.chat.request.json()["prompt"] == "<s>Hel"


def test_vectors_have_length_one_and_the_older_ones_are_as_they_come(
    stage: Stage,
) -> None:
    body = {"model": f"{EMBED}:latest", "input": ["a", "b"]}
    answer = stage.gateway.post(f"{API}/embed", body)
    assert answer.headers["Content-Type"] == JSON
    told = answer.json()
    assert told["model"] == f"{EMBED}:latest"
    first, second = told["embeddings"]
    assert first == pytest.approx([0.0, 1.0])
    assert sum(value * value for value in second) == pytest.approx(1.0)
    assert second[0] == pytest.approx(2 * second[1])
    body = {"model": EMBED, "prompt": "a"}
    answer = stage.gateway.post(f"{API}/embeddings", body)
    assert answer.headers["Content-Type"] == JSON
    assert answer.json() == {"embedding": [0.0, 0.5]}


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    ("theirs", "ours"), [(400, 400), (422, 400), (401, 502), (403, 502), (413, 413)]
)
def test_refusal_of_an_upstream_is_a_status_and_a_text(
    alone: Pair, streamed: bool, theirs: int, ours: int
) -> None:
    said = {"error": {"message": "too odd", "type": "x", "code": None}}
    alone.first.fake.chat(json_answer(theirs, said))
    answer = alone.gateway.post(f"{API}/chat", chat(alone.model, stream=streamed))
    assert problem(answer, ours)
    assert (ours == 502) == ("too odd" not in answer.text)


def test_model_that_the_upstream_has_lost_is_not_found(alone: Pair) -> None:
    lost = json_answer(404, {"error": {"message": "no such model at http://x"}})
    alone.first.fake.chat(lost)
    for _ in range(2):
        answer = alone.gateway.post(f"{API}/chat", chat(alone.model))
        assert problem(answer, 404) == f"model '{alone.model}' not found"
    assert alone.asked == (1, 0)


def test_error_in_the_middle_of_a_stream_is_its_last_line(stage: Stage) -> None:
    events = [*chat_events("Hel", "lo")[:3], sse({"error": {"message": "boom"}})]
    stage.chat.fake.chat(stream(events))
    *parts, last = lines(stage.gateway.post(f"{API}/chat", chat()))
    assert "".join(part["message"]["content"] for part in parts) == "Hello"
    assert last == {"error": "boom"}


def test_stream_that_breaks_off_ends_with_an_error(stage: Stage) -> None:
    stage.chat.fake.chat(stream([sse(chat_chunk({"content": "Hel"}))]))
    first, last = lines(stage.gateway.post(f"{API}/chat", chat()))
    assert first["message"]["content"] == "Hel"
    assert set(last) == {"error"}


@pytest.mark.parametrize("base", ["/ollama", "/ollama/", "/ollama/key/any-key"])
def test_official_client_gets_its_answers(stage: Stage, base: str) -> None:
    with client(stage.gateway, base) as asking:
        told = asking.chat(CHAT, HI)
        assert (told.message.content, told.done_reason) == ("Hello", "stop")
        parts = [part.message.content for part in asking.chat(CHAT, HI, stream=True)]
        assert parts == ["Hel", "lo", ""]
        assert asking.generate(CHAT, "Hi").response == "Hello"
        assert len(asking.embed(EMBED, ["a", "b"]).embeddings) == 2
        assert list(asking.embeddings(EMBED, "a").embedding) == [0.0, 0.5]


def test_official_client_raises_what_a_stream_ends_with(stage: Stage) -> None:
    events = [*chat_events("Hel")[:2], sse({"error": {"message": "boom"}})]
    stage.chat.fake.chat(stream(events))
    with client(stage.gateway) as asking:
        parts = asking.chat(CHAT, HI, stream=True)
        assert next(parts).message.content == "Hel"
        with pytest.raises(ollama.ResponseError, match="boom"):
            next(parts)


def test_every_line_is_a_piece_of_its_own(stage: Stage) -> None:
    """Several came at once; there are clients that take each piece for one document."""
    events = b"".join(chat_events("a", "b", "c"))
    stage.chat.fake.chat([send(sse_head() + chunked(events) + LAST_CHUNK)])
    with stage.gateway.raw() as sock:
        sock.sendall(request_bytes(f"{API}/chat", chat()))
        rest = read_to(sock, LAST_CHUNK).partition(b"\r\n\r\n")[2]
    pieces = []
    while rest != LAST_CHUNK:
        size, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    told = [json.loads(piece) for piece in pieces]
    assert [each["message"]["content"] for each in told] == ["a", "b", "c", ""]
    assert all(piece.endswith(b"}\n") for piece in pieces)
