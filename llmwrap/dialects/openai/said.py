"""What is said in a message or a delta: the keys of reasoning, and other forms made text in place.

Mistral's reasoning models say it in parts (Magistral, 2026-06); arguments as an object are those
of servers that copy Ollama's form.
"""

from typing import Any

from llmwrap.dialects.upstream_json import written

_THOUGHTS = ("reasoning_content", "reasoning")


def render_reasoning(text: str) -> dict[str, str]:
    """Under both names that clients look for (the AI SDK either, DeepSeek's the first)."""
    return dict.fromkeys(_THOUGHTS, text)


def settle_content(said: dict[str, Any]) -> None:
    """Make `content` text, and reasoning of the thoughts in it; it is not null."""
    content = said["content"]
    parts = content if isinstance(content, list) else [content]
    said["content"] = "".join(map(_text, parts))
    thoughts = "".join(map(_thought, parts))
    if thoughts and not any(map(said.get, _THOUGHTS)):
        said |= render_reasoning(thoughts)


def settle_reasoning(said: dict[str, Any]) -> str:
    """Make text of the reasoning, which is told and is none."""
    told = next(filter(None, map(said.get, _THOUGHTS)))
    parts = told if isinstance(told, list) else [told]
    thoughts = "".join(_text(part) or _thought(part) for part in parts)
    said |= render_reasoning(thoughts)
    return thoughts


def settle_arguments(function: dict[str, Any], name: str) -> str:
    """Make text of the arguments that are under `name`, where they are any."""
    told = function.get(name)
    text = "" if told is None else written(told).decode()
    if name in function:
        function[name] = text
    return text


def _text(part: Any) -> str:
    if isinstance(part, dict):
        part = part.get("text")
    if isinstance(part, int | float):
        return written(part).decode()
    return part if isinstance(part, str) else ""


def _thought(part: Any) -> str:
    told = part.get("thinking") if isinstance(part, dict) else None
    parts = told if isinstance(told, list) else [told]
    return "".join(map(_text, parts))
