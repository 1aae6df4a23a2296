"""Addresses without a server fail in the two ways that they promise."""

import socket
from urllib.parse import urlsplit

import pytest

from tests.fakes import never_accepting_url, refusing_url
from tests.fakes.clients import BOUND_S


def test_refusing_url_refuses() -> None:
    with refusing_url() as url, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port), BOUND_S)


def test_never_accepting_url_lets_connect_hang() -> None:
    with never_accepting_url() as url, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port), 0.2)
