"""Who loses access in the middle of an answer: it ends with the next look."""

from datetime import UTC, datetime

import pytest

from llmwrap.auth.authenticators import Identifier
from llmwrap.auth.sign_in import sign_in, sign_out
from llmwrap.errors import StorageUnavailable
from llmwrap.exchange import Exchange
from llmwrap.storage.api_keys import revoke_key
from tests.auth.making import (
    BEAS_PASSWORD,
    VISIT,
    bearer,
    lose_access,
)


def exchange_of(principal):
    return Exchange(
        id="x",
        request_id="x",
        method="POST",
        path="/",
        client_ip="",
        started=0,
        user_id=principal.id,
        key_id=principal.key_id,
        token_id=principal.token_id,
        token_version=principal.token_version,
    )


class Answer:
    """An answer on its way; what interrupted it is in `errors`."""

    def __init__(self, sources, credentials):
        principal = Identifier(sources).identify(credentials)
        self.errors = []
        self.watched = sources.accounts.running.watching(
            exchange_of(principal), self.errors.append
        )
        self.watched.__enter__()

    def end(self):
        self.watched.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("blocked", "this account was blocked"),
        ("disabled", "this account was disabled"),
        ("deleted", "this account was disabled"),
        ("password", "the password of this account was changed"),
    ],
)
def test_an_answer_ends_with_what_happened_to_the_account(here, shelf, bea, how, told):
    token = sign_in(here, "bea", "secret", VISIT).token
    answers = [Answer(here, bearer(token)), Answer(here, BEAS_PASSWORD)]
    other = Answer(here, bearer("sk-shared"))
    lose_access(shelf, bea, how)
    here.accounts.refresh()
    here.accounts.refresh()
    for answer in answers:
        (error,) = answer.errors
        assert (error.message, error.code, error.status) == (
            told,
            "access_revoked",
            403,
        )
    assert other.errors == []


def test_an_answer_ends_with_its_key(here, shelf, bea, key):
    answer, other = Answer(here, bearer(key[1])), Answer(here, bearer("sk-shared"))
    with shelf.writing() as session:
        revoke_key(session, key[0].id, user_id=None, now=datetime.now(UTC))
    here.accounts.refresh()
    assert [error.message for error in answer.errors] == ["this API key was revoked"]
    assert other.errors == []


def test_an_answer_by_a_key_goes_on_after_a_new_password(here, shelf, bea, key):
    answer = Answer(here, bearer(key[1]))
    lose_access(shelf, bea, "password")
    here.accounts.refresh()
    assert answer.errors == []


def test_an_answer_ends_with_its_session_at_once(here, bea):
    first, second = (sign_in(here, "bea", "secret", VISIT).token for _ in range(2))
    answer, other = Answer(here, bearer(first)), Answer(here, bearer(second))
    sign_out(here, Identifier(here).identify(bearer(first)), VISIT)
    assert [error.message for error in answer.errors] == ["this session was ended"]
    assert other.errors == []


def test_an_answer_that_is_over_is_not_interrupted(here, shelf, bea):
    answer = Answer(here, BEAS_PASSWORD)
    answer.end()
    lose_access(shelf, bea, "blocked")
    here.accounts.refresh()
    assert answer.errors == []


def test_what_was_revoked_while_the_database_was_away_is_known_afterwards(
    here, shelf, bea, key, wall_clock
):
    answer = Answer(here, bearer(key[1]))
    shelf.away = StorageUnavailable("away")
    with pytest.raises(StorageUnavailable):
        here.accounts.refresh()
    shelf.away = None
    with shelf.writing() as session:
        now = datetime.fromtimestamp(wall_clock.now, UTC)
        revoke_key(session, key[0].id, user_id=None, now=now)
    wall_clock.now += 600
    here.accounts.refresh()
    assert len(answer.errors) == 1
