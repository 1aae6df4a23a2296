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
ORIGINS = 'a list of "*" or patterns such as "https://chat.example", without a path'
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
        ("limits.storage_url", '"redis://h:notaport/0"', STORE),
        ("limits.storage_url", '"rediss://h:notaport/0"', STORE),
        ("limits.storage_url", '"redis://h:65536/0"', STORE),
        ("limits.storage_url", '"redis://h:0/0"', STORE),
        ("limits.storage_url", '"redis:///0"', STORE),
        ("limits.storage_url", '"redis://h/first"', STORE),
        ("limits.storage_url", '"redis+unix://"', STORE),
        ("limits.storage_url", '"redis+cluster://x"', STORE),
        ("limits.storage_url", '"redis+cluster://h:1,h"', STORE),
        ("limits.storage_url", '"redis+sentinel://h:1/name"', STORE),
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
        ("services.v1.allowed_origins", '["localhost"]', ORIGINS),
        ("services.v1.allowed_origins", '["https://x.example/"]', ORIGINS),
        (
            "services.v1.allowed_origins",
            '["https://x.example", "https://y/z"]',
            ORIGINS,
        ),
        ("services.v1.allowed_origins", '"*"', ORIGINS),
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
        (
            'kind = "chat"',
            'kind = "chat"\nfill_in_middle = "x"',
            "pools[0].fill_in_middle",
            "a text with {prefix} and {suffix} in it",
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
        ("email", "1", "an address such as ann@example.com"),
        ("email", "'nomail'", "an address such as ann@example.com"),
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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@127.0.0.1:notaport/x",
        "postgresql://u@h:0/x",
        "postgresql://u@h:65536/x",
        "postgresql+other://h/x",
        "sqlite+foo:///x.db",
        "sqlite://x.db",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:x",
        "mysql://h/x",
    ],
)
def test_an_address_that_names_no_database_is_refused(problems, url):
    assert problems(f"database.url = '{url}'") == (
        "database.url: the given value (config.toml) is not accepted; give "
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
    )


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///x.db",
        "sqlite:////srv/x.db",
        "postgresql://h",
        "postgresql:///x",
        "postgresql://u:a/b#c?d:e@h:5432/x?sslmode=disable",
        "postgresql+psycopg://u@[::1]:5432/x",
        "postgresql://h/x?host=h1:5432&host=h2:5432",
    ],
)
def test_every_form_of_a_database_is_accepted(load, url):
    assert load(f"database.url = '{url}'").settings.database.url == url


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://:secret@h:6379/0",
        "rediss://u:secret@h:6380/15?ssl_cert_reqs=none",
        "redis+unix:///run/redis.sock",
        "redis+cluster://:secret@h1:7000,h2:7001",
    ],
)
def test_every_form_of_a_store_is_accepted(load, url):
    settings = load(f"limits.storage_url = '{url}'").settings

    assert settings.limits.storage_url == url


@pytest.mark.parametrize(
    "pattern", ["*", "https://*.example:8443", "chrome-extension://abc", "http://[::1]"]
)
def test_every_form_of_an_origin_is_accepted(load, pattern):
    services = load(f"services.api.allowed_origins = ['{pattern}']").settings.services

    assert services["api"].allowed_origins == (pattern,)
