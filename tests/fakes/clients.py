"""Plain clients of the fake, for its own tests: raw sockets and http.client."""

import http.client
import socket
from urllib.parse import urlsplit

from tests.fakes.upstream import FakeUpstream

BOUND_S = 5
GET_X = b"GET /x HTTP/1.1\r\nHost: fake\r\n\r\n"


def connect(fake: FakeUpstream) -> socket.socket:
    """A raw client; the caller closes it."""
    address = urlsplit(fake.url)
    return socket.create_connection((address.hostname, address.port), BOUND_S)


def client(fake: FakeUpstream) -> http.client.HTTPConnection:
    """A client that keeps its connection; the caller closes it."""
    address = urlsplit(fake.url)
    return http.client.HTTPConnection(address.hostname or "", address.port, BOUND_S)


def fetch(fake: FakeUpstream, method: str, path: str) -> tuple[int, bytes]:
    """Status and body of one request over a connection of its own."""
    connection = client(fake)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def fetch_nothing(fake: FakeUpstream) -> None:
    """Ask for `/x` and read to the end, whatever comes."""
    with connect(fake) as sock:
        sock.sendall(GET_X)
        read_all(sock)


def read_all(sock: socket.socket) -> bytes:
    """What comes until FIN."""
    return b"".join(iter(lambda: sock.recv(4096), b""))
