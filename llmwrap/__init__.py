"""llmwrap: one internal address for every language model that a team runs."""

__version__ = "0.1.0"
