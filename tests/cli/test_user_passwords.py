"""`llmwrap user passwd`, and what is never shown or asked."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from werkzeug.security import check_password_hash

from llmwrap.auth.basic import MIN_NEW_CHARS
from llmwrap.storage.tokens import add_refresh_token, use_refresh_token
from llmwrap.storage.users import user_by_id
from tests.cli.operator import PASSWORD, ROOT
from tests.cli.terminal import typed

LATER = timedelta(days=1)


def begin_session(operator, user):
    """A session that lives on the refresh token `r1`."""
    now = datetime.now(UTC)
    with operator.database.writing() as session:
        add_refresh_token(
            session,
            token_hash="r1",
            family_id="f1",
            user_id=user.id,
            issued_at=now,
            expires_at=now + LATER,
        )


def use_session(operator):
    with operator.database.writing() as session:
        now = datetime.now(UTC)
        return use_refresh_token(session, "r1", now=now, replaced_by="r2").outcome


def stored(operator, user):
    with operator.database.reading() as session:
        return user_by_id(session, user.id)


def test_a_new_password_replaces_the_old_one_and_ends_sessions(either):
    ann = either.seed(password_hash="before")
    begin_session(either, ann)

    said = either.done("user", "passwd", "ann", stdin=b"battery staple\n")

    row = stored(either, ann)
    assert said == "ann has a new password\n"
    assert check_password_hash(row.password_hash, "battery staple")
    assert row.token_version == 1
    assert use_session(either) == "revoked"
    assert either.audited() == [("cli", "password_changed", "user", ann.id)]


def test_blocking_ends_no_session(either):
    ann = either.seed(password_hash="before")
    begin_session(either, ann)

    either.done("user", "block", "ann")

    assert stored(either, ann).token_version == 0
    assert use_session(either) == "ok"


def test_the_password_of_a_predefined_user_is_changed_in_the_configuration(operator):
    operator.configure(ROOT)

    assert operator.refused("user", "passwd", "root", stdin=PASSWORD) == (
        "the password of root stands in the configuration: have another `password_hash` "
        "there, as `llmwrap user hash-password` prints it, and reload"
    )


@pytest.mark.parametrize("kind", ["oidc", "guest"])
def test_who_has_no_password_here_gets_none(operator, kind):
    operator.seed(kind=kind, is_guest=kind == "guest")

    assert operator.refused("user", "passwd", "ann", stdin=PASSWORD) == (
        f"ann has no password here ({kind} user)"
    )


class SlowTypist(BytesIO):
    """A standard input on which something happens before the line is there."""

    def __init__(self, meanwhile):
        super().__init__(PASSWORD)
        self.meanwhile = meanwhile

    def readline(self, size=-1):
        self.meanwhile()
        return super().readline(size)


def test_a_name_that_is_taken_while_the_password_is_typed_is_refused(operator):
    stdin = SlowTypist(lambda: operator.seed("ann"))

    assert operator.refused("user", "add", "ann", stdin=stdin) == (
        "the username or the email is in use; nothing was changed"
    )
    assert operator.audited() == []


def test_a_user_who_is_removed_while_the_password_is_typed_gets_none(operator):
    ann = operator.seed("ann")
    stdin = SlowTypist(lambda: operator.done("user", "rm", "ann"))

    assert operator.refused("user", "passwd", "ann", stdin=stdin) == (
        f"no such account: {ann.id}; nothing was changed"
    )


def test_no_password_is_printed_or_kept(operator, tmp_path):
    canary = b"canary-5bd1-canary"
    said = [
        operator.run("user", "add", "ann", stdin=canary + b"\n").output,
        operator.run("user", "passwd", "ann", stdin=canary + b"\n").output,
        operator.run("user", "list", "--json").output,
    ]

    assert [text for text in said if canary.decode() in text] == []
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert "llmwrap.db" in {each.name for each in files}
    assert [each.name for each in files if canary in each.read_bytes()] == []


def test_every_way_to_a_new_password_asks_for_the_same_length():
    assert MIN_NEW_CHARS == 8


@pytest.mark.parametrize(
    ("answer", "status", "said"), [(b"y", 0, "ann is removed\n"), (b"n", 1, "")]
)
def test_a_terminal_is_asked_before_a_user_is_removed(operator, answer, status, said):
    ann = operator.seed()
    environ = {"LLMWRAP_CONFIG": str(operator.config)}

    assert typed(("user", "rm", "ann"), (answer,), environ) == (status, said)
    assert (stored(operator, ann) is None) == (status == 0)


def test_a_terminal_is_not_asked_where_the_answer_is_given(operator):
    ann = operator.seed()
    environ = {"LLMWRAP_CONFIG": str(operator.config)}

    assert typed(("user", "rm", "ann", "--yes"), (), environ)[0] == 0
    assert stored(operator, ann) is None
