"""Settings that are good one by one and do not go together."""

import pytest

HASH = "scrypt:32768:8:1$salt$00ff"


def pool(name, *upstreams):
    text = f"[[pools]]\nname = '{name}'\nkind = 'chat'\nmodels = ['*']\n"
    for upstream in upstreams:
        text += f"[[pools.upstreams]]\nname = '{upstream}'\nurl = 'http://h/v1'\n"
    return text


def user(name, email=""):
    return (
        f"[[users]]\nusername = '{name}'\nemail = '{email}'\npassword_hash = '{HASH}'\n"
    )


def test_names_are_unique(problems):
    found = problems(
        pool("a", "u", "v")
        + pool("a", "u")
        + user("alice", "a@example.com")
        + user("alice")
        + user("bob", "A@Example.com")
        + user("Bob")
    )

    assert found == (
        'pools[1].name: "a" is also pools[0].name; names are unique',
        'pools[1].upstreams[0].name: "u" is also pools[0].upstreams[0].name; names are '
        "unique",
        'users[1].username: "alice" is also users[0].username; names are unique',
        'users[3].username: "Bob" is also users[2].username; names are unique',
        'users[2].email: "A@Example.com" is also users[0].email; names are unique',
    )


def test_an_upstream_may_be_named_like_its_pool_and_users_may_have_no_email(load):
    settings = load(pool("a", "a") + user("alice") + user("bob")).settings

    assert [user.username for user in settings.users] == ["alice", "bob"]


def test_several_workers_need_a_shared_store(problems):
    assert problems("[server]\nworkers = 2\n") == (
        "server.workers: 2 workers need one store for request limits; set "
        'limits.storage_url = "redis://HOST:6379/0", or server.workers = 1',
    )


def test_several_workers_with_redis_are_fine(load):
    settings = load(
        "[server]\nworkers = 2\n[limits]\nstorage_url = 'redis://h:6379/0'\n"
    ).settings

    assert settings.server.workers == 2


OPEN = "[server]\nbind = '0.0.0.0:8000'\n"


def test_an_open_bind_without_any_credential_is_refused(problems):
    assert problems(OPEN) == (
        'auth.mode: "auto" finds no credential in the configuration, and server.bind = '
        '"0.0.0.0:8000" is open to other machines; set auth.mode = "required" (users and '
        "keys may be in the database), add one of [[users]] with the hash that `llmwrap "
        'user hash-password` prints, set auth.api_key, or write auth.mode = "off" for a '
        "gateway without guard",
    )


@pytest.mark.parametrize(
    ("more", "required"),
    [
        ("[auth]\nmode = 'off'\n", False),
        ("[auth]\nmode = 'required'\n", True),
        ("[auth]\napi_key = 'a-key-of-sixteen-or-more'\n", True),
        ("[auth.oidc]\njwks_url = 'http://kc/certs'\n", True),
        ("[auth.guest]\nenabled = true\n", True),
        (user("alice"), True),
    ],
)
def test_an_open_bind_is_fine_once_the_operator_decided(load, more, required):
    assert load(OPEN + more).settings.auth_required is required


@pytest.mark.parametrize("bind", ["localhost:1", "[::1]:1", "unix:/run/l.sock"])
def test_a_bind_of_this_machine_needs_no_credential(load, bind):
    assert load(f"[server]\nbind = '{bind}'\n").settings.auth_required is False


def test_a_value_of_the_wrong_type_is_reported_once(problems):
    found = problems(
        "users = 3\npools = ['x']\n[server]\nbind = 8000\nworkers = '2'\n"
        "[auth]\nmode = 7\n"
    )

    assert [line.split(":")[0] for line in found] == [
        "auth.mode",
        "pools[0]",
        "server.bind",
        "server.workers",
        "users",
    ]


@pytest.mark.parametrize("value", ["scrypt", "plain", "scrypt:32768:8:1$x", "md5$a$00"])
def test_a_password_hash_has_the_form_of_werkzeug(problems, value):
    (line,) = problems(f"[[users]]\nusername = 'a'\npassword_hash = '{value}'\n")

    assert line == (
        "users[0].password_hash: the given value (config.toml) is not accepted; give a "
        "scrypt or pbkdf2 hash as `llmwrap user hash-password` prints it"
    )


def test_a_pbkdf2_hash_is_accepted(load):
    value = "pbkdf2:sha256:1000000$YpLFTneUfy74c5cq$f5a9a565"
    settings = load(f"[[users]]\nusername = 'a'\npassword_hash = '{value}'\n").settings

    assert settings.users[0].password_hash == value
