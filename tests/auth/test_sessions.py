"""Sessions: a good token stands for the user as the records have it now."""

import pytest

from llmwrap.auth.credentials import Credential
from llmwrap.auth.jwt_tokens import authenticate_session
from llmwrap.auth.users import PredefinedUsers
from llmwrap.errors import Unauthenticated
from llmwrap.settings.values import User


def test_a_session_has_the_groups_of_now_not_of_the_sign_in(tokens, users):
    token, _ = tokens.issue(users.by_username("alice"))
    now = PredefinedUsers([User("alice", "h", "a@example.com", ("admin", "blocked"))])
    principal = authenticate_session(now, tokens, Credential("bearer", token))
    assert principal.kind == "jwt"
    assert principal.groups == frozenset({"admin", "blocked"})


def test_a_session_of_a_deleted_user_is_refused(tokens, users):
    token, _ = tokens.issue(users.by_username("alice"))
    with pytest.raises(Unauthenticated, match=r"^invalid session token$"):
        authenticate_session(PredefinedUsers([]), tokens, Credential("bearer", token))


@pytest.mark.parametrize(
    "credential",
    [
        Credential("basic", "eyJ.eyJ.x"),
        Credential("bearer", "sk-shared"),
        Credential("bearer", "eyJ.eyJ"),
        Credential("bearer", "eyJ.eyJ.x."),
        Credential("bearer", "xeyJ.eyJ.x"),
    ],
)
def test_what_does_not_look_like_a_jwt_is_not_a_session(users, tokens, credential):
    assert authenticate_session(users, tokens, credential) is None


def test_what_looks_like_a_jwt_is_one_or_is_refused(users, tokens):
    with pytest.raises(Unauthenticated):
        authenticate_session(users, tokens, Credential("bearer", "eyJ.sk.shared"))
