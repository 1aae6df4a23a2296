"""What answers say of who asked."""

import pytest

from llmwrap.auth.identity import identity_headers, method_of
from llmwrap.auth.principal import ANONYMOUS, Principal

ZOE = Principal("usr_1", "basic", name="zoë", email="zoë+1%@example.com", subject="s")


@pytest.mark.parametrize(
    ("kind", "method"),
    [("basic", "basic"), ("jwt", "jwt"), ("guest", "jwt"), ("api_key", "apikey")],
)
def test_the_method_has_a_word_for_each_kind(kind, method):
    principal = Principal("usr_1", kind)
    assert dict(identity_headers(principal))["X-Auth-Method"] == method
    assert method_of(principal) == method


def test_text_is_percent_encoded_where_it_is_not_printable_ascii():
    assert dict(identity_headers(ZOE)) == {
        "X-Auth-Method": "basic",
        "X-User-ID": "usr_1",
        "X-User-Subject": "s",
        "X-User-Username": "zo%C3%AB",
        "X-User-Email": "zo%C3%AB+1%25@example.com",
        "X-Principal-Id": "usr_1",
    }


@pytest.mark.parametrize("text", ["a\r\nX-Evil: 1", "\0", "\x7f", "\u2028", "\ud800"])
def test_nothing_of_a_name_can_leave_its_header(text):
    (told,) = (
        value
        for name, value in identity_headers(Principal("usr_1", "jwt", name=text))
        if name == "X-User-Username"
    )
    assert told.isascii()
    assert told.isprintable()


def test_the_subject_is_the_id_of_who_has_none():
    told = dict(identity_headers(Principal("usr_1", "jwt")))
    assert told["X-User-Subject"] == "usr_1"
    assert "X-User-Email" not in told


def test_a_limited_key_says_what_it_opens():
    key = Principal(
        "usr_1",
        "api_key",
        models=(("a b*",), ("c",)),
        services=frozenset({"chat", "api"}),
    )
    told = dict(identity_headers(key))["X-Scopes"]
    assert told == "service:api service:chat model:a%20b* model:c"


def test_nobody_is_told_of_anonymous():
    assert list(identity_headers(ANONYMOUS)) == []
    assert method_of(ANONYMOUS) == "none"
