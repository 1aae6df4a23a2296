"""Rows 1 to 4: upstreams that no request can be sent to, alone and beside a good one."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes import FakeUpstream, never_accepting_url, refusing_url
from tests.faults.tls import OLD_TLS, TlsServer, make_authority, tls_server
from tests.gateway import Gateway, serving
from tests.web.faults import pool_of
from tests.web.surface import Body, payloads, refusal, reset, texts

NEW, OLD = "/api/v1/chat/completions", "/v1/chat/completions"
NOWHERE = "http://no-such-host.invalid"

BAD_CERTIFICATES = ("expired", "of_another_host", "self_signed", "old_tls")
BAD = ("refusing", "hanging", "unresolvable", *BAD_CERTIFICATES)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority that the gateways trust, with certificates made by it."""
    made = make_authority(tmp_path_factory.mktemp("authority"))
    made.issue("good")
    made.issue("named", name="DNS:localhost")
    made.issue("old_tls")
    made.issue("expired", until="20210101000000Z")
    made.issue("of_another_host", name="DNS:elsewhere.test")
    made.self_signed("self_signed")
    return made.folder


@pytest.fixture(scope="module")
def secure(authority: Path) -> Iterator[Mapping[str, TlsServer]]:
    """A server for each certificate."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(tls_server(authority / f"{name}.pem"))
            for name in ("good", "named", "expired", "of_another_host", "self_signed")
        }
        old = tls_server(authority / "old_tls.pem", OLD_TLS)
        servers["old_tls"] = stack.enter_context(old)
        for name in ("guarded_1", "guarded_2"):
            certificates = (authority / "good.pem", authority / "authority.pem")
            guarded = tls_server(certificates[0], clients=certificates[1])
            servers[name] = stack.enter_context(guarded)
        yield servers


@pytest.fixture(scope="module")
def good() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        reset(fake)
        yield fake


@pytest.fixture(scope="module")
def gateway(
    server: str, authority: Path, secure: Mapping[str, TlsServer], good: FakeUpstream
) -> Iterator[Gateway]:
    """Pools of each bad upstream alone, and of it before a good one (`-spared`)."""
    with refusing_url() as refusing, never_accepting_url() as hanging:
        urls = {"refusing": refusing, "hanging": hanging, "unresolvable": NOWHERE}
        urls |= {name: each.url for name, each in secure.items()}
        pools = [pool_of(name, url) for name, url in urls.items()]
        pools += [pool_of(f"{name}-spared", urls[name], good.url) for name in BAD]
        pools.append(pool_of("dead", refusing, good.url))
        guarded = (secure["guarded_1"].url, secure["guarded_2"].url)
        pools.append(pool_of("guarded", *guarded))
        pools.append(pool_of("by_name", at_localhost(good.url)))
        pools.append(pool_of("by_secure_name", at_localhost(urls["named"])))
        pools.append(pool_of("by_wrong_name", at_localhost(urls["good"])))
        settings = {"timeouts": {"connect_s": 0.2}, "pools": pools}
        trusted = {"SSL_CERT_FILE": str(authority / "authority.pem")}
        with serving(settings, server=server, environ=trusted) as made:
            yield made


def at_localhost(url: str) -> str:
    """The same server by its name, which stands in the system's table of hosts."""
    return url.replace("127.0.0.1", "localhost")


def body_of(model: str, **fields: object) -> Body:
    return {"model": model, "messages": [{"role": "user", "content": "Hi"}], **fields}


def test_certificate_of_a_trusted_authority_is_accepted(gateway: Gateway) -> None:
    """So the others are refused for what is wrong with them."""
    answer = gateway.post(NEW, body_of("good"))
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize("name", ["by_name", "by_secure_name"])
def test_upstream_may_have_a_name(gateway: Gateway, name: str) -> None:
    answer = gateway.post(NEW, body_of(name))
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == "Hello"


def test_certificate_is_for_the_name_and_not_for_its_address(
    gateway: Gateway, secure: Mapping[str, TlsServer]
) -> None:
    before = len(secure["good"].answered)
    answer = gateway.post(NEW, body_of("by_wrong_name"))
    assert refusal(answer, 502)["code"] == "upstream_unreachable"
    assert len(secure["good"].answered) == before


@pytest.mark.parametrize(("route", "status"), [(NEW, 502), (OLD, 500)])
@pytest.mark.parametrize("name", BAD_CERTIFICATES)
def test_bad_certificate_is_never_accepted(
    gateway: Gateway,
    secure: Mapping[str, TlsServer],
    name: str,
    route: str,
    status: int,
) -> None:
    answer = gateway.post(route, body_of(name))
    error = refusal(answer, status)
    assert (error["type"], error["code"]) == ("upstream_error", "upstream_unreachable")
    assert "127.0.0.1" not in answer.text
    assert secure[name].answered == []


def test_old_tls_fails_for_its_version(
    gateway: Gateway, secure: Mapping[str, TlsServer]
) -> None:
    gateway.post(NEW, body_of("old_tls"))
    assert "UNSUPPORTED_PROTOCOL" in secure["old_tls"].failures


@pytest.mark.parametrize("server", ["relay"], indirect=True)
def test_upstream_that_wants_a_certificate_is_not_reached(
    gateway: Gateway, secure: Mapping[str, TlsServer]
) -> None:
    """In TLS 1.3 a client hears of it after its handshake: when it has sent the request."""
    for _ in range(3):
        error = refusal(gateway.post(NEW, body_of("guarded")), 502)
        assert error["code"] == "upstream_unreachable"
    for name in ("guarded_1", "guarded_2"):
        assert secure[name].answered == []
        assert secure[name].failures[0] == "PEER_DID_NOT_RETURN_A_CERTIFICATE"


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_upstream_that_cannot_be_reached_is_passed_over(
    gateway: Gateway, name: str, wanted: bool
) -> None:
    answer = gateway.post(NEW, body_of(f"{name}-spared", stream=wanted))
    assert answer.status_code == 200
    assert answer.headers["x-llmwrap-attempts"] == "2"
    assert answer.headers["x-llmwrap-upstream"] == f"{name}-spared-1"
    if wanted:
        assert texts(payloads(answer.content)) == "Hello"


def test_dead_upstream_beside_a_good_one_costs_no_client_anything(
    gateway: Gateway,
) -> None:
    """After five failures it is ejected, and not asked again for half a minute."""
    answers = [gateway.post(NEW, body_of("dead")) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    attempts = [answer.headers["x-llmwrap-attempts"] for answer in answers]
    assert attempts == ["2"] * 5 + ["1"] * 45
