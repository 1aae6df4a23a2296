"""One upstream's list of models, from the answer to its call."""

import pytest

from llmwrap.dialects.base import Call, Model
from llmwrap.errors import UpstreamAuthFailed, UpstreamError, UpstreamProtocolError
from llmwrap.upstreams.listing import lister
from llmwrap.upstreams.upstream import Upstream
from tests.upstreams.making import make_upstream

EMPTY_LIST = b'{"data":[]}'


class Client:
    """Answers every call alike, and keeps it."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = status, body
        self.calls: list[tuple[str, str, str]] = []

    def fetch(
        self, upstream: Upstream, call: Call, limit_bytes: int
    ) -> tuple[int, bytes]:
        assert limit_bytes == 4_194_304
        self.calls.append((upstream.name, call.method, call.path))
        return self._answer


def _list(status: int, body: bytes, *family: str) -> tuple[Model, ...]:
    client = Client(status, body)
    found = lister(client)(make_upstream("a", family))
    assert client.calls == [("a", "GET", "/models")]
    return found


def test_list_is_read_from_the_answer() -> None:
    body = b'{"object":"list","data":[{"id":"m","created":7}]}'
    assert _list(200, body, "*") == (Model("m", 7, {"id": "m", "created": 7}),)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_server_without_a_list_serves_the_plain_names_of_its_pool(status: int) -> None:
    assert _list(status, b"", "bge-m3", "e5-*") == (Model("bge-m3", 0, {}),)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_server_without_a_list_fails_where_the_pool_has_only_patterns(
    status: int,
) -> None:
    with pytest.raises(UpstreamProtocolError, match="has no list of models"):
        _list(status, b"", "e5-*")


def test_failing_server_is_an_error_though_the_pool_has_names() -> None:
    with pytest.raises(UpstreamError):
        _list(500, b"", "bge-m3")
    with pytest.raises(UpstreamAuthFailed):
        _list(401, b"", "bge-m3")
    with pytest.raises(UpstreamProtocolError):
        _list(302, b"", "bge-m3")
    with pytest.raises(UpstreamProtocolError):
        _list(200, b"<html>", "bge-m3")


def test_empty_list_is_believed() -> None:
    assert _list(200, EMPTY_LIST, "bge-m3") == ()
