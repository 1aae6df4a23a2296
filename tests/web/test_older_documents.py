"""Where `/v1`, its gateway spellings and the root differ from the newer prefixes.

Acceptance 10, 12, 13, 42; statuses of failures are in `test_upstream_errors`.
"""

import json
from typing import Any

import pytest

from tests.fakes import (
    chat_answer,
    chat_chunk,
    done,
    json_answer,
    sse,
    stream,
)
from tests.web.surface import (
    NEWER,
    OLDER,
    Body,
    Stage,
    chat_body,
    payloads,
    refusal,
)

NEW = tuple(prefix for prefix in NEWER if prefix not in ("/embed/v1", "/code/v1"))

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

NO_USER_INPUT: list[list[Body]] = [
    [],
    [{"role": "system", "content": "Be brief."}],
    [{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": "   \n\t"}],
    [{"role": "user", "content": None}],
    [{"role": "user"}],
    [{"role": "user", "content": []}],
    [{"role": "user", "content": [{"type": "text", "text": " "}]}],
    [{"role": "user", "content": [{"type": "text"}]}],
]


def ask(stage: Stage, prefix: str, **fields: Any) -> Any:
    return stage.gateway.post(f"{prefix}/chat/completions", chat_body(**fields))


@pytest.mark.parametrize("prefix", OLDER)
def test_chat_without_user_input_is_400(stage: Stage, prefix: str) -> None:
    """Acceptance 10."""
    for messages in NO_USER_INPUT:
        error = refusal(ask(stage, prefix, messages=messages), 400)
        assert error["message"] == "No valid user input provided"
        assert error["param"] == "messages"
    assert stage.asked == 0


@pytest.mark.parametrize("prefix", NEW)
def test_newer_prefix_leaves_the_content_to_the_upstream(
    stage: Stage, prefix: str
) -> None:
    for messages in NO_USER_INPUT[1:]:
        assert ask(stage, prefix, messages=messages).status_code == 200
    assert stage.asked == len(NO_USER_INPUT) - 1


@pytest.mark.parametrize("content", ["x", [IMAGE], [{"type": "text", "text": "x"}]])
@pytest.mark.parametrize("prefix", OLDER)
def test_text_or_image_of_a_user_is_input(
    stage: Stage, prefix: str, content: object
) -> None:
    messages = [{"role": "user", "content": content}, {"role": "user", "content": ""}]
    assert ask(stage, prefix, messages=messages).status_code == 200


@pytest.mark.parametrize("prefix", OLDER)
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {"temperature": 0.7, "top_p": 1.0}),
        ({"temperature": None, "top_p": None}, {"temperature": 0.7, "top_p": 1.0}),
        ({"temperature": 0}, {"temperature": 0, "top_p": 1.0}),
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2, "top_p": 0.9}),
    ],
)
def test_absent_sampling_gets_the_documented_defaults(
    stage: Stage, prefix: str, given: Body, sent: Body
) -> None:
    ask(stage, prefix, **given)
    request = stage.chat.request.json()
    assert {name: request[name] for name in ("temperature", "top_p")} == sent


@pytest.mark.parametrize("prefix", NEW)
def test_newer_prefix_adds_no_sampling(stage: Stage, prefix: str) -> None:
    ask(stage, prefix)
    assert stage.chat.request.json() == chat_body()


def message_answer(**message: Any) -> Body:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "x", "object": "chat.completion", "created": 1, "choices": [choice]}


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}

EMPTY = [
    message_answer(role="assistant", content=""),
    message_answer(role="assistant", content=None),
    message_answer(role="assistant", content=" \n"),
    message_answer(role="assistant", content="", tool_calls=[]),
    message_answer(role="assistant"),
    {"choices": []},
]

NOT_EMPTY = [
    message_answer(role="assistant", content="a"),
    message_answer(role="assistant", content=None, tool_calls=[CALL]),
    message_answer(role="assistant", content="", tool_calls=[CALL]),
    message_answer(role="assistant", content=None, function_call=CALL["function"]),
    message_answer(role="assistant", content=None, refusal="no"),
    message_answer(role="assistant", content=None, reasoning_content="hm"),
    message_answer(role="assistant", content=None, reasoning="hm"),
]


@pytest.mark.parametrize("prefix", OLDER)
@pytest.mark.parametrize("said", EMPTY)
def test_empty_answer_is_422(stage: Stage, prefix: str, said: Body) -> None:
    """Acceptance 12."""
    stage.chat.fake.chat(json_answer(200, said))
    error = refusal(ask(stage, prefix), 422)
    assert error["code"] == "empty_response"
    assert stage.asked == 1


@pytest.mark.parametrize("prefix", NEW)
@pytest.mark.parametrize("said", EMPTY)
def test_empty_answer_passes_on_newer_prefixes(
    stage: Stage, prefix: str, said: Body
) -> None:
    stage.chat.fake.chat(json_answer(200, said))
    answer = ask(stage, prefix)
    assert answer.status_code == 200
    assert answer.json()["choices"] == said["choices"]


@pytest.mark.parametrize("prefix", OLDER)
@pytest.mark.parametrize("said", NOT_EMPTY)
def test_answer_with_anything_in_it_passes(
    stage: Stage, prefix: str, said: Body
) -> None:
    stage.chat.fake.chat(json_answer(200, said))
    answer = ask(stage, prefix)
    assert answer.status_code == 200
    assert answer.json()["choices"] == said["choices"]


def stream_of(*deltas: Body, reason: str = "stop") -> list[bytes]:
    chunks = [
        chat_chunk({"role": "assistant", "content": ""}),
        *map(chat_chunk, deltas),
    ]
    return [*map(sse, chunks), sse(chat_chunk({}, reason)), done()]


@pytest.mark.parametrize("prefix", OLDER)
@pytest.mark.parametrize("deltas", [[], [{"content": ""}], [{"content": None}] * 3])
def test_empty_stream_is_422_and_no_stream(
    stage: Stage, prefix: str, deltas: list[Body]
) -> None:
    stage.chat.fake.chat(stream(stream_of(*deltas)))
    error = refusal(ask(stage, prefix, stream=True), 422)
    assert error["code"] == "empty_response"
    assert stage.asked == 1


@pytest.mark.parametrize("prefix", NEW)
def test_empty_stream_passes_on_newer_prefixes(stage: Stage, prefix: str) -> None:
    stage.chat.fake.chat(stream(stream_of()))
    answer = ask(stage, prefix, stream=True)
    assert answer.status_code == 200
    assert payloads(answer.content)[-1] == "[DONE]"


@pytest.mark.parametrize("prefix", OLDER)
@pytest.mark.parametrize(
    "delta",
    [
        {"content": "a"},
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, **CALL}]},
        {"function_call": {"name": "f", "arguments": ""}},
    ],
)
def test_stream_with_anything_in_it_passes_whole(
    stage: Stage, prefix: str, delta: Body
) -> None:
    """What was held back leaves first."""
    stage.chat.fake.chat(stream(stream_of(delta)))
    answer = ask(stage, prefix, stream=True)
    assert answer.status_code == 200
    role, said, finish, last = payloads(answer.content)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert said["choices"][0]["delta"] == delta
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert last == "[DONE]"


def test_all_spellings_of_the_service_give_one_answer(stage: Stage) -> None:
    stage.chat.fake.chat(chat_answer("Hello"))
    answers = [ask(stage, prefix) for prefix in OLDER]
    assert len({answer.content for answer in answers}) == 1
    assert len({request.body for request in stage.chat.requests}) == 1


def test_text_completion_may_be_empty(stage: Stage) -> None:
    """The 422 of reference document 000 is about chats."""
    said = {"object": "text_completion", "choices": [{"index": 0, "text": ""}]}
    stage.chat.fake.on("POST", "/v1/completions", json_answer(200, said))
    body = json.dumps({"model": "Mistral-Small", "prompt": "Hi"}).encode()
    assert stage.gateway.post("/v1/completions", body).status_code == 200
