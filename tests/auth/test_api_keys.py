"""The shared key: compared whole, as bytes, and never good when not configured."""

import pytest

from llmwrap.auth.api_keys import ApiKeys, authenticate_api_key
from llmwrap.auth.credentials import Credential
from llmwrap.auth.principal import Principal
from llmwrap.errors import Unauthenticated

HOLDER = Principal(
    id="usr_8f02ea188f157c2800c023ca",
    kind="api_key",
    name="api_key",
    groups=frozenset({"user"}),
)


def test_the_shared_key_names_a_user_of_group_user():
    assert ApiKeys("sk-shared").find("sk-shared") == HOLDER


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
    ],
)
def test_any_other_key_is_nobodys(key):
    assert ApiKeys("sk-shared").find(key) is None


@pytest.mark.parametrize("key", ["", "x", "None", "\0"])
def test_without_a_configured_key_none_is_good(key):
    assert ApiKeys("").find(key) is None


@pytest.mark.parametrize("key", ["ключ", "\ud800"])
def test_text_that_no_header_can_hold_is_nobodys_key(key):
    assert ApiKeys("????").find(key) is None


def test_a_bearer_key_is_authenticated():
    credential = Credential("bearer", "sk-shared")
    assert authenticate_api_key(ApiKeys("sk-shared"), credential) == HOLDER


def test_a_wrong_key_is_refused():
    with pytest.raises(Unauthenticated, match=r"^invalid API key$"):
        authenticate_api_key(ApiKeys("sk-shared"), Credential("bearer", "sk-other"))


def test_another_scheme_is_not_a_key():
    credential = Credential("basic", "sk-shared")
    assert authenticate_api_key(ApiKeys("sk-shared"), credential) is None
