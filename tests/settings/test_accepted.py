"""What each setting accepts, and in which words it refuses the rest."""

import pytest

POOL = """
[[pools]]
name = "p"
kind = "chat"
models = ["*"]
[[pools.upstreams]]
name = "u"
url = "http://h/v1"
"""


WHOLE = "a whole number, {} or more"
STRINGS = "a list of strings"
SECONDS = "a number of seconds above 0"
ADDRESS = "an http:// or https:// address without credentials"
BASE = f"{ADDRESS}, query or fragment"
BIND = "host:port (port 1-65535) or unix:/path"
RATES = 'rates such as "100/minute" or "5/second; 100/hour"'
STORE = '"memory://" or "redis://HOST:PORT/NUMBER"'
NAME = "a name of letters, digits, dots, dashes and underscores"


@pytest.mark.parametrize(
    ("path", "value", "accepted"),
    [
        ("server.bind", '"8000"', BIND),
        ("server.bind", '":8000"', BIND),
        ("server.bind", '"localhost:0"', BIND),
        ("server.bind", '"localhost:65536"', BIND),
        ("server.bind", '"::1:8000"', BIND),
        ("server.bind", '"unix:socket"', BIND),
        ("server.bind", '"unix:/"', BIND),
        ("server.workers", "0", WHOLE.format(1)),
        ("server.workers", "true", WHOLE.format(1)),
        ("server.workers", "1.0", WHOLE.format(1)),
        ("server.threads", "0", WHOLE.format(1)),
        ("server.max_connections", "0", WHOLE.format(1)),
        ("server.data_dir", '""', "a folder"),
        ("server.trusted_proxies", "-1", WHOLE.format(0)),
        ("server.max_body_bytes", "0", WHOLE.format(1)),
        ("server.max_buffered_bytes", "0", WHOLE.format(1)),
        ("server.root_message", "5", "a string"),
        ("auth.mode", '"on"', '"auto", "required" or "off"'),
        ("auth.token_ttl_s", "0", WHOLE.format(1)),
        ("auth.guest.enabled", '"yes"', "true or false"),
        ("auth.guest.enabled", "1", "true or false"),
        ("auth.guest.token_ttl_s", "0", WHOLE.format(1)),
        ("auth.oidc.jwks_url", '"keycloak/certs"', ADDRESS),
        ("auth.oidc.issuer", "1", "a string"),
        ("auth.oidc.audience", '["a"]', "a string"),
        ("auth.oidc.keycloak_base_url", '"http://kc/?x=1"', BASE),
        ("limits.default", '"often"', RATES),
        ("limits.storage_url", '"redis:"', STORE),
        ("limits.concurrent_requests", "-1", WHOLE.format(0)),
        ("limits.tokens_per_minute", "-1", WHOLE.format(0)),
        ("limits.groups.guest", "20", RATES),
        ("limits.groups.guest", '"seldom"', RATES),
        ("chat_log.level", '"all"', '"off", "counts", "redacted" or "full"'),
        ("chat_log.dir", "1", "a string"),
        ("timeouts.connect_s", "-1", SECONDS),
        ("timeouts.connect_s", '"2"', SECONDS),
        ("timeouts.connect_s", "true", SECONDS),
        ("timeouts.first_byte_s", "0", SECONDS),
        ("timeouts.idle_s", "0.0", SECONDS),
        ("timeouts.heartbeat_s", "0", SECONDS),
        ("timeouts.queue_s", "0", SECONDS),
        ("media.resolve_url", '"media"', ADDRESS),
        ("media.remote", '"fetch"', '"refuse" or "forward"'),
        ("log.level", '"trace"', '"debug", "info", "warn" or "error"'),
        ("log.format", '"xml"', '"json" or "text"'),
        ("otel.enabled", '"true"', "true or false"),
        ("otel.service_name", '""', "a name"),
        ("otel.endpoint", '"localhost:4317"', ADDRESS),
        ("services.v1.default_model", "1", "a string"),
        ("services.v1.upstream_error_status", "404", "0 or a status from 500 to 599"),
        ("services.v1.upstream_error_status", "true", "0 or a status from 500 to 599"),
        (
            "services.v1.unknown_model_code",
            '"no model"',
            "an error code such as model_not_found",
        ),
        ("services.v1.empty_answer", '"drop"', '"pass" or "error"'),
        ("services.v1.user_input", '"none"', '"any" or "required"'),
        ("services.v1.default_temperature", "2.1", 'a number from 0 to 2, or "none"'),
        ("services.v1.default_temperature", '"0.7"', 'a number from 0 to 2, or "none"'),
        ("services.v1.default_top_p", "1.5", 'a number from 0 to 1, or "none"'),
        ("services.v1.responses", '"both"', '"auto", "simple" or "openai"'),
    ],
)
def test_a_value_of_a_section_is_strict(problems, path, value, accepted):
    section, _, key = path.rpartition(".")

    assert problems(f"[{section}]\n{key} = {value}\n") == (
        f"{path}: {value} (config.toml) is not accepted; give {accepted}",
    )


@pytest.mark.parametrize("value", ["inf", "nan"])
def test_a_time_is_finite(problems, value):
    (line,) = problems(f"[timeouts]\ntotal_s = {value}\n")

    assert line.startswith("timeouts.total_s: ")
    assert line.endswith(
        "(config.toml) is not accepted; give a number of seconds above 0"
    )


@pytest.mark.parametrize(
    ("old", "new", "path", "accepted"),
    [
        ('name = "p"', 'name = "a b"', "pools[0].name", NAME),
        ('name = "p"', 'name = "-p"', "pools[0].name", NAME),
        ('name = "u"', 'name = ""', "pools[0].upstreams[0].name", NAME),
        (
            'kind = "chat"',
            'kind = "text"',
            "pools[0].kind",
            '"chat", "code" or "embed"',
        ),
        ('["*"]', "[]", "pools[0].models", "a list of at least one string"),
        ('["*"]', '[""]', "pools[0].models", "a list of at least one string"),
        ('["*"]', '"*"', "pools[0].models", "a list of at least one string"),
        (
            'kind = "chat"',
            'kind = "chat"\npolicy = "random"',
            "pools[0].policy",
            '"least_busy", "round_robin", "first" or "affinity"',
        ),
        (
            'kind = "chat"',
            'kind = "chat"\naliases = { "gpt-4o" = "" }',
            "pools[0].aliases.gpt-4o",
            "the name of a model",
        ),
        (
            'kind = "chat"',
            'kind = "chat"\ninject_defaults = 0',
            "pools[0].inject_defaults",
            "true or false",
        ),
        ('"http://h/v1"', '""', "pools[0].upstreams[0].url", BASE),
        ('"http://h/v1"', '"http:///v1"', "pools[0].upstreams[0].url", BASE),
        ('"http://h/v1"', '"http://h:x/v1"', "pools[0].upstreams[0].url", BASE),
        ('"http://h/v1"', '"http://h/v1?a=b"', "pools[0].upstreams[0].url", BASE),
        ('"http://h/v1"', '"http://h/v1#"', "pools[0].upstreams[0].url", BASE),
        ('"http://h/v1"', '"http://h/a b"', "pools[0].upstreams[0].url", BASE),
        (
            '"http://h/v1"',
            '"http://h/v1"\ndialect = "grpc"',
            "pools[0].upstreams[0].dialect",
            '"openai", "ollama" or "anthropic"',
        ),
        (
            '"http://h/v1"',
            '"http://h/v1"\nmax_in_flight = -1',
            "pools[0].upstreams[0].max_in_flight",
            WHOLE.format(0),
        ),
        (
            '"http://h/v1"',
            '"http://h/v1"\nmodels = [1]',
            "pools[0].upstreams[0].models",
            STRINGS,
        ),
    ],
)
def test_a_value_of_a_pool_is_strict(problems, old, new, path, accepted):
    (line,) = problems(POOL.replace(old, new))

    assert line.startswith(f"{path}: ")
    assert line.endswith(f" (config.toml) is not accepted; give {accepted}")


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("username", "'a:b'", "a printable name without a colon"),
        ("username", "''", "a printable name without a colon"),
        ("email", "1", "a string"),
        ("groups", "'user'", STRINGS),
    ],
)
def test_a_value_of_a_user_is_strict(problems, key, value, accepted):
    given = {"username": "'a'", "password_hash": "'scrypt:1:1:1$s$00'", key: value}
    lines = "\n".join(f"{name} = {text}" for name, text in given.items())

    (line,) = problems(f"[[users]]\n{lines}\n")

    assert line.startswith(f"users[0].{key}: ")
    assert line.endswith(f"give {accepted}")


@pytest.mark.parametrize(
    "bind",
    ["127.0.0.1:1", "localhost:65535", "[::1]:8000", "unix:/run/llmwrap.sock"],
)
def test_every_form_of_bind_is_accepted(load, bind):
    assert load(f"[server]\nbind = '{bind}'\n").settings.server.bind == bind


def test_good_values_at_the_edges_are_accepted(load):
    settings = load(
        "[limits]\ndefault = '5/second; 100/hour'\nstorage_url = 'rediss://h/0'\n"
        "[log]\nlevel = 'warning'\n"
        "[auth.oidc]\njwks_url = 'https://login.example/keys?p=policy'\n"
        "[timeouts]\nconnect_s = 0.5\n"
        "[services.v1]\ndefault_temperature = 0\nupstream_error_status = 599\n"
    ).settings

    assert settings.limits.default == "5/second; 100/hour"
    assert settings.log.level == "warn"
    assert settings.auth.oidc.jwks_url == "https://login.example/keys?p=policy"
    assert settings.timeouts.connect_s == 0.5
    assert settings.services["v1"].default_temperature == 0
    assert settings.services["v1"].upstream_error_status == 599
