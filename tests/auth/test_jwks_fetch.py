"""Fetching a provider's keys: nothing is followed, nothing takes long."""

import pytest
from urllib3.exceptions import HTTPError

from llmwrap.auth.jwks import FetchFailed, fetcher
from tests.fakes import (
    FakeUpstream,
    close,
    head,
    json_answer,
    refusing_url,
    rst,
    send,
    stall,
)


@pytest.fixture
def site():
    with FakeUpstream() as fake:
        yield fake


def test_fetch_asks_for_the_document_and_nothing_else(site):
    site.on("GET", "/certs", json_answer(200, {"keys": []}))
    assert fetcher(f"{site.url}/certs?p=policy")() == b'{"keys": []}'
    (request,) = site.journal
    assert request.target == "/certs?p=policy"
    assert dict(request.headers)["Accept-Encoding"] == "identity"
    assert "Authorization" not in dict(request.headers)


def test_proxies_and_netrc_of_the_environment_are_not_heeded(
    site, monkeypatch, tmp_path
):
    site.on("GET", "/certs", json_answer(200, {"keys": []}))
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login canary password canary\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetcher(f"{site.url}/certs")() == b'{"keys": []}'
    assert "Authorization" not in dict(site.journal[0].headers)


def test_redirect_is_not_followed(site):
    with FakeUpstream() as other:
        place = ("Location", f"{other.url}/certs")
        site.on("GET", "/certs", json_answer(302, {}, [place]))
        with pytest.raises(FetchFailed):
            fetcher(f"{site.url}/certs")()
        assert other.journal == ()


MEBIBYTE = b" " * 1_048_576
FAILING = {
    "500": json_answer(500, {"keys": []}),
    "204": [send(head(204))],
    "over 1 MiB": [
        send(head(200, ("Content-Length", "1048577")) + MEBIBYTE + b" "),
    ],
    "over 1 MiB, until the end": [send(head(200) + MEBIBYTE + b" "), close()],
    "reset": [rst()],
    "cut": [send(head(200, ("Content-Length", "9")) + b"{"), close()],
    "no HTTP": [send(b"hello\r\n\r\n"), close()],
}


@pytest.mark.parametrize("name", FAILING)
def test_answer_that_is_no_short_document_fails(site, name):
    site.on("GET", "/certs", FAILING[name])
    with pytest.raises((FetchFailed, OSError, HTTPError)):
        fetcher(f"{site.url}/certs")()


def test_document_of_1_mib_is_taken(site):
    site.on(
        "GET",
        "/certs",
        [send(head(200, ("Content-Length", "1048576")) + MEBIBYTE)],
    )
    assert fetcher(f"{site.url}/certs")() == MEBIBYTE


def test_provider_that_is_gone_fails():
    with refusing_url() as url, pytest.raises(HTTPError):
        fetcher(f"{url}/certs")()


@pytest.mark.integration
@pytest.mark.parametrize("drips", [False, True])
def test_silent_provider_is_left_after_3_s(site, drips):
    first = [send(head(200, ("Content-Length", "9")) + b"{")] if drips else []
    site.on("GET", "/certs", [*first, stall()])
    with pytest.raises((FetchFailed, HTTPError)):
        fetcher(f"{site.url}/certs")()
