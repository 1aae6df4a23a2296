"""Which addresses of images go to an upstream; nothing is fetched."""

from typing import Any

import pytest

from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Media
from tests.dialects.requests import read

PIXEL = "data:image/png;base64,iVBORw0KGgo="
WHERE = "messages[0].content[1].image_url.url"


def _chat(part: dict[str, Any]) -> dict[str, Any]:
    content = [{"type": "text", "text": "look: http://a.example"}, part]
    return {"model": "m", "messages": [{"role": "user", "content": content}]}


def _image(url: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, "detail": "low"}}


@pytest.mark.parametrize(
    "part",
    [
        _image(PIXEL),
        _image("DATA:image/png;base64,"),
        {"type": "image_url", "image_url": PIXEL},
        {"type": "video_url", "video_url": {"url": PIXEL}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "text", "text": "x", "image_url": None},
    ],
)
def test_part_without_a_remote_address_passes(part: dict[str, Any]) -> None:
    assert read("chat", _chat(part)).body == _chat(part)


@pytest.mark.parametrize("url", ["http://a.example/x.png", "https://a", "HTTP://a"])
def test_remote_address_goes_on_only_where_it_is_configured(url: str) -> None:
    body = _chat(_image(url))
    with pytest.raises(InvalidRequest) as caught:
        read("chat", body)
    assert caught.value.param == WHERE
    assert read("chat", body, media=Media(remote="forward")).body == body


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        " http://a.example",
        "//a.example/x",
        "/etc/passwd",
        "ftp://a.example",
        "gopher://a.example",
        "javascript:alert(1)",
        "",
    ],
)
@pytest.mark.parametrize("remote", ["refuse", "forward"])
def test_any_other_address_is_never_passed_on(url: str, remote: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("chat", _chat(_image(url)), media=Media(remote=remote))
    assert (caught.value.status, caught.value.param) == (400, WHERE)


@pytest.mark.parametrize(
    ("part", "param"),
    [
        (_image(5), WHERE),
        (_image(None), WHERE),
        ({"type": "image_url", "image_url": {}}, WHERE),
        ({"type": "image_url", "image_url": 5}, "messages[0].content[1].image_url"),
        (
            {"type": "audio_url", "audio_url": "http://a"},
            "messages[0].content[1].audio_url",
        ),
        (
            {"type": "text", "text": "x", "video_url": {"url": "http://a"}},
            "messages[0].content[1].video_url.url",
        ),
    ],
)
def test_refused_part_is_named_by_its_spot(part: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("chat", _chat(part))
    assert caught.value.param == param


def test_refusal_names_the_scheme_and_not_the_address() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("chat", _chat(_image("https://secret.example/x")))
    assert caught.value.message == (
        "an address of scheme 'https' is not accepted; send the image as a data: URL"
    )


@pytest.mark.parametrize("url", ["jan_01h", "data:image/png;jan_01h"])
def test_media_id_is_refused_while_nothing_resolves_it(url: str) -> None:
    with pytest.raises(InvalidRequest, match=r"media\.resolve_url is not built yet"):
        read("chat", _chat(_image(url)))


def _body(operation: str, part: dict[str, Any]) -> dict[str, Any]:
    own = {"text_completion": {"prompt": "p"}, "embeddings": {}, "chat": {}}
    return _chat(part) | own[operation]


@pytest.mark.parametrize("operation", ["chat", "text_completion", "embeddings"])
def test_messages_are_looked_at_whatever_is_asked(operation: Any) -> None:
    """vLLM makes vectors of a conversation, and fetches its pictures (2026-11)."""
    body = _body(operation, _image("http://169.254.169.254/latest"))
    with pytest.raises(InvalidRequest) as caught:
        read(operation, body)
    assert caught.value.param == WHERE
    assert read(operation, body, media=Media(remote="forward")).body == body
    assert read(operation, _body(operation, _image(PIXEL))).model == "m"


def test_messages_beside_a_text_are_looked_at() -> None:
    body = _chat(_image("http://a")) | {"input": "text"}
    with pytest.raises(InvalidRequest) as caught:
        read("embeddings", body)
    assert caught.value.param == WHERE


def _deep(part: Any, levels: int) -> Any:
    for _ in range(levels):
        part = [part]
    return part


PART = "messages[0].content[1]"
REMOTE = {"url": "http://a"}


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_image", "image_url": "http://a"}, f"{PART}.image_url"),
        ({"type": "input_file", "file_url": "http://a"}, f"{PART}.file_url"),
        ({"type": "image_url", "image_url": [REMOTE]}, f"{PART}.image_url"),
        ({"type": "image_url", "image_url": {"url": REMOTE}}, f"{PART}.image_url.url"),
        (
            {"type": "input_audio", "input_audio": {"data": "http://a"}},
            f"{PART}.input_audio",
        ),
        (
            {"type": "input_audio", "input_audio": {"url": "file:///etc/passwd"}},
            f"{PART}.input_audio",
        ),
        ({"type": "image", "image": "http://a"}, f"{PART}.image"),
        ({"type": "video", "video": ["AAAA", "FILE:/etc/passwd"]}, f"{PART}.video"),
        ({"type": "input_video", "input_video": REMOTE}, f"{PART}.input_video"),
        ({"type": "image_pil", "image_pil": "\n http://a"}, f"{PART}.image_pil"),
        ({"type": "image_pil", "image_pil": "ht\ntp://a"}, f"{PART}.image_pil"),
        ({"type": "image_pil", "image_pil": "http:a"}, f"{PART}.image_pil"),
        ({"type": "image_embeds", "image_embeds": "s3://a/b"}, f"{PART}.image_embeds"),
        ({"type": "text", "text": {"image_url": REMOTE}}, f"{PART}.text"),
        ({"type": "text", "text": "x", "more": [{"image_url": "x"}]}, f"{PART}.more"),
        (
            {"type": "tool_result", "content": [{"image_url": REMOTE}]},
            f"{PART}.content",
        ),
    ],
)
def test_address_is_found_wherever_it_stands_in_a_part(
    part: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("chat", _chat(part))
    assert caught.value.param is not None
    assert caught.value.param.removesuffix(".url") == param.removesuffix(".url")


def test_address_is_found_deeper_than_python_calls() -> None:
    held = b"[" * 1000 + b'{"image_url":"http://a"}' + b"]" * 1000
    part = b'{"type":"x","x":%b}' % held
    with pytest.raises(InvalidRequest) as caught:
        read("chat", b'{"messages":[{"role":"user","content":[%b]}]}' % part)
    assert caught.value.param == "messages[0].content[0].x"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "http://a", "cache_control": {"type": "ephemeral"}},
        {"type": "output_text", "text": "x", "annotations": [REMOTE]},
        {"type": "tool_result", "content": "http://a", "id": "a:b"},
        {"type": "file", "file": {"filename": "file:a", "file_data": PIXEL}},
        {"type": "image_embeds", "image_embeds": "//uQ/9j/AAAA+/="},
        {"type": "image_pil", "image_pil": None, "uuid": "u"},
        {"type": "image_url", "image_url": {"url": PIXEL}, "size": [1, 2.5, True]},
        {"type": "x", "x": _deep("x", 200)},
    ],
)
def test_part_that_only_speaks_of_an_address_passes(part: dict[str, Any]) -> None:
    assert read("chat", _chat(part)).body == _chat(part)


@pytest.mark.parametrize("name", ["mm_processor_kwargs", "media_io_kwargs"])
def test_options_of_media_are_looked_at(name: str) -> None:
    body = _chat(_image(PIXEL))
    for told in ({"video": {"num_frames": 4, "fps": 2.0}}, 5, "x", None):
        assert read("chat", body | {name: told}).model == "m"
    with pytest.raises(InvalidRequest) as caught:
        read("chat", body | {name: {"video": {"from": "http://a"}}})
    assert caught.value.param == name
