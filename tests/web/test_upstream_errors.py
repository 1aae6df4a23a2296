"""What an upstream's error answers mean for the client (C38, C57, C58, C62; acceptance 13, 52)."""

import json
from collections.abc import Sequence

import pytest

from tests.fakes import FakeUpstream, Step, done, head, json_answer, send, sse, stream
from tests.web.faults import Ground, Pair
from tests.web.surface import Body, refusal

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"


def answer(
    status: int, body: bytes, content_type: str = "application/json"
) -> list[Step]:
    told = (("Content-Type", content_type), ("Content-Length", str(len(body))))
    return [send(head(status, *told) + body)]


SECRET = "http://10.1.2.3:8000/v1"

SHAPES: dict[str, tuple[bytes, str | None]] = {
    "nested": (b'{"error": {"message": "said so", "code": 400}}', "said so"),
    "flat": (b'{"object": "error", "message": "said so", "code": 400}', "said so"),
    "text": (b'{"error": "said so", "error_type": "x"}', "said so"),
    "detail": (b'{"detail": "said so"}', "said so"),
    "details": (b'{"detail": [{"msg": "said"}, {"msg": "so"}]}', "said; so"),
    "message": (b'{"message": "said so"}', "said so"),
    "nested_deep": (b'{"error": {"error": {"message": "said so"}}}', "said so"),
    "html": (b"<html><body>nginx at 10.1.2.3</body></html>", None),
    "plain": (b"Internal Server Error", None),
    "empty": (b"", None),
    "array": (b"[]", None),
    "null": (b"null", None),
    "no_text": (b'{"error": {"message": null, "code": null}}', None),
    "not_utf_8": (b'{"error": "\xff"}', None),
    "address": (f'{{"error": "no route to {SECRET}"}}'.encode(), None),
}

STATUSES = [
    (400, 400, 400),
    (404, 404, 404),
    (405, 405, 405),
    (409, 409, 409),
    (413, 413, 413),
    (415, 415, 415),
    (422, 400, 400),
    (424, 502, 500),
    (500, 502, 500),
    (501, 501, 501),
    (502, 502, 500),
    (503, 503, 500),
    (504, 502, 500),
    (520, 502, 500),
    (529, 503, 500),
    (599, 502, 500),
]
"""(what the upstream says, what it becomes, what it becomes on the older prefixes)."""


@pytest.mark.parametrize(("status", "newer", "older"), STATUSES)
def test_error_of_an_upstream_has_its_status(
    failing: Ground, status: int, newer: int, older: int
) -> None:
    """C38: a stream gets the status too, not 200."""
    for route, expected in ((NEW, newer), (OLD, older)):
        for wanted in (False, True):
            alone = failing.alone()
            alone.first.fake.chat(json_answer(status, {"error": "said so"}))
            got = alone.gateway.post(route, alone.body(stream=wanted))
            assert refusal(got, expected)["message"] == "said so"
            assert got.headers["x-llmwrap-attempts"] == "1"


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("status", "expected"), [(400, 400), (500, 502)])
def test_error_of_an_upstream_has_one_shape(
    alone: Pair, name: str, status: int, expected: int
) -> None:
    """C57: its words are kept, its pages and addresses are not."""
    raw, text = SHAPES[name]
    alone.first.fake.chat(answer(status, raw))
    got = alone.gateway.post(NEW, alone.body())
    error = refusal(got, expected)
    assert text in (None, error["message"])
    assert "10.1.2.3" not in got.text
    assert "<" not in error["message"]


def test_refusal_keeps_code_and_param(alone: Pair) -> None:
    told = {
        "message": "m",
        "type": "BadRequestError",
        "param": "top_k",
        "code": "bad_k",
    }
    alone.first.fake.chat(json_answer(400, {"error": told}))
    error = refusal(alone.gateway.post(NEW, alone.body()), 400)
    assert (error["code"], error["param"]) == ("bad_k", "top_k")
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("route", [NEW, OLD])
def test_too_long_a_prompt_is_400_with_the_text_that_agents_match(
    alone: Pair, route: str
) -> None:
    """Acceptance 52."""
    text = "This model's maximum context length is 4096 tokens. However, you asked"
    alone.first.fake.chat(json_answer(400, {"error": {"message": text, "code": 400}}))
    assert refusal(alone.gateway.post(route, alone.body()), 400)["message"] == text


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("route", "expected"), [(NEW, 502), (OLD, 500)])
def test_refused_key_of_the_gateway_is_not_the_fault_of_the_caller(
    alone: Pair, status: int, route: str, expected: int
) -> None:
    """C58."""
    told = {"error": {"message": "Incorrect API key sk-of-the-upstream", "code": "x"}}
    alone.first.fake.chat(json_answer(status, told))
    got = alone.gateway.post(route, alone.body())
    error = refusal(got, expected)
    assert error["code"] == "upstream_auth_failed"
    assert "sk-of" not in got.text
    assert "WWW-Authenticate" not in got.headers


@pytest.mark.parametrize("status", [408, 425])
def test_timeout_of_the_upstream_is_504(alone: Pair, status: int) -> None:
    alone.first.fake.chat(json_answer(status, {}))
    error = refusal(alone.gateway.post(NEW, alone.body()), 504)
    assert error["code"] == "upstream_timeout"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (None, "5"),
        ("7", "7"),
        ("60", "60"),
        ("3600", "60"),
        ("0", "1"),
        ("-1", "5"),
        ("abc", "5"),
        ("1e9", "5"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "5"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", "60"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_busy_upstream_says_when_to_come_again(
    alone: Pair, status: int, sent: str | None, told: str
) -> None:
    headers = [("Retry-After", sent)] if sent else []
    alone.first.fake.chat(json_answer(status, {"error": "busy"}, headers))
    got = alone.gateway.post(NEW, alone.body())
    assert got.headers["Retry-After"] == told
    error = refusal(got, status)
    assert error["code"] == {429: "upstream_rate_limited", 503: "overloaded"}[status]
    assert error["message"] == "busy"


def test_rate_limit_stays_429_on_older_prefixes(alone: Pair) -> None:
    alone.first.fake.chat(json_answer(429, {}, [("Retry-After", "9")]))
    got = alone.gateway.post(OLD, alone.body())
    assert refusal(got, 429)["type"] == "rate_limit_error"
    assert got.headers["Retry-After"] == "9"


@pytest.mark.parametrize(("first", "second"), [("30", "7"), ("7", "30")])
def test_shortest_rest_of_all_is_told(pair: Pair, first: str, second: str) -> None:
    pair.first.fake.chat(json_answer(429, {}, [("Retry-After", first)]))
    pair.second.fake.chat(json_answer(429, {}, [("Retry-After", second)]))
    got = pair.gateway.post(NEW, pair.body())
    assert refusal(got, 429)
    assert got.headers["Retry-After"] == "7"
    assert got.headers["x-llmwrap-attempts"] == "2"


def test_answer_after_a_rest_that_another_asked_for_says_nothing_of_it(
    pair: Pair,
) -> None:
    pair.first.fake.chat(json_answer(429, {}, [("Retry-After", "30")]))
    got = pair.gateway.post(NEW, pair.body())
    assert got.status_code == 200
    assert "Retry-After" not in got.headers


def test_model_that_is_being_loaded_is_503(alone: Pair) -> None:
    """llama.cpp's answer."""
    told = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
    alone.first.fake.chat(json_answer(503, {"error": told}))
    got = alone.gateway.post(NEW, alone.body())
    assert refusal(got, 503)["code"] == "model_loading"
    assert got.headers["Retry-After"] == "5"


EVENTS: list[tuple[Body, int, str]] = [
    ({"error": {"message": "m", "code": 400}}, 400, "invalid_value"),
    ({"error": {"message": "m", "code": 429}}, 429, "upstream_rate_limited"),
    ({"error": {"message": "m", "code": 503}}, 503, "overloaded"),
    ({"error": {"message": "m", "type": "x", "code": None}}, 502, "upstream_error"),
    ({"object": "error", "message": "m", "code": 400}, 400, "invalid_value"),
    ({"error": {"message": "m", "http_status_code": 424}}, 502, "upstream_error"),
    ({"error": "m"}, 502, "upstream_error"),
]


@pytest.mark.parametrize(("event", "status", "code"), EVENTS)
def test_error_as_first_event_has_its_real_status(
    alone: Pair, event: Body, status: int, code: str
) -> None:
    alone.first.fake.chat(stream([sse(event), done()]))
    error = refusal(alone.gateway.post(NEW, alone.body(stream=True)), status)
    assert (error["message"], error["code"]) == ("m", code)


@pytest.mark.parametrize(("event", "status", "code"), EVENTS)
def test_error_under_status_200_has_its_real_status(
    failing: Ground, event: Body, status: int, code: str
) -> None:
    for wanted in (False, True):
        alone = failing.alone()
        alone.first.fake.chat(json_answer(200, event))
        error = refusal(alone.gateway.post(NEW, alone.body(stream=wanted)), status)
        assert (error["message"], error["code"]) == ("m", code)


def test_number_that_is_none_leaves_as_strict_json(alone: Pair) -> None:
    said = b'{"index":0,"message":{"role":"assistant","content":"a"},"logprobs":'
    said += b'{"content":[{"token":"a","logprob":-Infinity}]},"finish_reason":"stop"}'
    raw = b'{"choices":[' + said + b'],"x":NaN}'
    alone.first.fake.chat(answer(200, raw, "application/json"))
    got = alone.gateway.post(NEW, alone.body())
    told = json.loads(got.text, parse_constant=pytest.fail)
    token = told["choices"][0]["logprobs"]["content"][0]
    assert (told["x"], token["logprob"]) == (None, -9999.0)


NO_ANSWERS: dict[str, tuple[int, bytes, str]] = {
    "html": (200, b"<html>log in</html>", "text/html"),
    "empty": (200, b"", "application/json"),
    "not_json": (200, b'{"choices": [', "application/json"),
    "nan": (200, b'{"choices": [], "x": nan}', "application/json"),
    "array": (200, b"[]", "application/json"),
    "no_choices": (200, b"{}", "application/json"),
    "choices_no_list": (200, b'{"choices": {}}', "application/json"),
    "no_content": (204, b"", "application/json"),
    "moved": (301, b"", "text/html"),
    "not_modified": (304, b"", "text/html"),
}


@pytest.mark.parametrize("name", NO_ANSWERS)
@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize(("route", "expected"), [(NEW, 502), (OLD, 500)])
def test_answer_that_is_none_is_a_protocol_error(
    alone: Pair, name: str, wanted: bool, route: str, expected: int
) -> None:
    status, raw, content_type = NO_ANSWERS[name]
    script = answer(status, raw, content_type)
    if status in (204, 304):
        script = [send(head(status))]
    alone.first.fake.chat(script)
    got = alone.gateway.post(route, alone.body(stream=wanted))
    error = refusal(got, expected)
    assert error["code"] == "upstream_protocol_error"
    assert error["type"] == "upstream_error"
    assert "log in" not in got.text
    assert got.headers["x-llmwrap-fault"] == "upstream"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(alone: Pair, status: int) -> None:
    with FakeUpstream() as elsewhere:
        target = ("Location", f"{elsewhere.url}/v1/chat/completions")
        script: Sequence[Step] = [send(head(status, target, ("Content-Length", "0")))]
        alone.first.fake.chat(script)
        got = alone.gateway.post(NEW, alone.body())
        assert refusal(got, 502)["code"] == "upstream_protocol_error"
        assert elsewhere.connections == 0
        assert elsewhere.url not in got.text


def test_words_of_the_upstream_are_bounded(alone: Pair) -> None:
    told = json.dumps({"error": {"message": "x" * 100_000}}).encode()
    alone.first.fake.chat(answer(400, told))
    got = alone.gateway.post(NEW, alone.body())
    assert got.status_code == 400
    assert len(got.content) < 10_000
