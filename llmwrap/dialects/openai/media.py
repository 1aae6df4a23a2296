"""Which image addresses may go to an upstream; nothing is ever fetched here.

A remote address would be fetched by the model server from inside the network, so http(s) goes
on only where the operator says so, and any other scheme never.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import Media

_URL_FIELDS = ("image_url", "video_url", "audio_url")


def check_media(body: Mapping[str, Any], media: Media) -> None:
    """Refuse (400) a chat with an address that must not reach a model server."""
    for where, url in _addresses(body.get("messages")):
        scheme = url.partition(":")[0].lower()
        if url.startswith("jan_") or (scheme == "data" and ";jan_" in url[:64]):
            raise InvalidRequest(
                "media ids (jan_...) cannot be resolved: media.resolve_url is not built yet",
                param=where,
            )
        if scheme == "data" or (
            scheme in ("http", "https") and media.remote == "forward"
        ):
            continue
        raise InvalidRequest(
            f"an address of scheme {scheme[:16]!r} is not accepted; send the image as a data: URL",
            param=where,
        )


def _addresses(messages: Any) -> Iterator[tuple[str, str]]:
    """(where, address) of every media part; the messages have been checked."""
    for number, message in enumerate(messages or ()):
        content = message.get("content")
        if type(content) is not list:
            continue
        for place, part in enumerate(content):
            for name in _URL_FIELDS:
                if part.get(name) is not None:
                    where = f"messages[{number}].content[{place}].{name}"
                    yield _address(where, part[name])


def _address(where: str, value: Any) -> tuple[str, str]:
    if isinstance(value, dict):
        value = value.get("url")
        where += ".url"
    if not isinstance(value, str):
        raise InvalidRequest(f"{where} is no string", param=where)
    return where, value
