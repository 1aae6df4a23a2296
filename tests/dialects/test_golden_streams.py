"""Every golden stream means what the index says, however its bytes are cut.

Streams up to 8 KiB are cut at every offset; the longer ones at every offset within 64 bytes of
an event's start or end, and at every 997th.
"""

from collections.abc import Iterator

import orjson
import pytest

from llmwrap.canonical.events import Usage
from llmwrap.dialects.openai.encoding import DONE
from llmwrap.errors import UpstreamProtocolError
from tests.dialects.streams import (
    ASKED,
    Told,
    put_together,
    run_stream,
    stream_request,
)
from tests.fakes import Golden, load_golden, whatwg_payloads

GOLDEN = load_golden()
EVERY_OFFSET_UP_TO = 8192
NEAR = 64
STRIDE = 997

STATUS_TOLD = {
    "010-openai-error-mid-stream.sse": 502,
    "011-openai-error-first.sse": 429,
    "029-vllm-error-flat.sse": 502,
    "030-vllm-error-nested.sse": 502,
    "031-vllm-error-first.sse": 400,
    "042-llamacpp-error-data.sse": 502,
    "046-tgi-error.sse": 502,
    "047-tgi-error-flat.sse": 502,
    "055-lmstudio-error.sse": 502,
    "061-openrouter-error.sse": 502,
    "076-frame-event-error.sse": 502,
    "131-error-string.sse": 502,
    "132-error-flat-null-code.sse": 502,
    "133-error-after-finish.sse": 502,
    "134-error-twice.sse": 502,
    "135-error-unicode.sse": 503,
}
"""What a client is told where the error is the first event."""

each_golden = pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.file)


def _whole(golden: Golden) -> Told:
    return run_stream(stream_request(golden.operation), [golden.raw])


def _usage(golden: Golden) -> Usage | None:
    told = golden.usage
    if told is None:
        return None
    return Usage(
        told["prompt_tokens"],
        told["completion_tokens"],
        told.get("cached_tokens", 0),
        told.get("reasoning_tokens", 0),
    )


def _offsets(raw: bytes) -> Iterator[int]:
    size = len(raw)
    if size <= EVERY_OFFSET_UP_TO:
        yield from range(1, size)
        return
    edges = [at for at in range(size) if raw.startswith(b"data: ", at)]
    near = {at + step for at in (*edges, size) for step in range(-NEAR, NEAR)}
    yield from sorted(
        at for at in near | set(range(STRIDE, size, STRIDE)) if 0 < at < size
    )


@each_golden
def test_stream_means_what_the_index_says(golden: Golden) -> None:
    told = _whole(golden)
    assert put_together(told.events) == golden.choices
    assert told.usage == _usage(golden)
    assert told.finish_reasons == {
        choice.index: choice.finish_reason
        for choice in golden.choices
        if choice.finish_reason
    }


@each_golden
def test_outcome_is_that_of_the_index(golden: Golden) -> None:
    failure = _whole(golden).failure
    if golden.outcome == "complete":
        assert failure is None
    elif golden.outcome == "protocol_error":
        assert failure
        assert failure[0] is UpstreamProtocolError
    else:
        assert failure
        assert failure[0] is not UpstreamProtocolError
        assert (failure[1], failure[3]) == (
            STATUS_TOLD[golden.file],
            golden.error_message,
        )


@each_golden
def test_client_gets_plain_chunks_and_one_terminator_of_a_complete_stream(
    golden: Golden,
) -> None:
    sent = _whole(golden).sent
    *chunks, end = sent.split(b"\n\n")
    assert end == b""
    assert sent.endswith(DONE) == (golden.outcome == "complete")
    assert sent.count(DONE) == (golden.outcome == "complete")
    assert all(chunk.startswith(b"data: ") and b"\n" not in chunk for chunk in chunks)
    name = "chat.completion.chunk" if golden.operation == "chat" else "text_completion"
    for payload in whatwg_payloads(sent.removesuffix(DONE)):
        chunk = orjson.loads(payload)
        assert (chunk["model"], chunk["object"]) == (ASKED, name)
        assert not chunk.get("usage")


@each_golden
def test_no_cut_in_two_changes_anything(golden: Golden) -> None:
    request, raw, whole = stream_request(golden.operation), golden.raw, _whole(golden)
    differing = [
        at for at in _offsets(raw) if run_stream(request, (raw[:at], raw[at:])) != whole
    ]
    assert differing == []


@each_golden
def test_byte_by_byte_is_the_same(golden: Golden) -> None:
    raw = golden.raw
    pieces = (raw[at : at + 1] for at in range(len(raw)))
    assert run_stream(stream_request(golden.operation), pieces) == _whole(golden)
