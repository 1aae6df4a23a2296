"""What becomes of a call that its server refused: only what we wrote is ever changed."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.messages import Request
from llmwrap.canonical.tasks import Chat, Message, Sampling, Target, Text
from llmwrap.canonical.tasks import TextCompletion as Completion
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Call
from llmwrap.errors import ModelLoading, UpstreamError, UpstreamRefusal

OPENAI, OLLAMA = DIALECTS["openai"], DIALECTS["ollama"]
TURNS = (Message("user", (Text("hi"),)),)


def sent(call: Call | None) -> dict[str, Any]:
    assert call
    body: dict[str, Any] = orjson.loads(call.body)
    return body


def refused(message: str, status: int = 400) -> UpstreamRefusal:
    return UpstreamRefusal(status, "invalid_value", message)


def passed_on(**fields: Any) -> Call:
    body = {"messages": [], "stream": True, **fields}
    return OPENAI.render_call(Request("chat", "m", stream=True, body=body), "m", {})


def chat_of(most: int | None = None) -> Call:
    task = Chat(TURNS, sampling=Sampling(max_tokens=most))
    (call,) = OPENAI.render_task(task, Target("m"), stream=True)
    return call


def completion_of(prompt: str) -> Call:
    (call,) = OPENAI.render_task(Completion((prompt,)), Target("m"), stream=False)
    return call


UNKNOWN = [
    b'{"error":{"message":"Unrecognized request argument supplied: stream_options"}}',
    b'{"error":{"message":"Unknown parameter","param":"stream_options"}}',
    b'{"error":"Argument not supported: stream_options"}',
    b'{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],'
    b'"msg":"Extra inputs are not permitted"}]}',
]


@pytest.mark.parametrize("told", UNKNOWN)
@pytest.mark.parametrize("call", [passed_on(), chat_of()], ids=["passed", "translated"])
def test_stream_options_that_the_server_does_not_know_are_left_out(
    told: bytes, call: Call
) -> None:
    again = OPENAI.mended(call, OPENAI.read_error(422, told))
    whole = sent(call)
    assert whole.pop("stream_options") == {"include_usage": True}
    assert sent(again) == whole


def test_stream_options_of_the_client_are_its_own() -> None:
    call = passed_on(stream_options={"include_usage": False})
    assert OPENAI.mended(call, refused("unknown: stream_options")) is None


def test_other_refusals_are_final() -> None:
    assert OPENAI.mended(passed_on(), refused("bad temperature")) is None
    assert OPENAI.mended(chat_of(9), UpstreamError("stream_options max_tokens")) is None
    assert (
        OPENAI.mended(chat_of(), refused("maximum context length is 9 tokens")) is None
    )


STATED = [
    "This model's maximum context length is 4096 tokens. However, you requested 5096 tokens"
    " (96 in the prompt, 5000 in the completion).",
    "This model's maximum context length is 4096 tokens, however you requested 5096 tokens"
    " (96 in your prompt; 5000 for the completion).",
    "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum"
    " context length is 4096 tokens and your request has 96 input tokens (5000 > 4096 - 96).",
]
"""OpenAI and vLLM 0.4, OpenAI's completions, vLLM 0.8."""

COUNTED_IN_PART = (
    "This model's maximum context length is 4096 tokens. However, you requested 4000 output"
    " tokens and your prompt contains at least 97 input tokens, for a total of at least 4097"
    " tokens."
)
"""vLLM 0.20."""


@pytest.mark.parametrize("told", STATED)
def test_completion_gets_the_length_that_the_refusal_leaves(told: str) -> None:
    assert sent(OPENAI.mended(completion_of("x"), refused(told)))["max_tokens"] == 4000


@pytest.mark.parametrize(("size", "left"), [(10, 3999), (4096, 2048)])
def test_prompt_that_was_not_counted_to_its_end_is_estimated(
    size: int, left: int
) -> None:
    again = OPENAI.mended(completion_of("x" * size), refused(COUNTED_IN_PART))
    assert sent(again)["max_tokens"] == left


@pytest.mark.parametrize("told", [*STATED, COUNTED_IN_PART])
def test_chat_that_asked_for_too_much_gets_what_there_is(told: str) -> None:
    call = chat_of(5000)
    whole = sent(call)
    assert whole.pop("max_tokens") == 5000
    assert sent(OPENAI.mended(call, refused(told))) == whole


def test_prompt_that_is_too_long_itself_is_refused() -> None:
    told = STATED[0].replace("96 in", "4096 in")
    assert OPENAI.mended(completion_of("x"), refused(told)) is None


def test_length_that_the_client_wrote_is_its_own() -> None:
    call = passed_on(max_tokens=5000)
    assert OPENAI.mended(call, refused(STATED[0])) is None


THINKING = [
    '"llama3.1:8b" does not support thinking',
    'think value "medium" is not supported for this model',
]


@pytest.mark.parametrize("told", THINKING)
def test_model_that_cannot_think_is_asked_without(told: str) -> None:
    (call,) = OLLAMA.render_task(Chat(TURNS, think="medium"), Target("m"), stream=True)
    whole = sent(call)
    assert whole.pop("think") == "medium"
    assert sent(OLLAMA.mended(call, refused(told))) == whole


def test_ollama_client_is_told_that_its_model_cannot_think() -> None:
    body = {"messages": [], "think": True}
    request = Request("chat", "m", stream=True, body=body, form="chat")
    call = OLLAMA.render_call(request, "m", {})
    assert OLLAMA.mended(call, refused(THINKING[0])) is None


def test_call_without_a_word_of_thinking_is_not_mended() -> None:
    (call,) = OLLAMA.render_task(Chat(TURNS), Target("m"), stream=True)
    assert OLLAMA.mended(call, refused(THINKING[0])) is None


def test_server_that_loaded_the_model_is_asked_once_more() -> None:
    (call,) = OLLAMA.render_task(Chat(TURNS), Target("m"), stream=True)
    assert OLLAMA.mended(call, ModelLoading("it loaded")) == call
