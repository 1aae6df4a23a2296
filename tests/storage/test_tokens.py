"""Refresh tokens are good once; access tokens can be ended before their time."""

import pytest

from llmwrap.storage.tokens import (
    end_family,
    purge_tokens,
    revoke_family,
    revoke_refresh_tokens_of,
    revoke_token,
    revoked_tokens,
    use_refresh_token,
)
from llmwrap.storage.users import UnknownUser, add_user, delete_user
from tests.storage.rows import HOUR, NOW, alice, refresh_token


@pytest.fixture
def session(database):
    with database.writing() as session:
        yield session


def use(session, token_hash, *, now=NOW) -> str:
    return use_refresh_token(session, token_hash, now=now, replaced_by="next").outcome


def test_token_is_good_for_one_use_and_tells_whose_it_is(session):
    user = alice(session)
    refresh_token(session, user, ip="10.0.0.1", user_agent="curl")

    used = use_refresh_token(session, "r1", now=NOW, replaced_by="r2")

    assert (used.outcome, used.user, used.family_id) == ("ok", user, "f1")


def test_unknown_token_is_nobody_s(session):
    used = use_refresh_token(session, "r1", now=NOW, replaced_by="r2")

    assert (used.outcome, used.user, used.family_id) == ("unknown", None, "")


def test_second_use_ends_the_whole_family(session):
    user = alice(session)
    refresh_token(session, user)
    use(session, "r1")
    refresh_token(session, user, "r2")
    refresh_token(session, user, "other", family_id="f2")

    again = use_refresh_token(session, "r1", now=NOW, replaced_by="r3")

    assert (again.outcome, again.user, again.family_id) == ("reused", user, "f1")
    assert use(session, "r2") == "revoked"
    assert use(session, "r1") == "revoked"
    assert use(session, "other") == "ok"


def test_expired_token_is_refused_and_ends_nothing(session):
    user = alice(session)
    refresh_token(session, user)
    refresh_token(session, user, "r2", expires_at=NOW + 2 * HOUR)

    assert use(session, "r1", now=NOW + HOUR) == "expired"
    assert use(session, "r2", now=NOW + HOUR) == "ok"


def test_reuse_of_a_token_is_noticed_after_its_end(session):
    user = alice(session)
    refresh_token(session, user)
    use(session, "r1")
    refresh_token(session, user, "r2", expires_at=NOW + 9 * HOUR)

    assert use(session, "r1", now=NOW + 2 * HOUR) == "reused"
    assert use(session, "r2", now=NOW + 2 * HOUR) == "revoked"


def test_signing_out_ends_the_family_of_the_token(session):
    user = alice(session)
    refresh_token(session, user)
    refresh_token(session, user, "r2")
    refresh_token(session, user, "other", family_id="f2")

    assert revoke_family(session, "r1", NOW) is True
    assert revoke_family(session, "r1", NOW) is False
    assert revoke_family(session, "unknown", NOW) is False

    assert [use(session, token) for token in ("r1", "r2", "other")] == [
        "revoked",
        "revoked",
        "ok",
    ]


def test_family_is_ended_by_its_name(session):
    user = alice(session)
    refresh_token(session, user)
    refresh_token(session, user, "other", family_id="f2")

    for family in ("f1", "f1", "unknown"):
        end_family(session, family, NOW)

    assert [use(session, token) for token in ("r1", "other")] == ["revoked", "ok"]


def test_every_refresh_token_of_one_user_can_be_ended(session):
    user, other = alice(session), add_user(session, username="bob")
    refresh_token(session, user)
    refresh_token(session, user, "r2", family_id="f2")
    refresh_token(session, other, "r3", family_id="f3")

    revoke_refresh_tokens_of(session, user.id, NOW)

    assert [use(session, token) for token in ("r1", "r2", "r3")] == [
        "revoked",
        "revoked",
        "ok",
    ]


def test_nobody_gets_no_token(session):
    gone = alice(session)
    delete_user(session, gone.id)

    with pytest.raises(UnknownUser):
        refresh_token(session, gone)


def test_access_token_is_refused_until_its_end(session):
    revoke_token(session, "jti-1", user_id="usr_1", expires_at=NOW + HOUR)
    revoke_token(session, "jti-1", user_id="usr_1", expires_at=NOW + HOUR)
    revoke_token(session, "jti-2", user_id="usr_1", expires_at=NOW + 2 * HOUR)

    assert revoked_tokens(session, NOW) == {"jti-1", "jti-2"}
    assert revoked_tokens(session, NOW + HOUR) == {"jti-2"}


def test_tokens_past_their_end_are_removed(session):
    user = alice(session)
    refresh_token(session, user)
    refresh_token(session, user, "r2", expires_at=NOW + 2 * HOUR)
    revoke_token(session, "jti-1", user_id=user.id, expires_at=NOW + HOUR)
    revoke_token(session, "jti-2", user_id=user.id, expires_at=NOW + 2 * HOUR)

    assert purge_tokens(session, NOW + HOUR) == 2
    assert purge_tokens(session, NOW + HOUR) == 0

    assert [use(session, token) for token in ("r1", "r2")] == ["unknown", "ok"]
    assert revoked_tokens(session, NOW) == {"jti-2"}
