"""A client's body judged as Ollama's decoder does it: types only, in the words of Go 1.24.

`null` counts as absent and an unknown key as nothing, at every level.
"""

from collections.abc import Mapping
from typing import Any

from llmwrap.dialects.strict_json import read_object
from llmwrap.errors import InvalidJson, InvalidRequest, UnsupportedParameter

Fields = Mapping[str, tuple[type, str]]
"""Name of a field -> its type here, and its type as Go calls it."""

STRING = (str, "string")
BOOL = (bool, "bool")
INT = (int, "int")
OBJECT = (dict, "map[string]interface {}")

REDIRECTING = (
    "api_base",
    "base_url",
    "api_key",
    "extra_headers",
    "organization",
    "custom_llm_provider",
)
"""Names that other gateways obey as orders to send the request, or a key, elsewhere."""

_LONGEST_NULL = 16
"""Bytes up to which a body may be `null` with blanks around it."""


def read_body(body: bytes) -> dict[str, Any]:
    """The object in `body`, without its nulls; whatever the content type said."""
    if not body or body.isspace():
        raise InvalidJson("missing request body")
    if len(body) < _LONGEST_NULL and body.strip() == b"null":
        return {}
    value = read_object(body)
    for name in REDIRECTING:
        if name in value:
            raise UnsupportedParameter(
                f"{name} is not accepted: where a request goes is configured here",
                param=name,
            )
    return without_nulls(value)


def without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that say something."""
    return {name: item for name, item in value.items() if item is not None}


def check(struct: str, fields: Fields, body: Mapping[str, Any]) -> None:
    """Refuse (400) the first of `fields` that is of another type; `struct` as Go calls it."""
    for name, (kind, go_kind) in fields.items():
        value = body.get(name)
        if value is not None and type(value) is not kind:
            raise mismatch(value, f"{struct}.{name}", go_kind)


def mismatch(value: Any, where: str, go_kind: str) -> InvalidRequest:
    """The refusal of `value` at `where`, such as `ChatRequest.messages.role`."""
    told = f"cannot unmarshal {_shown(value, go_kind)} into Go struct field {where}"
    return InvalidRequest(
        f"json: {told} of type {go_kind}", param=where.partition(".")[2]
    )


def _shown(value: Any, go_kind: str) -> str:
    if type(value) in (int, float):
        return f"number {value}" if go_kind == "int" else "number"
    kinds = {str: "string", bool: "bool", list: "array"}
    return kinds.get(type(value), "object")
