"""Tokens and the provider's own server: rotation, outage, slow answers."""

import threading

import pytest

from llmwrap.auth.jwks import fetcher
from llmwrap.auth.oidc import OidcTokens
from llmwrap.errors import IdentityProviderUnavailable, Unauthenticated
from tests.auth.issuer import GOOD, NOW, OTHER_RSA, RSA, SETTINGS, jwk, token
from tests.fakes import FakeUpstream, json_answer, refusing_url, wait


@pytest.fixture
def site():
    with FakeUpstream() as fake:
        yield fake


def published(*entries):
    return json_answer(200, {"keys": entries})


def over_http(site, clock):
    return OidcTokens(SETTINGS, fetcher(f"{site.url}/certs"), clock)


def test_rotation_costs_one_fetch_and_old_tokens_stay_good(site, clock):
    """Acceptance 28."""
    both = published(jwk(RSA), jwk(OTHER_RSA, "rsa-2"))
    site.on("GET", "/certs", published(jwk(RSA)), then=[both])
    oidc = over_http(site, clock)
    oidc.verify(GOOD)
    clock.now += 30
    oidc.verify(token(OTHER_RSA, header={"kid": "rsa-2"}))
    oidc.verify(token(jti="t2"))
    assert len(site.journal) == 2


def test_tokens_stay_good_while_the_provider_is_down(site, clock):
    site.on("GET", "/certs", published(jwk(RSA)), then=[json_answer(503, {})])
    oidc = over_http(site, clock)
    oidc.verify(GOOD)
    clock.now += 80_000
    late = {"iat": NOW + 80_000, "exp": NOW + 80_300}
    assert oidc.verify(token(**late)).subject == "f:1:alice"
    with pytest.raises(Unauthenticated):
        oidc.verify(token(header={"kid": "new"}, **late))
    assert len(site.journal) == 2


def test_a_provider_that_was_never_reached_is_our_trouble_and_not_the_callers(clock):
    with refusing_url() as url:
        oidc = OidcTokens(SETTINGS, fetcher(f"{url}/certs"), clock)
        with pytest.raises(IdentityProviderUnavailable) as told:
            oidc.verify(GOOD)
    assert (told.value.status, told.value.fault) == (503, "gateway")
    assert told.value.code == "identity_provider_unavailable"


def test_a_slow_provider_is_waited_for(site, clock):
    answering = threading.Event()
    site.on("GET", "/certs", [wait(answering), *published(jwk(RSA))])
    oidc = over_http(site, clock)
    oidc.start()
    site.wait_for_requests(1)
    answering.set()
    assert oidc.verify(GOOD).subject == "f:1:alice"
    assert len(site.journal) == 1
