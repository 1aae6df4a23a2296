"""A stream that breaks off in the middle goes on at another upstream, where a pool allows it."""

import json
from collections.abc import Iterator

import pytest

from tests.fakes import (
    FakeUpstream,
    Script,
    chat_chunk,
    close,
    done,
    rst,
    send,
    sse,
    sse_head,
)
from tests.fakes import chunked as in_chunks
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.surface import Body

USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


@pytest.fixture(scope="module")
def fakes() -> Iterator[tuple[FakeUpstream, FakeUpstream]]:
    with FakeUpstream() as first, FakeUpstream() as second:
        yield first, second


@pytest.fixture(scope="module")
def gateway(fakes: tuple[FakeUpstream, FakeUpstream], server: str) -> Iterator[Gateway]:
    urls = [fake.url for fake in fakes]
    pools = [
        pool_of(f"{way}-{number}", *urls) | {"rescue": way}
        for way in ("continue", "prefill", "off")
        for number in range(9)
    ]
    with serving({"pools": pools}, server=server) as running:
        yield running


def _event(delta: Body, finish: str | None = None, **fields: object) -> bytes:
    return in_chunks(sse(chat_chunk(delta, finish) | fields))


def _broken(*texts: str) -> Script:
    """Says `texts` and breaks off."""
    events = [_event({"role": "assistant", "content": ""})]
    events += [_event({"content": text}) for text in texts]
    return [send(sse_head() + b"".join(events)), rst()]


def _rest(*texts: str) -> Script:
    """Another server's answer: other id, a role again, the end and the usage."""
    other = {"id": "chatcmpl-other", "created": 1}
    events = [_event({"role": "assistant", "content": ""}, **other)]
    events += [_event({"content": text}, **other) for text in texts]
    events += [_event({}, "stop", **other)]
    events += [in_chunks(sse(chat_chunk({}) | other | {"choices": [], "usage": USAGE}))]
    return [send(sse_head() + b"".join(events) + in_chunks(done())), close()]


def _ask(gateway: Gateway, model: str, **fields: object) -> tuple[list[Body], str]:
    """The chunks of a stream, and its last line."""
    body = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": "Count"}],
        **fields,
    }
    answer = gateway.post("/api/v1/chat/completions", body)
    assert answer.status_code == 200
    lines = [line for line in answer.text.split("\n\n") if line]
    chunks = [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]
    return chunks, lines[-1]


def _text(chunks: list[Body]) -> str:
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk.get("choices", ())
    )


def _said_to(fake: FakeUpstream) -> Body:
    """The last chat request that `fake` got."""
    return fake.journal[-1].json()


def test_stream_goes_on_as_one_answer(
    gateway: Gateway, fakes: tuple[FakeUpstream, FakeUpstream]
) -> None:
    first, second = fakes
    first.chat(_broken("one ", "two "))
    second.chat(_rest("three ", "four"))
    chunks, last = _ask(gateway, "continue-0")
    assert last == "data: [DONE]"
    assert _text(chunks) == "one two three four"
    assert {chunk["id"] for chunk in chunks} == {chunks[0]["id"]}
    assert {chunk["created"] for chunk in chunks} == {chunks[0]["created"]}
    roles = [
        choice["delta"]["role"]
        for chunk in chunks
        for choice in chunk["choices"]
        if "role" in choice["delta"]
    ]
    assert roles == ["assistant"]


def test_words_said_before_count_as_said(
    gateway: Gateway, fakes: tuple[FakeUpstream, FakeUpstream]
) -> None:
    first, second = fakes
    first.chat(_broken("one ", "two "))
    second.chat(_rest("three"))
    chunks, _ = _ask(gateway, "continue-1")
    usage = chunks[-1]["usage"]
    assert usage == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize(
    ("way", "fields"),
    [
        ("continue", {"continue_final_message": True, "add_generation_prompt": False}),
        ("prefill", {}),
    ],
)
def test_other_upstream_gets_what_was_said(
    gateway: Gateway,
    fakes: tuple[FakeUpstream, FakeUpstream],
    way: str,
    fields: Body,
) -> None:
    first, second = fakes
    first.chat(_broken("one ", "two "))
    second.chat(_rest("three"))
    _ask(gateway, f"{way}-2", temperature=0.5)
    sent = _said_to(second)
    assert sent["messages"] == [
        {"role": "user", "content": "Count"},
        {"role": "assistant", "content": "one two "},
    ]
    assert sent["temperature"] == 0.5
    names = ("continue_final_message", "add_generation_prompt")
    assert {name: sent[name] for name in names if name in sent} == fields


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        (3, {"tools": [{"type": "function", "function": {"name": "f"}}]}),
        (4, {"n": 2}),
        (5, {"logprobs": True}),
        (6, {"response_format": {"type": "json_object"}}),
    ],
)
def test_answer_that_is_more_than_text_is_not_continued(
    gateway: Gateway,
    fakes: tuple[FakeUpstream, FakeUpstream],
    number: int,
    fields: Body,
) -> None:
    first, second = fakes
    first.chat(_broken("one "))
    second.chat(_rest("two"))
    before = len(second.journal)
    _, last = _ask(gateway, f"continue-{number}", **fields)
    assert json.loads(last[6:])["error"]["code"] == "upstream_disconnected"
    assert len(second.journal) == before


def test_pool_without_rescue_ends_with_an_error(
    gateway: Gateway, fakes: tuple[FakeUpstream, FakeUpstream]
) -> None:
    first, second = fakes
    first.chat(_broken("one "))
    second.chat(_rest("two"))
    _, last = _ask(gateway, "off-0")
    assert json.loads(last[6:])["error"]["code"] == "upstream_disconnected"


def test_answer_that_breaks_at_both_ends_with_one_error(
    gateway: Gateway, fakes: tuple[FakeUpstream, FakeUpstream]
) -> None:
    first, second = fakes
    first.chat(_broken("one "))
    second.chat(_broken("two "))
    chunks, last = _ask(gateway, "prefill-3")
    assert _text(chunks) == "one two "
    assert json.loads(last[6:])["error"]["type"] == "upstream_error"
    assert sum("error" in chunk for chunk in chunks) == 1
