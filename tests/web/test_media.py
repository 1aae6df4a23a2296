"""Addresses in messages: which go to a model server, and that nobody here fetches one (C21)."""

import pytest

from tests.fakes import FakeUpstream
from tests.gateway import Gateway
from tests.web.surface import (
    GENERATING,
    Body,
    Stage,
    body_for,
    chat_body,
    refusal,
)

PIXEL = "data:image/png;base64,iVBORw0KGgo="

ADDRESSES = [
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "gopher://127.0.0.1/",
    "ftp://127.0.0.1/a.png",
    "//127.0.0.1/a.png",
    "/etc/passwd",
    "a.png",
    "",
    " file:///etc/passwd",
    "javascript:1",
]


def with_part(part: Body, prefix: str = "/api/v1") -> Body:
    """A chat whose user sends `part` after a text."""
    content = [{"type": "text", "text": "Look:"}, part]
    return chat_body(prefix) | {"messages": [{"role": "user", "content": content}]}


def image(url: object) -> Body:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


@pytest.mark.parametrize(
    "part",
    [
        image(PIXEL),
        image("DATA:image/png;base64,iVBORw0KGgo="),
        {"type": "image_url", "image_url": PIXEL},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}},
        {"type": "text", "text": "see http://127.0.0.1/a.png or jan_abc"},
    ],
)
def test_part_that_carries_its_data_is_passed_on(stage: Stage, part: Body) -> None:
    body = with_part(part)
    assert stage.gateway.post("/api/v1/chat/completions", body).status_code == 200
    assert stage.chat.request.json() == body


@pytest.mark.parametrize("prefix", GENERATING)
@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
def test_remote_image_is_400(stage: Stage, prefix: str, scheme: str) -> None:
    body = with_part(image(f"{scheme}://images.example/a.png"), prefix)
    error = refusal(stage.gateway.post(f"{prefix}/chat/completions", body), 400)
    assert error["param"] == "messages[0].content[1].image_url.url"
    assert error["code"] == "invalid_value"
    assert stage.asked == 0


@pytest.mark.parametrize("path", ["embeddings", "completions"])
def test_remote_image_in_messages_is_400_whatever_is_asked(
    stage: Stage, path: str
) -> None:
    route = f"/v1/{path}"
    messages = with_part(image("http://169.254.169.254/latest"))["messages"]
    body = body_for(route, messages=messages)
    if path == "embeddings":
        del body["input"]
    error = refusal(stage.gateway.post(route, body), 400)
    assert error["param"] == "messages[0].content[1].image_url.url"
    assert stage.asked == 0


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_of_another_kind_is_400(stage: Stage, address: str) -> None:
    for name in ("image_url", "video_url", "audio_url"):
        body = with_part({"type": name, name: {"url": address}})
        error = refusal(stage.gateway.post("/v1/chat/completions", body), 400)
        assert error["param"] == f"messages[0].content[1].{name}.url"
    assert stage.asked == 0


@pytest.mark.parametrize(
    "address",
    [
        "jan_01hqr8v9k2x3f4g5h6j7k8m9n0",
        "jan_../../x",
        "data:image/png;jan_01hqr8v9k2x3f4g5h6j7k8m9n0",
    ],
)
def test_media_id_is_400_where_nothing_resolves_it(stage: Stage, address: str) -> None:
    body = with_part(image(address))
    error = refusal(stage.gateway.post("/v1/chat/completions", body), 400)
    assert error["param"] == "messages[0].content[1].image_url.url"
    assert "media.resolve_url" in error["message"]
    assert stage.asked == 0


@pytest.mark.parametrize("address", [None, 1, [], {}, True])
def test_address_that_is_no_text_is_400(stage: Stage, address: object) -> None:
    body = with_part(image(address))
    error = refusal(stage.gateway.post("/v1/chat/completions", body), 400)
    assert error["param"] == "messages[0].content[1].image_url.url"
    assert stage.asked == 0


def test_image_alone_is_user_input(stage: Stage) -> None:
    messages = [{"role": "user", "content": [image(PIXEL)]}]
    answer = stage.gateway.post(
        "/v1/chat/completions", chat_body() | {"messages": messages}
    )
    assert answer.status_code == 200
    assert stage.chat.request.json()["messages"] == messages


def test_remote_image_is_passed_on_where_the_operator_says_so(
    stage: Stage, lenient: Gateway
) -> None:
    with FakeUpstream() as images:
        body = with_part(image(f"{images.url}/a.png"))
        answer = lenient.post("/v1/chat/completions", body)
        assert answer.status_code == 200
        assert stage.chat.request.json()["messages"] == body["messages"]
        assert images.connections == 0


@pytest.mark.parametrize("address", ADDRESSES)
def test_other_addresses_stay_refused_where_remote_ones_pass(
    stage: Stage, lenient: Gateway, address: str
) -> None:
    body = with_part(image(address))
    assert refusal(lenient.post("/v1/chat/completions", body), 400)
    assert stage.asked == 0
