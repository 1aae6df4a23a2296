"""What the tests of the OpenAI surface share: the stage, the prefixes, reading of answers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.fakes import (
    FakeUpstream,
    Recorded,
    Step,
    chat_answer,
    chat_events,
    json_answer,
    stream,
    whatwg_payloads,
)
from tests.gateway import Gateway

CHAT, CODE, EMBED = "Mistral-Small", "Devstral-Small-2507", "all-MiniLM-L6-v2"
DEEP, ALIAS = "org/deep:tag", "gpt-4o"
"""Two more names in the pool of CHAT: with a slash, and an alias of CHAT."""

LIMIT = 1_000_000
"""Bytes of a body that the gateway of the stage takes."""

UPSTREAM_KEY = "sk-of-the-upstream"

OLDER = ("/v1", "/llm/v1", "/api/llm/v1", "")
"""Where the older documents hold; the last one is the root."""

NEWER = ("/api/v1", "/chat/v1", "/code/v1", "/embed/v1")
PREFIXES = (*NEWER, *OLDER)
GENERATING = tuple(prefix for prefix in PREFIXES if prefix != "/embed/v1")
EMBEDDING = ("/api/v1", "/embed/v1", *OLDER)

POST_ROUTES = (
    *(f"{prefix}/chat/completions" for prefix in GENERATING),
    *(f"{prefix}/completions" for prefix in GENERATING),
    *(f"{prefix}/embeddings" for prefix in EMBEDDING),
)

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watched:
    """A fake upstream as one test sees it: what it was asked to do since the test began."""

    fake: FakeUpstream
    before: int

    @classmethod
    def now(cls, fake: FakeUpstream) -> "Watched":
        """`fake`, with all that it has been asked so far left out."""
        return cls(fake, len(_posts(fake)))

    @property
    def requests(self) -> list[Recorded]:
        """The POST requests, in order."""
        return _posts(self.fake)[self.before :]

    @property
    def request(self) -> Recorded:
        """The only one."""
        (only,) = self.requests
        return only


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway with a chat, a code and an embedding upstream; reset for every test."""

    gateway: Gateway
    chat: Watched
    code: Watched
    embed: Watched

    @property
    def asked(self) -> int:
        """How many requests reached any upstream since the test began."""
        return sum(len(each.requests) for each in (self.chat, self.code, self.embed))


def _posts(fake: FakeUpstream) -> list[Recorded]:
    return [request for request in fake.journal if request.method == "POST"]


def reset(fake: FakeUpstream) -> None:
    """Give `fake` the plain scripts again: an answer in the mode that was asked for."""
    fake.chat(answer_chat)
    fake.on("POST", "/v1/completions", answer_completion)
    fake.on("POST", "/v1/embeddings", answer_embeddings)


def answer_chat(request: Recorded) -> list[Step]:
    """`Hello`, as a stream or whole."""
    if request.json().get("stream"):
        return stream(chat_events("Hel", "lo"))
    return chat_answer("Hello")


def answer_completion(request: Recorded) -> list[Step]:
    """` world`, whole."""
    return json_answer(200, completion_of(" world"))


def completion_of(*texts: str) -> Body:
    """A text completion with a choice for each text."""
    return {
        "id": "cmpl-fake",
        "object": "text_completion",
        "created": 1700000000,
        "model": CHAT,
        "choices": [
            {"index": index, "text": text, "finish_reason": "stop", "logprobs": None}
            for index, text in enumerate(texts)
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def answer_embeddings(request: Recorded) -> list[Step]:
    """For each input the vector (its number, 0.5); floats, whatever was asked."""
    given = request.json().get("input")
    many = isinstance(given, list) and not isinstance(given[0], int)
    count = len(given) if many else 1
    rows = [
        {"object": "embedding", "index": number, "embedding": [float(number), 0.5]}
        for number in range(count)
    ]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return json_answer(
        200, {"object": "list", "model": EMBED, "data": rows, "usage": usage}
    )


def chat_model(prefix: str) -> str:
    """A model that can chat at `prefix`."""
    return CODE if prefix == "/code/v1" else CHAT


def chat_body(prefix: str = "/api/v1", **fields: object) -> Body:
    """A minimal chat request for `prefix`."""
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": chat_model(prefix), "messages": messages, **fields}


def body_for(route: str, **fields: object) -> Body:
    """A minimal request for a POST route."""
    for path, own in (
        ("/chat/completions", {"messages": [{"role": "user", "content": "Hi"}]}),
        ("/completions", {"prompt": "Hi"}),
        ("/embeddings", {"input": "Hi"}),
    ):
        if route.endswith(path):
            prefix = route.removesuffix(path)
            model = EMBED if path == "/embeddings" else chat_model(prefix)
            return {"model": model, **own, **fields}
    raise ValueError(route)


def refusal(answer: requests.Response, status: int) -> dict[str, Any]:
    """The error in `answer`, which has `status` and the shape that every error has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return error_in(answer.json())


def error_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """The error of an error body: four keys, texts or null, `detail` beside it."""
    assert set(body) == {"error", "detail"}
    assert body["detail"] == body["error"]["message"]
    return checked(body["error"])


def checked(error: dict[str, Any]) -> dict[str, Any]:
    """`error`, which has exactly the four keys that clients read, none of them a number."""
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert type(error["message"]) is str
    assert type(error["type"]) is str
    assert error["param"] is None or type(error["param"]) is str
    assert error["code"] is None or type(error["code"]) is str
    return error


def payloads(body: bytes) -> list[Any]:
    """The events of a stream: JSON values, and the text `[DONE]`."""
    return [
        "[DONE]" if data == b"[DONE]" else json.loads(data)
        for data in whatwg_payloads(body)
    ]


def frames(answer: requests.Response) -> Iterator[bytes]:
    """The records of a stream as they arrive, each with its blank line."""
    rest = b""
    for data in answer.iter_content(None):
        *whole, rest = (rest + data).split(b"\n\n")
        yield from (frame + b"\n\n" for frame in whole)
    assert rest == b""


def texts(events: Iterable[Any]) -> str:
    """The text of choice 0 of chat chunks."""
    return "".join(
        choice["delta"].get("content") or ""
        for event in events
        if event != "[DONE]"
        for choice in event["choices"]
        if choice["index"] == 0
    )
