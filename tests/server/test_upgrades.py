"""Requests that offer another protocol: it is declined, and they are served as they are."""

import json

import pytest

from tests.fakes import FakeUpstream
from tests.server.cases import HOST, get, request
from tests.server.running import Running
from tests.server.stage import CHAT_START, body_of, echo, posted
from tests.server.wire import answers_in, exchange, read_to_end

UPGRADE = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c")
"""As Java's client asks on its first request without TLS, whatever its method (JDK 21)."""


def test_upgrade_is_declined_and_the_connection_not_kept(server: Running) -> None:
    """What a client sends behind it may be of the other protocol."""
    lines = b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    data = get(b"/health").replace(b"\r\n\r\n", lines)
    (answer,) = answers_in(exchange(server.gateway, data + get(b"/health")))
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("behind", [b"", get(b"/health"), b"PRI * HTTP/2.0\r\n\r\n"])
@pytest.mark.parametrize("framing", ["declared", "chunked"])
def test_request_that_would_upgrade_is_served_as_it_is(
    server: Running, upstream: FakeUpstream, framing: str, behind: bytes
) -> None:
    upstream.chat(echo)
    body = json.dumps(body_of("Hello", stream=True)).encode()
    data = posted(body, *UPGRADE)
    if framing == "chunked":
        chunks = b"1\r\n{\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 1, body[1:])
        lines = (HOST, *UPGRADE, b"Transfer-Encoding: chunked")
        data = request(*lines, start=CHAT_START, body=chunks)
    (answer,) = answers_in(exchange(server.gateway, data + behind))
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"Hello"' in answer.body


def test_body_of_a_declined_upgrade_may_come_in_pieces(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(echo)
    data = posted(body_of("Hello", stream=True), *UPGRADE, b"Expect: 100-continue")
    head, _, body = data.partition(b"\r\n\r\n")
    with server.gateway.raw() as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        for at in range(0, len(body), 20):
            sock.sendall(body[at : at + 20])
        (answer,) = answers_in(read_to_end(sock))
    assert b'"Hello"' in answer.body


def test_declined_upgrade_behind_a_stream_waits_for_its_turn(
    server: Running, upstream: FakeUpstream
) -> None:
    upstream.chat(echo)
    first = posted(body_of("one", stream=True))
    second = posted(body_of("two", stream=True), *UPGRADE)
    behind = posted(body_of("three", stream=True))
    answers = answers_in(exchange(server.gateway, first + second + behind))
    assert [b'"one"' in answers[0].body, b'"two"' in answers[1].body] == [True, True]
    assert len(answers) == 2
