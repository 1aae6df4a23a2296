"""Who sent a request: the schemes, their combinations, and every malformed header."""

import base64
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmwrap.auth.authenticators import AUTHENTICATORS, Identifier
from llmwrap.auth.credentials import Credentials, read_credentials
from llmwrap.auth.principal import ANONYMOUS
from llmwrap.errors import Unauthenticated
from llmwrap.settings.values import Auth, Settings
from tests.auth.making import make_sources

ALICE = "usr_2bd806c97f0e00af1a1fc332"
KEY_HOLDER = "usr_8f02ea188f157c2800c023ca"


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.fixture
def token(sources):
    return sources.tokens.issue(sources.accounts.by_username("alice"))[0]


def test_keys_are_asked_last_and_first_in_what_looks_like_a_password():
    names = ["key_in_basic", "basic", "oidc", "session", "api_key"]
    assert list(AUTHENTICATORS) == names


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "bAsIc"])
def test_basic_in_any_case_is_a_user(identifier, scheme):
    header = basic("alice:wonderland").replace("Basic", scheme)
    principal = identifier.identify(Credentials(header))
    assert (principal.id, principal.kind) == (ALICE, "basic")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_bearer_in_any_case_is_a_session(identifier, token, scheme):
    principal = identifier.identify(Credentials(f"{scheme} {token}"))
    assert (principal.id, principal.kind) == (ALICE, "jwt")


def test_a_session_token_is_good_in_a_key_header_too(identifier, token):
    principal = identifier.identify(Credentials(None, (token,)))
    assert (principal.id, principal.kind) == (ALICE, "jwt")


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials("Bearer sk-shared"),
        Credentials(None, ("sk-shared",)),
        Credentials("Bearer sk-shared", ("sk-shared",)),
        Credentials("Bearer sk-shared", ("sk-shared", "sk-shared")),
    ],
)
def test_the_shared_key_is_good_everywhere_and_repeated(identifier, credentials):
    principal = identifier.identify(credentials)
    assert (principal.id, principal.kind) == (KEY_HOLDER, "api_key")


def test_a_blocked_user_is_identified(identifier):
    principal = identifier.identify(Credentials(basic("mallory:let-me-in")))
    assert principal.blocked


def test_two_credentials_of_one_user_are_good(identifier, token):
    credentials = Credentials(basic("alice:wonderland"), (token,))
    principal = identifier.identify(credentials)
    assert (principal.id, principal.kind) == (ALICE, "basic")


def test_two_credentials_of_two_users_are_refused(identifier, token):
    credentials = Credentials(f"Bearer {token}", ("sk-shared",))
    with pytest.raises(Unauthenticated, match=r"belong to different users$"):
        identifier.identify(credentials)


@pytest.mark.parametrize(
    "text", ["any:sk-shared", ":sk-shared", "sk-shared:", "alice:sk-shared"]
)
def test_the_shared_key_is_good_as_the_password_of_basic(identifier, text):
    principal = identifier.identify(Credentials(basic(text)))
    assert (principal.id, principal.kind) == (KEY_HOLDER, "api_key")


@pytest.mark.parametrize("text", ["sk-shared:wrong", "sk-shared:wonderland"])
def test_a_key_as_the_name_counts_only_without_a_password(identifier, text):
    with pytest.raises(Unauthenticated, match=r"^wrong username or password$"):
        identifier.identify(Credentials(basic(text)))


def test_what_looks_like_a_key_in_basic_is_one_or_is_refused(identifier, check):
    header = basic("alice:sk_live_" + "0" * 48)
    with pytest.raises(Unauthenticated, match=r"^invalid API key$"):
        identifier.identify(Credentials(header))
    assert check.calls == []


def test_the_key_of_the_path_is_one_more_credential(identifier):
    alone = read_credentials({"llmwrap.path_key": "sk-shared"})
    assert identifier.identify(alone).id == KEY_HOLDER
    beside = {"llmwrap.path_key": "sk-shared"}
    beside["HTTP_AUTHORIZATION"] = basic("alice:wonderland")
    with pytest.raises(Unauthenticated, match=r"belong to different users$"):
        identifier.identify(read_credentials(beside))


def test_the_third_credential_counts_like_the_second(identifier, token):
    credentials = Credentials("Bearer sk-shared", ("sk-shared", token))
    with pytest.raises(Unauthenticated, match=r"belong to different users$"):
        identifier.identify(credentials)


def test_no_credential_is_refused_with_what_is_accepted(identifier):
    with pytest.raises(Unauthenticated, match=r"^no credential; send") as refused:
        identifier.identify(Credentials())
    assert refused.value.answer_headers() == (
        ("WWW-Authenticate", 'Basic realm="llmwrap", charset="UTF-8"'),
        ("WWW-Authenticate", 'Bearer realm="llmwrap"'),
        ("x-llmwrap-fault", "policy"),
    )


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials("Bearer sk-wrong", ("",)),
        Credentials(basic("alice:wrong")),
        Credentials(basic("alice:wonderland")),
        Credentials("\xff"),
    ],
)
def test_while_auth_is_off_nothing_is_looked_at(sources, check, credentials):
    off = replace(sources.settings, auth=Auth(mode="off", api_key="sk-shared"))
    identifier = Identifier(replace(sources, settings=off))
    assert identifier.identify(credentials) == ANONYMOUS
    assert check.calls == []


def test_required_without_any_source_refuses_every_key(empty_database):
    closed = Settings(auth=Auth(mode="required"))
    identifier = Identifier(make_sources(empty_database, closed))
    with pytest.raises(Unauthenticated, match=r"^invalid API key$"):
        identifier.identify(Credentials(None, ("sk-shared",)))


BAD = {
    "authorization empty": Credentials(""),
    "authorization a space": Credentials(" "),
    "bearer alone": Credentials("Bearer"),
    "bearer and a space": Credentials("Bearer "),
    "bearer, two spaces": Credentials("Bearer  sk-shared"),
    "bearer, space after": Credentials("Bearer sk-shared "),
    "bearer, space before": Credentials(" Bearer sk-shared"),
    "bearer, tab": Credentials("Bearer\tsk-shared"),
    "bearer with a colon": Credentials("Bearer: sk-shared"),
    "bearer in quotes": Credentials('Bearer "sk-shared"'),
    "bearer as a parameter": Credentials("Bearer token=sk-shared"),
    "bearer twice": Credentials("Bearer sk-shared,Bearer sk-shared"),
    "bearer twice, spaced": Credentials("Bearer sk-shared, Bearer sk-shared"),
    "bearer bearer": Credentials("Bearer Bearer sk-shared"),
    "bearer other key": Credentials("Bearer sk-other"),
    "bearer NUL": Credentials("Bearer sk-shared\0"),
    "bearer not ASCII": Credentials("Bearer sk-sharéd"),
    "bearer not a token": Credentials("Bearer eyJ.a.b"),
    "bearer user and password": Credentials("Bearer YWxpY2U6d29uZGVybGFuZA=="),
    "key without scheme": Credentials("sk-shared"),
    "unknown scheme": Credentials("Token sk-shared"),
    "digest": Credentials('Digest username="alice", nonce="%"'),
    "negotiate": Credentials("Negotiate YWxpY2U6d29uZGVybGFuZA=="),
    "basic alone": Credentials("Basic"),
    "basic and a space": Credentials("Basic "),
    "basic, two spaces": Credentials("Basic  YWxpY2U6d29uZGVybGFuZA=="),
    "basic in clear": Credentials("Basic alice:wonderland"),
    "basic not padded": Credentials("Basic YWxpY2U6d29uZGVybGFuZA"),
    "basic cut": Credentials("Basic YWxpY2U6d29uZGVybGFuZ"),
    "basic with a blank inside": Credentials("Basic YWxpY2U6 d29uZGVybGFuZA=="),
    "basic twice": Credentials(basic("alice:wonderland") + "," + basic("alice:x")),
    "basic without colon": Credentials(basic("alice")),
    "basic only colon": Credentials(basic(":")),
    "basic no name": Credentials(basic(":wonderland")),
    "basic no password": Credentials(basic("alice:")),
    "basic wrong password": Credentials(basic("alice:wrong")),
    "basic unknown user": Credentials(basic("nobody:wonderland")),
    "basic not UTF-8": Credentials("Basic /w=="),
    "basic in Latin-1": Credentials("Basic em/rOnBhOnNzIHf2cmQ="),
    "basic not ASCII": Credentials("Basic é"),
    "basic no-break space": Credentials("Basic YWxpY2U6d29uZGVybGFuZA==\xa0"),
    "basic parameters": Credentials('Basic username="alice", password="wonderland"'),
    "basic with a NUL": Credentials(basic("alice:wonderland\0")),
    "basic name in other case": Credentials(basic("Alice:wonderland")),
    "basic email": Credentials(basic("alice@example.com:wonderland")),
    "basic huge": Credentials(basic("alice:" + "x" * 100_000)),
    "key header empty": Credentials(None, ("",)),
    "key header a space": Credentials(None, (" ",)),
    "key header twice": Credentials(None, ("sk-shared,sk-shared",)),
    "key header wrong": Credentials(None, ("sk-other",)),
    "key header with scheme": Credentials(None, ("Bearer sk-shared",)),
    "key header user": Credentials(None, (basic("alice:wonderland"),)),
    "key header not ASCII": Credentials(None, ("sk-sharéd",)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_credential_is_401_with_challenges(identifier, name):
    with pytest.raises(Unauthenticated) as refused:
        identifier.identify(BAD[name])
    assert refused.value.status == 401
    assert [name for name, _ in refused.value.answer_headers()] == [
        "WWW-Authenticate",
        "WWW-Authenticate",
        "x-llmwrap-fault",
    ]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_credential_is_401_beside_a_good_one(identifier, name):
    bad = BAD[name]
    beside = replace(bad, keys=(*bad.keys, "sk-shared"))
    with pytest.raises(Unauthenticated):
        identifier.identify(beside)


@pytest.mark.parametrize("name", BAD)
def test_a_refusal_repeats_nothing_of_the_credential(identifier, name):
    with pytest.raises(Unauthenticated) as refused:
        identifier.identify(BAD[name])
    for secret in ("sk-", "wonderland", "alice", "YWxp", "eyJ"):
        assert secret not in refused.value.message


header_text = st.binary(max_size=80).map(lambda raw: raw.decode("latin-1"))
authorization = st.one_of(
    st.none(),
    header_text,
    header_text.map("Bearer {}".format),
    header_text.map("Basic {}".format),
    st.binary(max_size=40).map(lambda b: "Basic " + base64.b64encode(b).decode()),
    st.lists(st.binary(max_size=30).map(base64.urlsafe_b64encode), max_size=4).map(
        lambda parts: "Bearer eyJ" + b".".join(parts).decode()
    ),
)


@given(authorization=authorization, keys=st.lists(header_text, max_size=2))
@settings(
    max_examples=300,
    deadline=None,
    # The identifier keeps nothing from one example that another could see.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_random_headers_are_refused_and_nothing_else(identifier, authorization, keys):
    credentials = Credentials(authorization, tuple(keys))
    with pytest.raises(Unauthenticated):
        identifier.identify(credentials)
