"""A scripted upstream that commits every fault on demand, and the golden streams.

with FakeUpstream(models=("tiny",)) as upstream:
    upstream.chat(stream(chat_events("Hel", "lo")))
    upstream.on("POST", "/v1/embeddings", [rst()], then=[json_answer(200, {...})])
    ...
    assert upstream.journal[0].json()["model"] == "tiny"
"""

from tests.fakes.answers import (
    LAST_CHUNK,
    chat_answer,
    chat_chunk,
    chat_events,
    chunked,
    done,
    head,
    json_answer,
    models,
    sse,
    sse_head,
    stream,
    stream_until_close,
)
from tests.fakes.connection import Connection
from tests.fakes.golden import Golden, GoldenChoice, GoldenToolCall, load_golden
from tests.fakes.ports import never_accepting_url, refusing_url
from tests.fakes.recorded import Recorded
from tests.fakes.steps import (
    Step,
    close,
    expect_hangup,
    half_close,
    rst,
    send,
    sliced,
    stall,
    wait,
)
from tests.fakes.upstream import FakeUpstream, LeakedThreads, Script
from tests.fakes.whatwg import whatwg_payloads

__all__ = [
    "LAST_CHUNK",
    "Connection",
    "FakeUpstream",
    "Golden",
    "GoldenChoice",
    "GoldenToolCall",
    "LeakedThreads",
    "Recorded",
    "Script",
    "Step",
    "chat_answer",
    "chat_chunk",
    "chat_events",
    "chunked",
    "close",
    "done",
    "expect_hangup",
    "half_close",
    "head",
    "json_answer",
    "load_golden",
    "models",
    "never_accepting_url",
    "refusing_url",
    "rst",
    "send",
    "sliced",
    "sse",
    "sse_head",
    "stall",
    "stream",
    "stream_until_close",
    "wait",
    "whatwg_payloads",
]
