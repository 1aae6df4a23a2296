"""Minimal instances of JSON schemas."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwrap.demo.instances import FORMATS, instance_of, render_instance
from llmwrap.errors import InvalidRequest


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "string"}, "demo"),
        ({"type": "string", "minLength": 6}, "demo.."),
        ({"type": "string", "maxLength": 2}, "de"),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z"),
        ({"type": "string", "format": "hostname"}, "demo"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 2.5}, 3),
        ({"type": "integer", "exclusiveMinimum": 2}, 3),
        ({"type": "integer", "maximum": -1.5}, -2),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "integer", "minimum": 1e300}, 0),
        ({"type": "number", "minimum": 7}, 7),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5}, 0.25),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["integer", "string"]}, 0),
        ({"type": ["string", "null"]}, None),
        ({"const": 7}, 7),
        ({"enum": ["a", "b"]}, "a"),
        ({"enum": []}, None),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, None),
        ({"oneOf": [{"const": 1}]}, 1),
        ({"allOf": [{"const": 2}]}, 2),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"type": "array", "prefixItems": [{"const": 1}], "minItems": 2}, [1, None]),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"const": 1}}, "required": ["a"]}, {"a": 1}),
        ({"type": "object", "properties": {"a": {"const": 1}}}, {}),
        ({"type": "object", "required": ["a", 7]}, {"a": None}),
        ({}, None),
        (True, None),
        ({"type": {"a": 1}}, None),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 3}}}, 3),
        ({"$ref": "#/$defs/absent"}, None),
        ({"$ref": "https://example.com/schema"}, None),
    ],
)
def test_instance_of(schema: object, expected: object) -> None:
    instance = instance_of(schema)
    assert instance == expected
    assert type(instance) is type(expected)


def test_optional_recursion_ends() -> None:
    node = {
        "type": "object",
        "properties": {
            "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#"}},
        },
        "required": ["next", "children"],
    }
    assert instance_of(node) == {"next": None, "children": []}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def doubling(levels: int) -> dict[str, Any]:
    schemas: dict[str, Any] = {"s0": {"type": "string"}}
    for level in range(1, levels):
        below = {"$ref": f"#/$defs/s{level - 1}"}
        pair = {"type": "array", "minItems": 2, "items": below}
        schemas[f"s{level}"] = pair
    return {"$ref": f"#/$defs/s{levels - 1}", "$defs": schemas}


LONG_NAMED = {"type": "object", "required": ["x" * 1000]}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"type": "array", "minItems": 1, "items": {"$ref": "#"}},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 100, "items": {"const": "x" * 1000}},
        {"type": "array", "minItems": 100, "items": LONG_NAMED},
        {"const": nested(300)},
        doubling(30),
    ],
)
def test_schema_with_a_huge_instance_is_refused(schema: object) -> None:
    with pytest.raises(InvalidRequest, match="32 levels and 65536 characters"):
        instance_of(schema)


def test_instance_too_deep_to_write_is_refused() -> None:
    schema: dict[str, Any] = {"const": nested(250)}
    for _ in range(20):
        schema = {"type": "array", "minItems": 1, "items": schema}
    with pytest.raises(InvalidRequest):
        render_instance(schema)


@pytest.mark.parametrize(
    ("schema", "text"),
    [(None, "{}"), ({}, "{}"), ({"type": "boolean"}, "false"), ({"const": "é"}, '"é"')],
)
def test_rendered_instance(schema: object, text: str) -> None:
    assert render_instance(schema) == text


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_format_has_an_example(name: str) -> None:
    assert instance_of({"type": "string", "format": name, "maxLength": 1}) != ""


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
WORDS = st.sampled_from(
    [
        *("type", "enum", "const", "anyOf", "$ref", "format"),
        *("items", "minItems", "required", "properties"),
        *("minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength"),
    ]
)
KINDS = st.sampled_from(["object", "array", "string", "integer", "number", "#"])
SCHEMAS = st.recursive(
    VALUES | KINDS,
    lambda inner: st.dictionaries(WORDS, inner | st.lists(inner, max_size=2)),
    max_leaves=12,
)


@given(SCHEMAS)
def test_any_json_is_walked_or_refused(schema: object) -> None:
    try:
        text = render_instance(schema)
    except InvalidRequest:
        return
    orjson.loads(text)
