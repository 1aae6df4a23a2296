"""The wire formats: pure code from bytes to values and back, one folder each. No IO, no clock."""

from collections.abc import Mapping

from llmwrap.dialects.base import Dialect
from llmwrap.dialects.ollama import Ollama
from llmwrap.dialects.openai import OpenAI

DIALECTS: dict[str, Dialect] = {"openai": OpenAI(), "ollama": Ollama()}

_JSON_TYPES: Mapping[str, str] = {"ollama": "application/json; charset=utf-8"}


def json_type(dialect: Dialect) -> str:
    """The Content-Type of a whole answer, as the format's own servers have it."""
    return _JSON_TYPES.get(dialect.name, "application/json")
