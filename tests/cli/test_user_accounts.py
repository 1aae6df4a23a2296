"""`llmwrap user` on real databases: accounts added, listed, blocked, removed."""

import pytest
from werkzeug.security import check_password_hash

from llmwrap.storage.users import list_users, user_by_id
from tests.cli.operator import PASSWORD, ROOT

ROOT_ID = "usr_4813494d137e1631bba301d5"


def stored(operator, user):
    with operator.database.reading() as session:
        return user_by_id(session, user)


def test_an_added_user_is_stored_as_asked(either):
    added = either.value(
        *("user", "add", "zoë", "--email", "Zoe@example.com"),
        *("--group", "reader", "--group", "admin"),
        stdin=PASSWORD,
    )

    row = stored(either, added["id"])
    assert added == {
        "id": row.id,
        "username": "zoë",
        "email": "Zoe@example.com",
        "groups": ["admin", "reader"],
        "kind": "local",
        "status": "active",
    }
    assert (row.username, row.email, row.kind) == ("zoë", "Zoe@example.com", "local")
    assert row.groups == {"admin", "reader"}
    assert check_password_hash(row.password_hash, "correct horse")
    assert either.audited() == [("cli", "user_created", "user", row.id)]


def test_a_user_needs_no_email_and_is_in_group_user_unless_told(operator):
    assert operator.done("user", "add", "ann", stdin=PASSWORD) == "ann is added\n"

    (shown,) = operator.value("user", "list")
    assert (shown["email"], shown["groups"]) == ("", ["user"])


def test_predefined_users_are_listed_first_and_once(either):
    either.configure(ROOT)
    ann = either.seed()
    either.done("user", "block", "root")

    assert either.value("user", "list") == [
        {
            "id": ROOT_ID,
            "username": "root",
            "email": "root@example.com",
            "groups": ["admin", "blocked"],
            "kind": "predefined",
            "status": "blocked",
        },
        {
            "id": ann.id,
            "username": "ann",
            "email": "ann@example.com",
            "groups": ["user"],
            "kind": "local",
            "status": "active",
        },
    ]


def test_the_list_is_a_table_for_people(operator):
    operator.configure(ROOT)
    ann = operator.seed(email="")

    assert operator.done("user", "list") == (
        "NAME  EMAIL             GROUPS  KIND        STATUS  ID\n"
        f"root  root@example.com  admin   predefined  active  {ROOT_ID}\n"
        f"ann   -                 user    local       active  {ann.id}\n"
    )


def test_without_users_the_list_is_empty(operator):
    assert operator.done("user", "list") == ""
    assert operator.value("user", "list") == []


def test_the_list_has_every_page(operator):
    operator.seed_many(1001)

    names = [each["username"] for each in operator.value("user", "list")]
    assert names == [f"u{number}" for number in range(1001)]


def test_a_terminal_is_not_steered_by_names(operator):
    operator.seed("evil\x1b[2J\u009bname", email="")

    listed = operator.done("user", "list")
    assert "evil\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}name" in listed


def test_blocking_is_a_membership_that_unblocking_ends(either):
    ann = either.seed()

    assert either.value("user", "block", "ann")["status"] == "blocked"
    assert stored(either, ann.id).groups == {"user", "blocked"}
    assert either.value("user", "unblock", "ann")["status"] == "active"
    assert stored(either, ann.id).groups == {"user"}
    assert either.audited() == [
        ("cli", "user_blocked", "user", ann.id),
        ("cli", "user_unblocked", "user", ann.id),
    ]


def test_a_predefined_user_is_blocked_by_a_row(either):
    either.configure(ROOT)

    assert either.done("user", "block", "root") == "root is blocked\n"
    row = stored(either, ROOT_ID)
    assert (row.kind, row.username, row.groups) == (
        "static",
        "root",
        {"admin", "blocked"},
    )
    assert either.done("user", "unblock", "root") == "root is not blocked\n"
    assert stored(either, ROOT_ID).groups == {"admin"}


def test_who_is_blocked_in_the_configuration_is_unblocked_there(operator):
    operator.configure(ROOT.replace('["admin"]', '["blocked"]'))

    assert operator.refused("user", "unblock", "root") == (
        "the configuration has root in group blocked: take it out there and reload"
    )


def test_a_blocked_user_is_blocked_once_more_without_complaint(operator):
    operator.seed(groups=["user", "blocked"])

    assert operator.done("user", "block", "ann") == "ann is blocked\n"


@pytest.mark.parametrize("name", ["ann", "ANN", "Ann@Example.com"])
def test_a_user_is_meant_by_name_or_email_as_at_sign_in(operator, name):
    operator.seed()

    assert operator.value("user", "groups", name)["username"] == "ann"


def test_a_user_is_meant_by_the_id(operator):
    operator.configure(ROOT)

    assert operator.value("user", "groups", operator.seed().id)["username"] == "ann"
    assert operator.value("user", "groups", ROOT_ID)["username"] == "root"


def test_a_removed_user_is_gone_and_the_name_is_free(either):
    ann = either.seed()
    either.done("key", "create", "--user", "ann", "--name", "laptop")

    assert either.done("user", "rm", "ann") == "ann is removed\n"
    assert stored(either, ann.id) is None
    assert [each["status"] for each in either.value("key", "list")] == ["revoked"]
    assert either.value("user", "add", "ann", stdin=PASSWORD)["id"] != ann.id
    assert ("cli", "user_deleted", "user", ann.id) in either.audited()


def test_a_predefined_user_is_removed_in_the_configuration(operator):
    operator.configure(ROOT)

    assert operator.refused("user", "rm", "root") == (
        "root stands in the configuration: take the user out there and reload, or "
        "`llmwrap user block root`"
    )


def test_who_left_the_configuration_can_be_removed_and_nothing_else(operator):
    operator.seed("root", kind="static", id=ROOT_ID)

    (listed,) = operator.value("user", "list")
    assert listed["kind"] == "former"
    for verb in ("block", "unblock", "passwd", "groups"):
        assert operator.refused("user", verb, "root", stdin=PASSWORD) == (
            "root stands in the configuration no more; `llmwrap user rm root` frees the name"
        )
    assert operator.done("user", "rm", "root") == "root is removed\n"
    assert operator.done("user", "add", "root", stdin=PASSWORD) == "root is added\n"


def test_a_predefined_user_who_was_removed_while_out_does_not_come_back(operator):
    operator.seed("root", kind="static", id=ROOT_ID)
    operator.done("user", "rm", "root")
    operator.configure(ROOT)

    (listed,) = operator.value("user", "list")
    assert listed["status"] == "disabled"
    assert operator.refused("user", "block", "root") == (
        "the account of root was removed here, for ever: have another username in the "
        "configuration"
    )


@pytest.mark.parametrize(
    ("name", "email", "words"),
    [
        ("ANN", "", "the name 'ANN' belongs to 'ann' (local user)"),
        ("ann@example.com", "", "the name 'ann@example.com' belongs to 'ann' (local user)"),
        ("bob", "ann@EXAMPLE.com", "the email 'ann@EXAMPLE.com' belongs to 'ann' (local user)"),
        ("Root", "", "the name 'Root' belongs to 'root' (predefined user)"),
        (
            "bob",
            "root@example.com",
            "the email 'root@example.com' belongs to 'root' (predefined user)",
        ),
        ("Anonymous", "", "the name 'Anonymous' is reserved"),
        ("api_key", "", "the name 'api_key' is reserved"),
        ("Usr_1", "", "the name 'Usr_1' is reserved"),
    ],
)  # fmt: skip
def test_a_name_that_is_taken_is_refused(operator, name, email, words):
    operator.configure(ROOT)
    operator.seed()

    given = ("--email", email) if email else ()
    assert operator.refused("user", "add", name, *given, stdin=PASSWORD) == words
    assert operator.audited() == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("",), "'' is not accepted; give 1 to 128 printable characters"),
        ((" ann",), "no space at either end, no colon"),
        (("a:nn",), "'a:nn' is not accepted"),
        (("a\nnn",), "'a\\nnn' is not accepted"),
        (("x" * 129,), "is not accepted"),
        (("\udcff",), "'\\udcff' is not accepted"),
        (("ann", "--email", "ann"), "give an address such as ann@example.com"),
        (("ann", "--email", "a@b@c"), "give an address such as ann@example.com"),
        (("ann", "--email", "a nn@b"), "give an address such as ann@example.com"),
        (("ann", "--email", "a" * 250 + "@b.cd"), "give an address"),
        (("ann", "--group", "a b"), "give a name of letters, digits, dots, dashes"),
        (("ann", "--group", ""), "give a name of letters, digits, dots, dashes"),
        ((), "Missing argument 'NAME'"),
    ],
)
def test_a_malformed_argument_is_wrong_usage(run, args, words):
    result = run("user", "add", *args, stdin=PASSWORD)

    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "the password has 0 bytes; give 1 to 1024"),
        (b"seven77\n", "the password has 7 characters; give 8 or more"),
        (b"x" * 1025 + b"\n", "the password has 1025 bytes; give 1 to 1024"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\n", "the password is not UTF-8"),
    ],
)
def test_an_unfit_password_makes_no_user_and_changes_none(operator, line, words):
    ann = operator.seed(password_hash="before")

    assert operator.refused("user", "add", "bob", stdin=line) == words
    assert operator.refused("user", "passwd", "ann", stdin=line) == words
    with operator.database.reading() as session:
        assert list_users(session, limit=9) == [ann]


@pytest.mark.parametrize("verb", ["block", "unblock", "rm", "passwd", "groups"])
def test_a_name_that_nobody_has_is_refused_with_a_suggestion(operator, verb):
    operator.seed("annabel")

    assert operator.refused("user", verb, "anabel", stdin=PASSWORD) == (
        "there is no user 'anabel'; did you mean annabel?"
    )


def test_where_no_name_is_near_the_list_is_suggested(operator):
    assert operator.refused("user", "block", "xyz") == (
        "there is no user 'xyz'; `llmwrap user list` shows all"
    )
