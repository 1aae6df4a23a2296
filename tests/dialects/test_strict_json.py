"""The one reader of clients' JSON: what it takes, what it refuses, what it can write again."""

import pytest

from llmwrap.dialects.strict_json import read_object, write
from llmwrap.errors import InvalidJson


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' \n{"a":1}\r\n ', {"a": 1}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'{"a":1.0,"b":1e2,"c":-0.5}', {"a": 1.0, "b": 100.0, "c": -0.5}),
        (b'{"a":18446744073709551615}', {"a": 18446744073709551615}),
        (b'{"a":36893488147419103232}', {"a": 3.6893488147419103e19}),
        (b'{"a":"\\ud83d\\ude42\\u0000\\u2028"}', {"a": "\U0001f642\0\u2028"}),
        ('{"é":"\u0085"}'.encode(), {"é": "\u0085"}),
        (b'{"":null}', {"": None}),
    ],
)
def test_object_is_read(body: bytes, value: dict[str, object]) -> None:
    assert read_object(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b'{"a":1}}',
        b'{"a":1}{"b":2}',
        b'{"a":1,}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":0x1}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00\\ud800"}',
        b'{"a":"\\x41"}',
        b'{"a":"\n"}',
        b'{"a":"\0"}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":True}',
        b"// c\n{}",
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32-le"),
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"a=1&b=2",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson, match=r"^the body is not valid JSON: ") as caught:
        read_object(body)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty; a JSON object is expected"),
        (b"[]", "the body is an array; a JSON object is expected"),
        (b'"x"', "the body is a string; a JSON object is expected"),
        (b"null", "the body is null; a JSON object is expected"),
        (b"true", "the body is a boolean; a JSON object is expected"),
        (b"1", "the body is a number; a JSON object is expected"),
        (b"1.5", "the body is a number; a JSON object is expected"),
    ],
)
def test_what_is_no_object_is_told_so(body: bytes, message: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        read_object(body)
    assert caught.value.message == message


def test_deepest_value_that_is_written_nests_254_times() -> None:
    body = b"[" * 254 + b"]" * 254
    value = read_object(b'{"a":' + body + b"}")["a"]
    assert write(value) == body
    with pytest.raises(InvalidJson, match=r"^the body cannot be passed on: "):
        write([value])


def test_written_json_is_compact_utf_8_in_the_order_read() -> None:
    assert (
        write({"b": "é\u2028", "a": [1, 1.0]})
        == b'{"b":"\xc3\xa9\xe2\x80\xa8","a":[1,1.0]}'
    )
