"""Reading credentials from a WSGI environ and taking them apart."""

import pytest

from llmwrap.auth.credentials import (
    Credential,
    Credentials,
    read_credentials,
    refusal,
)
from llmwrap.errors import Unauthenticated


def test_a_request_without_credentials_presents_none():
    assert read_credentials({"HTTP_ACCEPT": "*/*"}) == Credentials(None, ())
    assert Credentials().split() == []


def test_the_three_headers_are_read():
    environ = {
        "HTTP_AUTHORIZATION": "Bearer a",
        "HTTP_X_API_KEY": "b",
        "HTTP_API_KEY": "c",
    }
    assert read_credentials(environ) == Credentials("Bearer a", ("b", "c"))


def test_an_empty_header_counts_as_present():
    environ = {"HTTP_AUTHORIZATION": "", "HTTP_API_KEY": ""}
    assert read_credentials(environ) == Credentials("", ("",))


def test_credentials_are_listed_with_authorization_first():
    assert Credentials("BASIC YTpi", ("b", "c")).split() == [
        Credential("basic", "YTpi"),
        Credential("bearer", "b"),
        Credential("bearer", "c"),
    ]


def test_only_the_first_space_parts_scheme_from_value():
    assert Credentials("Bearer a b").split() == [Credential("bearer", "a b")]


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(""),
        Credentials(" "),
        Credentials("Bearer"),
        Credentials("Bearer "),
        Credentials("Bearer  a"),
        Credentials("Bearer \ta"),
        Credentials("Bearer\ta"),
        Credentials(None, ("",)),
        Credentials(None, (" b",)),
        Credentials("Bearer a", ("b", "")),
    ],
)
def test_an_empty_or_doubly_spaced_credential_is_malformed(credentials):
    with pytest.raises(Unauthenticated, match=r"^malformed credential"):
        credentials.split()


def test_a_refusal_offers_both_schemes():
    assert refusal("no").answer_headers() == (
        ("WWW-Authenticate", 'Basic realm="llmwrap", charset="UTF-8"'),
        ("WWW-Authenticate", 'Bearer realm="llmwrap"'),
        ("x-llmwrap-fault", "policy"),
    )


def test_a_refusal_has_the_code_of_a_bad_key_unless_told_otherwise():
    assert refusal("no").code == "invalid_api_key"
    assert refusal("no", code="token_expired").code == "token_expired"
    assert Unauthenticated("no").code == "invalid_api_key"
