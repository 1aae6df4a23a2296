"""Which names are this machine's, and for which binds a request must use one of them."""

import pytest
from flask import Flask

from llmwrap.errors import Forbidden
from llmwrap.settings.values import Auth, Server, Settings
from llmwrap.web.cors import register_cors
from llmwrap.web.origins import host_of, host_of_origin, is_this_machine


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Localhost", "localhost"),
        ("localhost.:80", "localhost"),
        ("localhost:", "localhost"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000", "[::1]"),
        ("", ""),
        ("a b", ""),
        ("a@localhost", ""),
        ("a:1:2", ""),
        ("::1", ""),
        ("[::1", ""),
        ("a/localhost", ""),
        ("localhost\n", ""),
        ("localhost:x", ""),
    ],
)
def test_host_of_a_header(header: str, host: str) -> None:
    assert host_of(header) == host


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://LocalHost:3000", "localhost"),
        ("https://[::1]:8443", "[::1]"),
        ("file://", ""),
        ("null", ""),
        ("", ""),
        ("http://evil.example/localhost", ""),
        ("http://localhost@evil.example", ""),
    ],
)
def test_host_of_an_origin(origin: str, host: str) -> None:
    assert host_of_origin(origin) == host


def test_this_machine_is_loopback_by_name_or_address() -> None:
    ours = (
        "localhost",
        "a.b.localhost",
        "127.0.0.1",
        "127.255.0.3",
        "[::1]",
        "0.0.0.0",
    )
    others = (
        "",
        "xlocalhost",
        "localhost.example",
        "128.0.0.1",
        "127.1",
        "0x7f.1",
        "[::2]",
    )
    assert [name for name in (*ours, *others) if is_this_machine(name)] == [*ours]


def client_of(bind: str, mode: str, trusted_proxies: int = 0) -> Flask:
    settings = Settings(
        server=Server(bind=bind, trusted_proxies=trusted_proxies),
        auth=Auth(mode=mode),  # type: ignore[arg-type]
    )
    app = Flask(__name__)
    app.testing = True
    app.add_url_rule("/v1/models", view_func=lambda: "served")
    register_cors(app, settings)
    return app


@pytest.mark.parametrize(
    ("bind", "mode", "trusted_proxies", "served"),
    [
        ("127.0.0.1:8000", "auto", 0, False),
        ("127.0.0.1:8000", "auto", 1, False),
        ("127.0.0.1:8000", "off", 0, False),
        ("127.0.0.1:8000", "off", 1, True),
        ("0.0.0.0:8000", "off", 0, True),
        ("10.0.0.5:8000", "off", 0, True),
        ("unix:/run/llmwrap.sock", "auto", 0, True),
        ("unix:/run/llmwrap.sock", "off", 0, True),
        ("127.0.0.1:8000", "required", 0, True),
    ],
)
def test_other_names_are_for_those_who_can_come_from_elsewhere(
    bind: str, mode: str, trusted_proxies: int, served: bool
) -> None:
    client = client_of(bind, mode, trusted_proxies).test_client()
    named = {"Host": "llm.corp.example"}
    if served:
        assert client.get("/v1/models", headers=named).text == "served"
    else:
        with pytest.raises(Forbidden):
            client.get("/v1/models", headers=named)
    if mode != "required":
        foreign = {"Host": "localhost", "Origin": "https://evil.example"}
        with pytest.raises(Forbidden):
            client.get("/v1/models", headers=foreign)
