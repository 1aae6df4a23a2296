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
