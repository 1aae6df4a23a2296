"""Bodies that are no JSON object, and JSON whose reading could be argued about (C08).

Every entry is sent to every POST route; none reaches an upstream.
"""

import json

import pytest

from tests.web.surface import POST_ROUTES, Stage, body_for, refusal

NOT_JSON = {
    "empty": b"",
    "blank": b" \n",
    "array": b"[]",
    "null": b"null",
    "true": b"true",
    "number": b"1",
    "string": b'"text"',
    "cut": b'{"model":',
    "word": b"{bad",
    "two_values": b"{} {}",
    "trailing_comma": b'{"seed": 1,}',
    "comment": b'{"seed": 1} // no',
    "single_quotes": b"{'seed': 1}",
    "form": b"model=x&prompt=y",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    + b"1" * 9999,
    "bom": b"\xef\xbb\xbf{}",
    "utf_16": json.dumps({"seed": 1}).encode("utf-16"),
    "utf_32": json.dumps({"seed": 1}).encode("utf-32-le"),
    "latin_1": '{"user": "zoë"}'.encode("latin-1"),
    "overlong_utf_8": b'{"user": "\xc0\xaf"}',
    "surrogate_in_utf_8": b'{"user": "\xed\xa0\x80"}',
    "cut_utf_8": b'{"user": "\xf0\x9f\x98',
    "lone_high_surrogate": b'{"user": "\\ud83d"}',
    "lone_low_surrogate": b'{"user": "\\ude00"}',
    "raw_nul": b'{"user": "\x00"}',
    "raw_newline": b'{"user": "\n"}',
    "nan": b'{"seed": NaN}',
    "infinity": b'{"seed": Infinity}',
    "minus_infinity": b'{"seed": -Infinity}',
    "beyond_a_double": b'{"seed": 1e400}',
    "integer_of_5000_digits": b'{"seed": ' + b"1" * 5000 + b"}",
    "leading_zero": b'{"seed": 01}',
    "plus_sign": b'{"seed": +1}',
    "bare_fraction": b'{"seed": .5}',
    "hexadecimal": b'{"seed": 0x10}',
    "arrays_100000_deep": b'{"seed": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects_100000_deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "arrays_never_closed": b"[" * 100_000,
}


def nested(depth: int) -> object:
    """An array in an array, `depth` of them."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("name", NOT_JSON)
def test_body_that_is_no_json_object_is_400_everywhere(stage: Stage, name: str) -> None:
    for route in POST_ROUTES:
        error = refusal(stage.gateway.post(route, NOT_JSON[name]), 400)
        assert error["code"] == "invalid_json", route
        assert error["type"] == "invalid_request_error"
        assert error["param"] is None
        assert len(error["message"]) < 300
    assert stage.asked == 0


@pytest.mark.parametrize("route", POST_ROUTES)
def test_json_too_deep_to_be_written_again_is_400(stage: Stage, route: str) -> None:
    answer = stage.gateway.post(route, body_for(route, extra=nested(300)))
    assert refusal(answer, 400)["code"] == "invalid_json"
    assert stage.asked == 0


def test_deep_json_within_the_limit_is_passed_on(stage: Stage) -> None:
    deep = nested(200)
    route = "/api/v1/chat/completions"
    assert stage.gateway.post(route, body_for(route, extra=deep)).status_code == 200
    assert stage.chat.request.json()["extra"] == deep


@pytest.mark.parametrize("route", POST_ROUTES)
def test_of_duplicate_keys_the_last_counts_and_goes_on_alone(
    stage: Stage, route: str
) -> None:
    body = json.dumps(body_for(route, seed=2)).encode()
    answer = stage.gateway.post(route, b'{"seed": 1, "model": "nope", ' + body[1:])
    assert answer.status_code == 200
    (request,) = stage.chat.requests + stage.code.requests + stage.embed.requests
    assert request.body.count(b'"seed"') == 1
    assert request.body.count(b'"model"') == 1
    assert request.json()["seed"] == 2


PROMPT = "line\u2028para\u2029next\u0085 \U0001f600 zoë \x7f"


def test_text_is_passed_on_byte_for_byte(stage: Stage) -> None:
    body = body_for("/api/v1/chat/completions")
    body["messages"][0]["content"] = PROMPT
    raw = json.dumps(body, ensure_ascii=False).encode()
    assert stage.gateway.post("/api/v1/chat/completions", raw).status_code == 200
    assert f'"content":"{PROMPT}"'.encode() in stage.chat.request.body


def test_escaped_text_means_the_same_upstream(stage: Stage) -> None:
    body = body_for("/api/v1/chat/completions")
    body["messages"][0]["content"] = PROMPT + '\x00\x1f"\\'
    raw = json.dumps(body, ensure_ascii=True).encode()
    assert stage.gateway.post("/api/v1/chat/completions", raw).status_code == 200
    assert stage.chat.request.json() == body


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        ("1", b"1"),
        ("1.0", b"1.0"),
        ("-0.0", b"-0.0"),
        ("1e2", b"100.0"),
        ("9007199254740993", b"9007199254740993"),
        ("18446744073709551615", b"18446744073709551615"),
        ("18446744073709551616", b"1.8446744073709552e+19"),
        ("-9223372036854775808", b"-9223372036854775808"),
        ("-9223372036854775809", b"-9.223372036854776e+18"),
        ("0.1", b"0.1"),
    ],
)
def test_kinds_of_numbers_are_kept(stage: Stage, sent: str, passed_on: bytes) -> None:
    body = json.dumps(body_for("/api/v1/chat/completions")).encode()
    raw = b'{"seed": %s, %s' % (sent.encode(), body[1:])
    assert stage.gateway.post("/api/v1/chat/completions", raw).status_code == 200
    assert stage.chat.request.body.startswith(b'{"seed":%s,' % passed_on)
