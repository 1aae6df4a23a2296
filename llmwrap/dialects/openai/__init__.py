"""The OpenAI-compatible dialect (chat completions, completions, embeddings, models).

Wire facts: OpenAI's published schema 2.3.0 (2026-08) and what its official clients do.
"""

from llmwrap.dialects.openai.dialect import OpenAI

__all__ = ["OpenAI"]
