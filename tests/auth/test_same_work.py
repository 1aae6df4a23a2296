"""Nobody learns who exists: whatever the name, a wrong password costs the same work."""

from base64 import b64encode

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.credentials import Credentials
from llmwrap.auth.guests import guest_login
from llmwrap.auth.sign_in import sign_in
from llmwrap.errors import Unauthenticated
from llmwrap.storage import users as stored
from tests.auth.making import VISIT, make_sources


@pytest.fixture
def sources(shelf, check):
    return make_sources(shelf, check=check)


@pytest.fixture
def names(sources, shelf):
    """What somebody is -> a name to try."""
    with shelf.writing() as session:
        for name, columns in (
            ("local", {"password_hash": "fake$s$secret"}),
            ("upper", {"password_hash": "fake$s$secret", "email": "U@example.com"}),
            ("disabled", {"password_hash": "fake$s$secret"}),
            ("deleted", {"password_hash": "fake$s$secret"}),
            ("without", {}),
            ("provider", {"kind": "oidc", "issuer": "i", "subject": "s"}),
        ):
            user = stored.add_user(session, username=name, **columns)
            if name == "disabled":
                stored.set_status(session, user.id, "disabled")
            if name == "deleted":
                stored.delete_user(session, user.id)
    guest = guest_login(sources, VISIT).user.username
    sources.accounts.refresh()
    return {
        "predefined": "alice",
        "blocked": "mallory",
        "unknown": "nobody",
        "nameless": "",
        "guest": guest,
        "address": "u@example.com",
        **{
            name: name
            for name in ("local", "disabled", "deleted", "without", "provider")
        },
    }


KINDS = (
    "predefined",
    "blocked",
    "unknown",
    "nameless",
    "guest",
    "address",
    "local",
    "disabled",
    "deleted",
    "without",
    "provider",
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_sign_in_costs_one_hash(sources, check, names, kind):
    with pytest.raises(Unauthenticated) as refused:
        sign_in(sources, names[kind], "wrong", VISIT)
    assert refused.value.message == "wrong email or password"
    assert len(check.calls) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_password_of_basic_costs_one_hash(sources, check, names, kind):
    text = f"{names[kind]}:wrong"
    header = f"Basic {b64encode(text.encode()).decode()}"
    with pytest.raises(Unauthenticated) as refused:
        Identifier(sources).identify(Credentials(header))
    assert refused.value.message == "wrong username or password"
    assert len(check.calls) == 1


@pytest.mark.parametrize("kind", ["unknown", "deleted", "local", "without"])
def test_a_failed_sign_in_costs_one_look_at_the_database(sources, shelf, names, kind):
    before = shelf.readings
    with pytest.raises(Unauthenticated):
        sign_in(sources, names[kind], "wrong", VISIT)
    assert shelf.readings == before + 1


@pytest.mark.parametrize(
    "kind", ["disabled", "deleted", "without", "provider", "guest"]
)
@pytest.mark.parametrize("password", ["secret", "", "decoy", "fake$decoy$"])
def test_who_cannot_sign_in_cannot_with_any_password(sources, names, kind, password):
    with pytest.raises(Unauthenticated):
        sign_in(sources, names[kind], password, VISIT)
