"""An upstream's JSON of any shape is read or refused with our own errors, never a crash."""

from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmwrap.canonical.messages import Operation, Request
from llmwrap.dialects.openai import OpenAI
from llmwrap.errors import GatewayError
from tests.dialects.streams import run_stream, stream_request

DIALECT = OpenAI()

scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8)
) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def _objects(*names: str, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with some of these keys; a known one mostly holds what it should."""
    optional = dict.fromkeys(names, values)
    optional |= {name: values | kind | kind | kind for name, kind in known.items()}
    return st.fixed_dictionaries({}, optional=optional)


def _lists(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values | item | item, max_size=3)


calls = _lists(_objects("index", "id", function=_objects("name", "arguments")))
said = _objects(
    "role",
    "content",
    "reasoning",
    "refusal",
    "audio",
    "function_call",
    tool_calls=calls,
)
choices = _lists(_objects("index", "text", "finish_reason", delta=said, message=said))
usage = _objects(
    "prompt_tokens",
    "completion_tokens",
    prompt_tokens_details=_objects("cached_tokens"),
    completion_tokens_details=_objects("reasoning_tokens"),
)
errors = _objects("message", "type", "code", "param", "status", detail=_lists(values))
rows = _lists(_objects("id", "created", "embedding", "index"))
answers = _objects(
    "id", "object", "model", error=errors, choices=choices, usage=usage, data=rows
)


@settings(max_examples=300, deadline=None)
@given(st.lists(answers, min_size=1, max_size=3))
def test_stream_of_any_objects_is_read_or_refused(chunks: list[Any]) -> None:
    stream = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in chunks)
    told = run_stream(stream_request(), [stream])
    assert told.failure is None or issubclass(told.failure[0], GatewayError)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["chat", "text_completion", "embeddings"]), answers, st.booleans()
)
@example("chat", {"choices": True}, False)
def test_plain_answer_of_any_object_is_read_or_refused(
    operation: Operation, answer: Any, base64: bool
) -> None:
    request = Request(operation, "m", stream=False, body={"input": "x"}, base64=base64)
    try:
        body, _ = DIALECT.pass_answer(request, orjson.dumps(answer))
    except GatewayError:
        return
    assert orjson.loads(body)["model"] == "m"


@settings(max_examples=300, deadline=None)
@given(st.integers(100, 599), values | errors | answers)
def test_error_of_any_shape_is_an_error_with_text(status: int, answer: Any) -> None:
    error = DIALECT.read_error(status, orjson.dumps(answer))
    assert error.message
    assert 400 <= error.status < 600


@settings(max_examples=200, deadline=None)
@given(values | answers)
def test_model_list_of_any_shape_is_read_or_refused(answer: Any) -> None:
    try:
        models = DIALECT.read_models(orjson.dumps(answer))
    except GatewayError:
        return
    assert all(model.id and model.created >= 0 for model in models)


def test_error_that_nests_endlessly_has_our_own_text() -> None:
    body = b'{"error":' * 900 + b'"deep"' + b"}" * 900
    told = "the upstream failed with status 500, without a word"
    assert DIALECT.read_error(500, body).message == told
