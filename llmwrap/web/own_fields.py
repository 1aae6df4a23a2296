"""Reading the bodies of our own resources: strictly, unlike those of model requests.

A field that is not in the schema is refused, so nobody sets what is not theirs to set.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError

from llmwrap.dialects.strict_json import read_object
from llmwrap.errors import InvalidRequest, MissingParameter


class OwnFields(Schema):
    """The parent of every schema of our own resources."""

    class Meta:
        """Options of marshmallow."""

        unknown = RAISE


def read_fields(schema: OwnFields, body: bytes) -> dict[str, Any]:
    """The fields of `body`; InvalidRequest names the first one that is wrong."""
    sent = read_object(body)
    try:
        fields: dict[str, Any] = schema.load(sent)
    except ValidationError as error:
        name, text = _first(error.messages_dict)
        top = name.partition(".")[0]
        kind = InvalidRequest if top in sent else MissingParameter
        raise kind(f"{name}: {text}", param=name) from error
    return fields


def read_optional_fields(schema: OwnFields, body: bytes) -> dict[str, Any]:
    """As `read_fields`, for routes that may be called without a body."""
    return read_fields(schema, body) if body.strip() else {}


def _first(messages: Mapping[Any, Any], prefix: str = "") -> tuple[str, str]:
    """The path and the text of the first message of a tree."""
    name, below = next(iter(messages.items()))
    path = f"{prefix}{name}".removesuffix("._schema")
    if isinstance(below, Mapping):
        return _first(below, f"{path}.")
    return path, str(below[0])
