"""A request as the relay knows it: what was asked, of which model, in which mode."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Operation = Literal[
    "chat", "text_completion", "embeddings", "responses", "list_models", "show_model"
]


@dataclass(frozen=True, slots=True)
class Request:
    """One validated request.

    `body` is the client's JSON, read once and never changed; `defaults` are fields that the
    service adds where the client left them out; `usage_asked` says whether a streaming client
    wants the usage chunk; `base64` whether embeddings leave as base64. `form` is which of its
    dialect's ways of asking this was, where there are several. `idle` is set where nothing is
    asked of the model (Ollama's `load` and `unload`): no upstream is called.
    """

    operation: Operation
    model: str
    stream: bool
    body: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    usage_asked: bool = False
    base64: bool = False
    form: str = ""
    idle: str = ""

    def named(self, model: str) -> "Request":
        """The same request for `model`: the default, where the client named none."""
        return self if model == self.model else replace(self, model=model)
