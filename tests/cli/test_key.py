"""`llmwrap key` on real databases: keys made, listed, revoked."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from llmwrap.auth.pepper import Pepper
from llmwrap.auth.signing_key import load_signing_key
from llmwrap.storage.api_keys import key_by_hash
from llmwrap.storage.models import ApiKey, User
from tests.cli.operator import ROOT

MADE = ("key", "create", "--user", "ann", "--name", "laptop")
EVERYTHING = (
    *("--expires-days", "7", "--service", "chat", "--service", "v1"),
    *("--model", "Mistral-*", "--rate", "20/minute"),
)


def found(operator, secret):
    """What the server finds by a key: the stored key and the name of its user."""
    pepper = Pepper(load_signing_key(operator.config.parent / "data"))
    assert pepper.could_be_key(secret)
    with operator.database.reading() as session:
        key, user = key_by_hash(session, pepper.hash(secret))
    return key, user.username


def seed_keys(operator, user, count):
    with operator.database.writing() as session:
        row = {
            "user_id": session.scalar(select(User.id).where(User.public_id == user.id)),
            "prefix": "sk_live_",
            "suffix": "wxyz",
            "created_at": datetime.now(UTC),
        }
        rows = [
            {**row, "id": f"id{number}", "name": f"k{number}", "key_hash": f"h{number}"}
            for number in range(count)
        ]
        session.execute(insert(ApiKey), rows)


def test_a_new_key_opens_the_door_as_its_user(either):
    either.seed()

    made = either.value(*MADE)

    key, username = found(either, made["key"])
    assert re.fullmatch("sk_live_[0-9a-f]{48}", made["key"])
    assert (key.id, key.name, username) == (made["id"], "laptop", "ann")
    assert (key.scopes, key.rate_limit) == (None, "")
    assert key.expires_at - key.created_at == pytest.approx(
        timedelta(days=90), abs=timedelta(minutes=1)
    )
    assert either.audited() == [("cli", "key_created", "api_key", key.id)]


def test_a_key_is_as_narrow_as_asked(either):
    ann = either.seed()

    made = either.value(*MADE, *EVERYTHING)

    key, _ = found(either, made.pop("key"))
    assert key.scopes == {"services": ("chat", "v1"), "models": ("Mistral-*",)}
    assert key.rate_limit == "20/minute"
    created, expires = (
        datetime.fromisoformat(made.pop(name)) for name in ("created_at", "expires_at")
    )
    assert expires - created == pytest.approx(
        timedelta(days=7), abs=timedelta(minutes=1)
    )
    assert made == {
        "id": key.id,
        "user": "ann",
        "user_id": ann.id,
        "name": "laptop",
        "prefix": "sk_live_",
        "suffix": key.suffix,
        "status": "active",
        "scopes": {"services": ["chat", "v1"], "models": ["Mistral-*"]},
        "rate": "20/minute",
        "revoked_at": None,
        "last_used_at": None,
    }


def test_people_get_the_key_on_a_line_of_its_own(operator):
    operator.seed()

    secret, empty, said, id_line = operator.done(*MADE).splitlines()

    key, _ = found(operator, secret)
    assert empty == ""
    assert said == (
        f"This is the key 'laptop' of ann, good until {key.expires_at:%Y-%m-%d}; "
        "it is shown this once."
    )
    assert id_line == f"Its id is {key.id}."


def test_a_predefined_user_can_have_keys(either):
    either.configure(ROOT)

    made = either.value("key", "create", "--user", "root", "--name", "ci")

    assert found(either, made["key"])[1] == "root"
    assert made["user_id"] == "usr_4813494d137e1631bba301d5"


def test_lists_show_no_key(either):
    either.seed()
    secret = either.value(*MADE, *EVERYTHING)["key"]

    for args in (("key", "list"), ("key", "list", "--json")):
        assert secret[len("sk_live_") : -4] not in either.done(*args)
    assert "key" not in either.value("key", "list")[0]


def test_the_list_is_a_table_for_people(operator):
    operator.seed()
    key, _ = found(operator, operator.value(*MADE, *EVERYTHING)["key"])

    heads, row = operator.done("key", "list").splitlines()

    assert heads.split() == [
        *("ID", "USER", "NAME", "KEY", "STATUS", "EXPIRES", "LAST", "USED", "LIMITS"),
    ]
    assert re.split(" {2,}", row) == [
        key.id,
        "ann",
        "laptop",
        f"sk_live_...{key.suffix}",
        "active",
        f"{key.expires_at:%Y-%m-%d}",
        "-",
        "chat, v1, Mistral-*, 20/minute",
    ]


def test_the_list_has_every_page_and_can_be_of_one_user(operator):
    seed_keys(operator, operator.seed("bob"), 501)
    operator.seed()
    operator.done(*MADE)

    assert len(operator.value("key", "list")) == 502
    of_bob = operator.value("key", "list", "--user", "bob")
    assert {each["name"] for each in of_bob} == {f"k{number}" for number in range(501)}
    assert {each["user"] for each in of_bob} == {"bob"}
    (of_ann,) = operator.value("key", "list", "--user", "ann")
    assert (of_ann["user"], of_ann["name"]) == ("ann", "laptop")


def test_the_key_of_a_removed_user_is_listed_by_the_users_id(operator):
    ann = operator.seed()
    operator.done(*MADE)
    operator.done("user", "rm", "ann")

    (shown,) = operator.value("key", "list")
    assert (shown["user"], shown["status"]) == (ann.id, "revoked")


def test_a_revoked_key_is_listed_as_such(either):
    either.seed()
    made = either.value(*MADE)

    assert either.done("key", "revoke", made["id"]) == "'laptop' of ann is revoked\n"

    (shown,) = either.value("key", "list")
    assert (shown["id"], shown["status"]) == (made["id"], "revoked")
    assert found(either, made["key"])[0].revoked_at is not None
    assert either.audited()[1:] == [("cli", "key_revoked", "api_key", made["id"])]


def test_a_second_revocation_changes_nothing(operator):
    operator.seed()
    made = operator.value(*MADE)

    first = operator.value("key", "revoke", made["id"])
    second = operator.value("key", "revoke", made["id"])

    assert first["revoked_at"] == second["revoked_at"]
    assert len(operator.audited()) == 2


def test_an_id_that_no_key_has_is_refused_with_a_suggestion(operator):
    operator.seed()
    made = operator.value(*MADE)

    assert operator.refused("key", "revoke", made["id"][:-1]) == (
        f"there is no key {made['id'][:-1]!r}; did you mean {made['id']}?"
    )
    assert operator.refused("key", "revoke", "zzz") == (
        "there is no key 'zzz'; `llmwrap key list` shows all"
    )


def test_a_name_that_nobody_has_is_refused_with_a_suggestion(operator):
    operator.seed("annabel")

    for args in (
        ("key", "create", "--user", "anabel", "--name", "x"),
        ("key", "list", "--user", "anabel"),
    ):
        assert operator.refused(*args) == (
            "there is no user 'anabel'; did you mean annabel?"
        )


def test_a_life_longer_than_the_longest_is_refused(operator):
    operator.configure("[auth]\napi_key_ttl_s = 129600\n")
    operator.seed()

    assert operator.refused(*MADE, "--expires-days", "2") == (
        "--expires-days is 2; auth.api_key_ttl_s allows at most 1.5 days"
    )
    made = operator.value(*MADE)
    created, expires = (
        datetime.fromisoformat(made[name]) for name in ("created_at", "expires_at")
    )
    assert timedelta(hours=35) < expires - created <= timedelta(hours=36)


def test_one_key_too_many_is_refused(operator):
    operator.configure("[auth]\napi_keys_per_user = 1\n")
    operator.seed()
    operator.done(*MADE)

    assert operator.refused(*MADE) == (
        "there are 1 active keys already, which is the limit; revoke one first"
    )


def test_without_a_usable_signing_key_no_key_is_made(operator):
    file = operator.config.parent / "data" / "signing_key"
    file.write_text("0" * 64)
    file.chmod(0o644)
    operator.seed()

    assert operator.refused(*MADE) == (
        f"signing key {file} is open to group or others (mode 0644)"
    )
    assert operator.value("key", "list") == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--service", "root"), "'root' is not one of"),
        (("--rate", "fast"), "'fast' is not accepted; give rates such as"),
        (("--rate", ""), "'' is not accepted; give rates such as"),
        (("--expires-days", "0"), "0 is not in the range x>=1"),
        (("--model", ""), "'' is not accepted; give 1 to 128 printable characters"),
        (("--name", "x" * 129), "give 1 to 128 printable characters"),
    ],
)
def test_a_malformed_argument_is_wrong_usage(run, args, words):
    result = run(*MADE, *args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_a_key_does_not_count_before_credentials_are_asked_for(operator):
    operator.seed()
    told = (
        'nobody is asked for a credential yet: set auth.mode = "required" in the '
        "configuration and reload\n"
    )

    assert operator.run(*MADE).stderr == told
    operator.configure(ROOT)
    assert operator.run(*MADE).stderr == ""
