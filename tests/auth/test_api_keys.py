"""The shared key: compared whole, as bytes, and never good when not configured."""

import pytest

from llmwrap.auth.api_keys import authenticate_api_key
from llmwrap.auth.credentials import Credential
from llmwrap.auth.principal import Principal
from llmwrap.errors import Unauthenticated
from tests.auth.making import make_sources, settings_with

HOLDER = Principal(
    id="usr_8f02ea188f157c2800c023ca",
    kind="api_key",
    name="api_key",
    groups=frozenset({"user"}),
)


@pytest.fixture
def keys(sources):
    return sources.api_keys


@pytest.fixture
def keys_of(empty_database):
    def make(shared_key):
        settings = settings_with(api_key=shared_key)
        return make_sources(empty_database, settings).api_keys

    return make


def test_the_shared_key_names_a_user_of_group_user(keys):
    assert keys.find("sk-shared") == HOLDER


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sk-share",
        "sk-shared ",
        "sk-sharedd",
        "SK-SHARED",
        "sk-shared\0",
        "sk-sharéd",
        "sk-shared" + "d" * 100_000,
    ],
)
def test_any_other_key_is_nobodys(keys, key):
    assert keys.find(key) is None


@pytest.mark.parametrize("key", ["", "x", "None", "\0"])
def test_without_a_configured_key_none_is_good(keys_of, key):
    assert keys_of("").find(key) is None


@pytest.mark.parametrize("key", ["ключ", "\ud800"])
def test_text_that_no_header_can_hold_is_nobodys_key(keys_of, key):
    assert keys_of("????").find(key) is None


def test_a_bearer_key_is_authenticated(keys):
    assert authenticate_api_key(keys, Credential("bearer", "sk-shared")) == HOLDER


def test_a_wrong_key_is_refused(keys):
    with pytest.raises(Unauthenticated, match=r"^invalid API key$"):
        authenticate_api_key(keys, Credential("bearer", "sk-other"))


def test_another_scheme_is_not_a_key(keys):
    assert authenticate_api_key(keys, Credential("basic", "sk-shared")) is None
