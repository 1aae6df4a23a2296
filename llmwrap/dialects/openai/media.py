"""Which addresses in messages may go to an upstream; nothing is ever fetched here.

A remote address would be fetched by the model server from inside the network, so http(s) goes
on only where the operator says so, and any other scheme never. Which fields are fetched: vLLM
0.16, SGLang 0.5, TensorRT-LLM 1.1 and llama.cpp, which reads addresses in `input_audio` (2026-11).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Media

_URL_FIELDS = frozenset({"image_url", "video_url", "audio_url", "file_url"})
"""What they hold must be an address that may go on, whatever the part is."""

_OPTIONS = ("mm_processor_kwargs", "media_io_kwargs")
"""Fields beside the messages that say how their media are read."""

_TEXTS = frozenset({"text", "input_text", "output_text", "refusal", "thinking"})
"""Parts that nobody fetches anything for."""

_PROSE = frozenset(
    {"text", "refusal", "thinking", "content", "title", "name", "filename"}
)
"""Fields of other parts in which an address is only spoken of."""

_SCHEME = re.compile(
    r"[\x00-\x20]*+([a-z][a-z0-9+.\t\r\n-]{0,40}+):([\t\r\n]*/[\t\r\n]*/)?", re.I
)
"""As a lenient reader of addresses (WHATWG) finds it: blanks before, line breaks within."""

_WITHOUT_SLASHES = frozenset({"file", "http", "https"})


def check_media(body: Mapping[str, Any], media: Media) -> None:
    """Refuse (400) a body with an address in its messages that must not reach a server."""
    for number, message in enumerate(body.get("messages") or ()):
        content = message.get("content")
        if type(content) is not list:
            continue
        for place, part in enumerate(content):
            if len(part) > 2 or type(part.get("text")) is not str:
                _check_part(f"messages[{number}].content[{place}]", part, media)
    for name in _OPTIONS:
        if body.get(name):
            _check_within(name, {name: body[name]}, media, prose=False)


def _check_part(where: str, part: Mapping[str, Any], media: Media) -> None:
    prose = part["type"] in _TEXTS
    for name, value in part.items():
        place = f"{where}.{name}"
        if name in _URL_FIELDS and value is not None:
            _check_address(*_address(place, value), media)
        elif type(value) in (dict, list):
            _check_within(place, value, media, prose=prose)
        elif type(value) is str and not prose and name not in _PROSE:
            _check_text(place, value, media)


def _check_within(where: str, held: Any, media: Media, *, prose: bool) -> None:
    """Look for addresses in all that `held` holds, however deep; `where` names it."""
    for name, value in _fields(held):
        if name in _URL_FIELDS and value is not None:
            _check_address(where, _address(where, value)[1], media)
        elif type(value) is str and not prose and name not in _PROSE:
            _check_text(where, value, media)


def _fields(held: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of every field in `held`; the items of a list go by the list's name.

    Without recursion: JSON may nest deeper than Python calls.
    """
    left = [("", held)]
    while left:
        name, value = left.pop()
        if type(value) is dict:
            yield from value.items()
            left += [each for each in value.items() if type(each[1]) in (dict, list)]
        else:
            yield from ((name, item) for item in value)
            left += [(name, item) for item in value if type(item) in (dict, list)]


def _address(where: str, value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        value = value.get("url")
        where += ".url"
    if not isinstance(value, str):
        raise InvalidRequest(f"{where} is no string", param=where)
    return where, value


def _check_address(where: str, url: str, media: Media) -> None:
    """Refuse what is no address that may go on."""
    scheme = url[:64].partition(":")[0].lower()
    if url.startswith("jan_") or (scheme == "data" and ";jan_" in url[:64]):
        raise InvalidRequest(
            "media ids (jan_...) cannot be resolved: media.resolve_url is not built yet",
            param=where,
        )
    _check_scheme(where, scheme, media)


def _check_text(where: str, text: str, media: Media) -> None:
    """Refuse an address that may not go on; what is no address is data, or an option."""
    found = _SCHEME.match(text)
    if not found:
        return
    scheme = re.sub(r"[\t\r\n]", "", found[1]).lower()
    if found[2] or scheme in _WITHOUT_SLASHES:
        _check_scheme(where, scheme, media)


def _check_scheme(where: str, scheme: str, media: Media) -> None:
    if scheme == "data" or (scheme in ("http", "https") and media.remote == "forward"):
        return
    raise InvalidRequest(
        f"an address of scheme {scheme[:16]!r} is not accepted; send the image as a data: URL",
        param=where,
    )
