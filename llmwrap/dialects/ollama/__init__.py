"""The wire format of Ollama's own API (0.33, 2026-08)."""

from llmwrap.dialects.ollama.dialect import Ollama

__all__ = ["Ollama"]
