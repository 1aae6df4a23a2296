import pytest

from llmwrap.settings.places import dotted

POOL = """
[[pools]]
name = "p"
kind = "chat"
models = ["*"]
[[pools.upstreams]]
name = "u"
url = "http://h/v1"
"""


def test_all_mistakes_are_reported_at_once_with_their_paths(problems):
    found = problems(
        "colour = 1\n"
        "[server]\nworkers = 'four'\nworker = 2\n"
        "[timeouts]\nidle_s = 0\n"
        f"{POOL}[[pools.upstreams]]\nname = 'u'\nurl = 'ftp://h'\n",
        {"LLMWRAP__LOG__LEVEL": "loud"},
    )

    assert sorted(found) == [
        "colour: no such setting (config.toml); known here: server, database, auth, "
        "users, limits, chat_log, timeouts, media, log, otel, pools, services",
        'log.level: "loud" (LLMWRAP__LOG__LEVEL) is not accepted; give "debug", "info", '
        '"warn" or "error"',
        'pools[0].upstreams[1].name: "u" is also pools[0].upstreams[0].name; names are '
        "unique",
        'pools[0].upstreams[1].url: "ftp://h" (config.toml) is not accepted; give an '
        "http:// or https:// address without credentials, query or fragment",
        "server.worker: no such setting (config.toml); did you mean server.workers?",
        'server.workers: "four" (config.toml) is not accepted; give a whole number, 1 or '
        "more",
        "timeouts.idle_s: 0 (config.toml) is not accepted; give a number of seconds "
        "above 0",
    ]


def test_the_error_is_a_value_error_that_prints_its_lines(load):
    with pytest.raises(
        ValueError, match=r"^a: no such setting .*\nb: no such"
    ) as caught:
        load("a = 1\nb = 2\n")

    assert len(caught.value.problems) == 2


def test_missing_keys_say_what_to_give(problems):
    found = problems("[[pools]]\n[[users]]\n")

    assert set(found) == {
        "pools[0].name: missing; give a name of letters, digits, dots, dashes and "
        "underscores",
        'pools[0].kind: missing; give "chat", "code" or "embed"',
        "pools[0].models: missing; give a list of at least one string",
        "pools[0].upstreams: missing; give a list of at least one table, each under "
        "[[pools.upstreams]]",
        "users[0].username: missing; give a printable name without a colon",
        "users[0].password_hash: missing; give a scrypt or pbkdf2 hash as `llmwrap user "
        "hash-password` prints it",
    }


@pytest.mark.parametrize(
    ("toml", "line"),
    [
        ("[auth.guest]\nenable = true", "auth.guest.enable: {} auth.guest.enabled?"),
        ("[auth]\napi_key_fle = 'x'", "auth.api_key_fle: {} auth.api_key_file?"),
        ("[service.v1]", "service: {} services?"),
        (f"{POOL}ur1 = 1", "pools[0].upstreams[0].ur1: {} pools[0].upstreams[0].url?"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(problems, toml, line):
    assert problems(toml) == (
        line.format("no such setting (config.toml); did you mean"),
    )


def test_an_unknown_service_is_told_the_known_ones(problems):
    assert problems("[services.v2]\n") == (
        "services.v2: no such setting (config.toml); known here: api, chat, code, "
        "embed, v1, ollama",
    )


@pytest.mark.parametrize(
    ("toml", "path", "accepted"),
    [
        ("server = 5", "server", "a table"),
        ("auth = { guest = true }", "auth.guest", "a table"),
        ("pools = 'x'", "pools", "a list of tables, each under [[pools]]"),
        ("[users]\nusername = 'a'", "users", "a list of tables, each under [[users]]"),
        ("pools = ['x']", "pools[0]", "a table"),
        ("limits = { groups = 3 }", "limits.groups", "a table"),
        (
            POOL.split("[[pools.upstreams]]")[0] + "upstreams = []",
            "pools[0].upstreams",
            "a list of at least one table, each under [[pools.upstreams]]",
        ),
        (
            "server = { bind = [{ a = 1 }] }",
            "server.bind",
            "host:port (port 1-65535) or unix:/path",
        ),
        (
            "server = { bind = { a = 1 } }",
            "server.bind",
            "host:port (port 1-65535) or unix:/path",
        ),
    ],
)
def test_a_table_in_the_wrong_place_is_named_but_not_shown(
    problems, toml, path, accepted
):
    (line,) = problems(toml)

    assert line.startswith(f"{path}: ")
    assert line.endswith(f"(config.toml) is not accepted; give {accepted}")
    assert "a = 1" not in line


def test_a_key_that_toml_would_quote_is_quoted_in_a_path():
    assert dotted(("pools", 0, "aliases", "a b", "c-1")) == 'pools[0].aliases."a b".c-1'
