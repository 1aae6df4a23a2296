"""JSON of upstreams that is none to strict readers: read all the same, and written strictly."""

from typing import Any

import orjson
import pytest

from llmwrap.canonical.answers import fold
from llmwrap.canonical.messages import Request
from llmwrap.dialects.openai import OpenAI
from llmwrap.dialects.upstream_json import read_odd
from llmwrap.errors import UpstreamProtocolError, UpstreamRefusal
from tests.dialects import ollama
from tests.dialects.streams import run_stream, stream_request
from tests.fakes import whatwg_payloads

DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":NaN,"b":[Infinity,1e400,-1.5]}', {"a": None, "b": [None, None, -1.5]}),
        (
            b'{"logprobs":{"content":[{"logprob":-Infinity,"x":NaN}]},"y":NaN}',
            {"logprobs": {"content": [{"logprob": -9999.0, "x": -9999.0}]}, "y": None},
        ),
        (b'{"\\ud800":"a\\udc00b\\ud83d\\ude42"}', {"\ufffd": "a\ufffdb\U0001f642"}),
        (b"[NaN,18446744073709551616]", [None, 18446744073709551616.0]),
        (b"[NaN,9007199254740993]", [None, 9007199254740993]),
    ],
)
def test_odd_json_can_be_written_strictly(data: bytes, value: Any) -> None:
    assert read_odd(data, "x") == value
    assert orjson.loads(orjson.dumps(read_odd(data, "x"))) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{'a':1}",
        b"[" * 100_000,
        b"[" * 900 + b"NaN" + b"]" * 900,
        b"9" * 5000,
        b'"\xff"',
        "{}".encode("utf-16"),
    ],
    ids=lambda data: repr(data[:8]),
)
def test_what_is_no_json_at_all_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(UpstreamProtocolError, match="sent x that is not JSON"):
        read_odd(data, "x")


TOKEN = b'{"token":"a","logprob":-Infinity,"bytes":null,"top_logprobs":[]}'
CHUNK = (
    b'{"object":"chat.completion.chunk","model":"asked-for","choices":[{"index":0,'
    b'"delta":{"content":"\\ud800a"},"logprobs":{"content":[' + TOKEN + b"]},"
    b'"finish_reason":"stop"}]}'
)


def test_odd_event_leaves_as_strict_json() -> None:
    told = run_stream(stream_request(), [b"data: " + CHUNK + b"\n\n" + DONE])
    assert told.failure is None
    (payload,) = whatwg_payloads(told.sent.removesuffix(DONE))
    (choice,) = orjson.loads(payload)["choices"]
    assert choice["delta"] == {"content": "\ufffda"}
    assert choice["logprobs"]["content"][0]["logprob"] == -9999.0


def test_odd_plain_answer_leaves_as_strict_json() -> None:
    message = CHUNK.replace(b"delta", b"message").replace(b".chunk", b"")
    request = Request("chat", "asked-for", stream=False, body={})
    body, events = OpenAI().pass_answer(request, message)
    (choice,) = orjson.loads(body)["choices"]
    assert choice["message"] == {"content": "\ufffda"}
    (read,) = fold(events).choices
    assert (read.text, read.logprobs[0].logprob) == ("\ufffda", -9999.0)


LINE = b'{"model":"m","message":{"role":"assistant","content":"\\ud800a"},"done":%s}\n'


def test_odd_line_leaves_as_strict_json() -> None:
    out = ollama.passed(ollama.chat(), LINE % b"false" + LINE % b"true")
    for line in ollama.lines_of(out):
        assert line["message"]["content"] == "\ufffda"


def test_odd_answer_of_an_ollama_server_leaves_as_strict_json() -> None:
    body, _ = ollama.OLLAMA.pass_answer(ollama.chat(), LINE % b"true")
    assert orjson.loads(body)["message"]["content"] == "\ufffda"


@pytest.mark.parametrize("row", [b"[1.0,NaN]", b"[-Infinity]"])
def test_vector_of_an_ollama_server_with_a_gap_is_refused(row: bytes) -> None:
    asked = ollama.read("embed", {"model": "m", "input": "a"})
    with pytest.raises(UpstreamRefusal, match="contains NaN or Inf values") as caught:
        ollama.OLLAMA.pass_answer(asked, b'{"embeddings":[' + row + b"]}")
    assert caught.value.status == 400
