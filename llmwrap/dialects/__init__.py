"""The wire formats: pure code from bytes to values and back, one folder each. No IO, no clock."""

from llmwrap.dialects.base import Dialect
from llmwrap.dialects.ollama import Ollama
from llmwrap.dialects.openai import OpenAI

DIALECTS: dict[str, Dialect] = {"openai": OpenAI(), "ollama": Ollama()}
