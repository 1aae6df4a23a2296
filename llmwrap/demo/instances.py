"""From a JSON schema to the smallest value that fits it.

Not a validator. Read are the types with their bounds, `enum`, `const`, `format`,
references within the schema, and the simplest branch of `anyOf`, `oneOf` and `allOf`
(exact for an `allOf` of one). Not read are `pattern`, `multipleOf` and conditions.
"""

from collections.abc import Iterable, Mapping
from math import ceil, floor
from types import MappingProxyType
from typing import Any

import orjson

from llmwrap.errors import InvalidRequest

MAX_DEPTH = 32
MAX_CHARACTERS = 65_536
"""Bounds of one instance: a small schema can describe an endless one."""

LARGEST_BOUND = 2**53
"""Numeric bounds beyond this are not exact in JSON and are not read."""

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "date": "2026-01-01",
        "date-time": "2026-01-01T00:00:00Z",
        "time": "00:00:00Z",
        "email": "demo@example.com",
        "uri": "http://example.com/",
        "uuid": "00000000-0000-4000-8000-000000000000",
    }
)


def instance_of(schema: object) -> Any:
    """Return a minimal instance of `schema`: required properties, 0, "demo", false.

    Where nothing is said the instance is null. Raises InvalidRequest if it would nest
    deeper than MAX_DEPTH levels or be longer than MAX_CHARACTERS.
    """
    return _Walk(schema).build(schema, 0)


def render_instance(schema: object) -> str:
    """Return the minimal instance as JSON; `{}` where the schema says nothing."""
    instance = instance_of(schema)
    return _write({} if instance is None else instance).decode()


class _Walk:
    """One walk over one schema, with what it may still spend."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._left = MAX_CHARACTERS

    def build(self, schema: object, depth: int) -> Any:
        self._spend(1, depth)
        if not isinstance(schema, dict):
            return None
        if "$ref" in schema:
            return self.build(_target(self._root, schema["$ref"]), depth + 1)
        if "const" in schema:
            return self._literal(schema["const"], depth)
        if values := _items(schema.get("enum")):
            return self._literal(values[0], depth)
        for word in ("anyOf", "oneOf", "allOf"):
            if branches := _items(schema.get(word)):
                return self.build(_simplest(branches), depth + 1)
        return self._of_kind(schema, depth)

    def _of_kind(self, schema: dict[str, Any], depth: int) -> Any:
        match _kind(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema, depth)
            case "integer":
                return _integer(schema)
            case "number":
                return _number(schema)
            case "boolean":
                return False
            case _:
                return None

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        known = properties if isinstance(properties, dict) else {}
        instance = {}
        for name in _items(schema.get("required")):
            if isinstance(name, str):
                self._spend(len(name), depth)
                instance[name] = self.build(known.get(name), depth + 1)
        return instance

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        first = _items(schema.get("prefixItems"))
        length = max(_size(schema, "minItems"), 0)
        return [
            self.build(first[i] if i < len(first) else schema.get("items"), depth + 1)
            for i in range(length)
        ]

    def _string(self, schema: dict[str, Any], depth: int) -> str:
        named = schema.get("format")
        if isinstance(named, str) and named in FORMATS:
            return FORMATS[named]
        shortest, longest = _size(schema, "minLength"), schema.get("maxLength")
        self._spend(shortest, depth)
        text = "demo".ljust(shortest, ".")
        return text[:longest] if isinstance(longest, int) and longest >= 0 else text

    def _literal(self, value: object, depth: int) -> object:
        self._spend(len(_write(value)), depth)
        return value

    def _spend(self, characters: int, depth: int) -> None:
        self._left -= characters
        if self._left < 0 or depth > MAX_DEPTH:
            raise _too_large()


def _too_large() -> InvalidRequest:
    return InvalidRequest(
        f"the schema has no instance within {MAX_DEPTH} levels"
        f" and {MAX_CHARACTERS} characters"
    )


def _write(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as cause:  # nested deeper than orjson writes
        raise _too_large() from cause


def _target(root: object, reference: object) -> object:
    """Follow a local reference (`#/$defs/Name`, RFC 6901); None if it leads nowhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    target = root
    for step in reference.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, dict) else None
    return target


def _simplest(branches: list[Any]) -> object:
    """Prefer null: it is the smallest, and it ends an optional recursion."""
    null = {"type": "null"}
    return null if null in branches else branches[0]


def _kind(schema: Mapping[str, Any]) -> object:
    kind = schema.get("type")
    if kinds := _items(kind):
        return "null" if "null" in kinds else kinds[0]
    if kind is None and "properties" in schema:
        return "object"
    return kind


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _size(schema: Mapping[str, Any], word: str) -> int:
    value = schema.get(word)
    return value if isinstance(value, int) else 0


def _bounds(schema: Mapping[str, Any], words: Iterable[str]) -> list[int | float]:
    values = [schema.get(word) for word in words]
    return [
        value
        for value in values
        if isinstance(value, int | float) and abs(value) <= LARGEST_BOUND
    ]


def _integer(schema: Mapping[str, Any]) -> int:
    """Return the whole number nearest to 0 between the bounds."""
    lows = [ceil(low) for low in _bounds(schema, ["minimum"])]
    lows += [floor(low) + 1 for low in _bounds(schema, ["exclusiveMinimum"])]
    highs = [floor(high) for high in _bounds(schema, ["maximum"])]
    highs += [ceil(high) - 1 for high in _bounds(schema, ["exclusiveMaximum"])]
    return max([*lows, min([0, *highs])])


def _number(schema: Mapping[str, Any]) -> int | float:
    """Return a whole number if one fits, else the middle of the range."""
    lows = _bounds(schema, ["minimum", "exclusiveMinimum"])
    highs = _bounds(schema, ["maximum", "exclusiveMaximum"])
    whole = _integer(schema)
    if highs and lows and not max(lows) <= whole <= min(highs):
        return (max(lows) + min(highs)) / 2
    return whole
