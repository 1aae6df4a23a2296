"""The parts of a message: text, pictures and sound, between JSON and values."""

from collections.abc import Sequence
from typing import Any

from llmwrap.canonical.tasks import Audio, Image, Part, RemoteImage, Text
from llmwrap.dialects.openai.schemas import refuse
from llmwrap.errors import InvalidRequest

_UNKNOWN_MIME = "image/jpeg"


def read_parts(where: str, content: Any) -> tuple[Part, ...]:
    """What `content` says; 400 for a part that only this dialect has."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple(
        _read_part(f"{where}.content[{place}]", part)
        for place, part in enumerate(content or ())
    )


def _read_part(where: str, part: dict[str, Any]) -> Part:
    kind = part["type"]
    if kind in ("text", "refusal"):
        text = part.get(kind)
        return Text(text) if isinstance(text, str) else _no_string(where, kind, text)
    if kind == "image_url":
        return _image(where, part.get("image_url"))
    if kind == "input_audio":
        return _audio(where, part.get("input_audio"))
    raise InvalidRequest(
        f"{where} is of type {kind[:40]!r}; accepted for this model: text, image_url,"
        " input_audio",
        param=where,
    )


def _no_string(where: str, name: str, value: Any) -> Part:
    refuse(f"{where}.{name}", value, "a string")


def _image(where: str, told: Any) -> Part:
    url = told.get("url") if isinstance(told, dict) else told
    if not isinstance(url, str):
        refuse(f"{where}.image_url", told, "a URL, or an object with one")
    if url[:5].lower() != "data:":
        return RemoteImage(url)
    kind, _, data = url[5:].partition(",")
    mime, _, parameters = kind.partition(";")
    if ";base64;" not in f";{parameters};":
        raise InvalidRequest(
            f"{where}.image_url is no data: URL in base64", param=f"{where}.image_url"
        )
    return Image(mime or _UNKNOWN_MIME, _without_breaks(data))


def _audio(where: str, told: Any) -> Part:
    fields = told if isinstance(told, dict) else {}
    data, form = fields.get("data"), fields.get("format")
    if not isinstance(data, str) or not isinstance(form, str):
        refuse(f"{where}.input_audio", told, "an object with data and format")
    return Audio(form, _without_breaks(data))


def _without_breaks(data: str) -> str:
    """base64 as one line; replaced and not split, because it may be megabytes long."""
    for blank in " \r\n\t":
        data = data.replace(blank, "")
    return data


def render_parts(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    """The `content` of a message: a string while there is nothing but text."""
    if all(isinstance(part, Text) for part in parts):
        return "\n".join(part.text for part in parts if isinstance(part, Text))
    return [
        _render_part(part) for part in parts if not isinstance(part, Text) or part.text
    ]


def _render_part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Image(mime=mime, data=data):
            return _picture(f"data:{mime};base64,{data}")
        case RemoteImage(url=url):
            return _picture(url)
        case Audio(format=form, data=data):
            return {
                "type": "input_audio",
                "input_audio": {"data": data, "format": form},
            }


def _picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}
