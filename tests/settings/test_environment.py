import json

import pytest

from llmwrap.settings.environment import OLDER_NAMES
from llmwrap.settings.values import PoolSettings, UpstreamSettings

OLDER = [
    ("HTTP_PORT", "8080", "server.bind", "127.0.0.1:8080"),
    ("DB_DSN", "postgres://u:p@db:5432/jan?sslmode=disable", "database.url",
     "postgresql://u:p@db:5432/jan?sslmode=disable"),
    ("LOG_LEVEL", "debug", "log.level", "debug"),
    ("LOG_LEVEL", "WARNING", "log.level", "warn"),
    ("LOG_FORMAT", "Text", "log.format", "text"),
    ("JWKS_URL", "http://kc/certs", "auth.oidc.jwks_url", "http://kc/certs"),
    ("ISSUER", "http://kc/realms/jan", "auth.oidc.issuer", "http://kc/realms/jan"),
    ("AUDIENCE", "jan-client", "auth.oidc.audience", "jan-client"),
    ("KEYCLOAK_BASE_URL", "http://kc:8085", "auth.oidc.keycloak_base_url",
     "http://kc:8085"),
    ("OTEL_ENABLED", "true", "otel.enabled", True),
    ("OTEL_ENABLED", "0", "otel.enabled", False),
    ("OTEL_SERVICE_NAME", "gw", "otel.service_name", "gw"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://j:4317", "otel.endpoint", "http://j:4317"),
    ("MEDIA_RESOLVE_URL", "http://m/v1/resolve", "media.resolve_url",
     "http://m/v1/resolve"),
    ("MEDIA_RESOLVE_TIMEOUT", "7s", "media.timeout_s", 7),
    ("MEDIA_RESOLVE_TIMEOUT", "500ms", "media.timeout_s", 0.5),
    ("MEDIA_RESOLVE_TIMEOUT", "1m", "media.timeout_s", 60),
    ("MEDIA_RESOLVE_TIMEOUT", "1h", "media.timeout_s", 3600),
    ("MEDIA_RESOLVE_TIMEOUT", "2.5", "media.timeout_s", 2.5),
    ("DEFAULT_MODEL", "llama3", "services.v1.default_model", "llama3"),
    ("API_KEY", "a-key-of-sixteen-or-more", "auth.api_key", "a-key-of-sixteen-or-more"),
]  # fmt: skip


def value_at(settings, path):
    for step in path.split("."):
        settings = settings[step] if step == "v1" else getattr(settings, step)
    return settings


@pytest.mark.parametrize(("name", "text", "path", "value"), OLDER)
def test_an_older_name_sets_its_setting(load, name, text, path, value):
    loaded = load("", {name: text})

    assert value_at(loaded.settings, path) == value
    assert loaded.origins[path] == name


def test_every_older_name_is_in_the_table_above():
    assert {name for name, *_ in OLDER} == set(OLDER_NAMES)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("SERVER__BIND", "[::1]:9", "[::1]:9"),
        ("server__data_dir", "/data", "/data"),
        ("SERVER__THREADS", " 32 ", 32),
        ("AUTH__GUEST__ENABLED", "1", True),
        ("AUTH__GUEST__ENABLED", "TRUE", True),
        ("AUTH__GUEST__ENABLED", "false", False),
        ("TIMEOUTS__IDLE_S", "2.5", 2.5),
        ("DATABASE__URL", "postgres://h/d", "postgresql://h/d"),
        ("SERVICES__V1__DEFAULT_TEMPERATURE", "0.2", 0.2),
        ("SERVICES__V1__DEFAULT_TEMPERATURE", "none", None),
        ("LIMITS__GROUPS", '{ guest = "5/minute" }', {"guest": "5/minute"}),
    ],
)
def test_a_prefixed_name_sets_any_setting(load, name, text, value):
    loaded = load("", {f"LLMWRAP__{name}": text})

    assert value_at(loaded.settings, name.lower().replace("__", ".")) == value


def test_a_prefixed_name_reaches_one_entry_of_a_table_with_free_keys(load):
    loaded = load(
        "[limits.groups]\nadmin = '9/second'\n",
        {"LLMWRAP__LIMITS__GROUPS__GUEST": "5/minute"},
    )

    assert loaded.settings.limits.groups == {"admin": "9/second", "guest": "5/minute"}
    assert loaded.origins["limits.groups.admin"] == "config.toml"
    assert loaded.origins["limits.groups.guest"] == "LLMWRAP__LIMITS__GROUPS__GUEST"


def test_a_whole_list_of_tables_is_a_toml_value(load):
    pool = "[{name='p', kind='code', models=['*'], upstreams=[{name='u', url='http://h'}]}]"
    loaded = load("", {"LLMWRAP__POOLS": pool})

    upstream = UpstreamSettings("u", "http://h")
    assert loaded.settings.pools == (PoolSettings("p", "code", ("*",), (upstream,)),)
    assert loaded.origins["pools[0].upstreams[0].url"] == "LLMWRAP__POOLS"


def test_a_key_beats_the_whole_table_whatever_its_case(load):
    loaded = load(
        "",
        {
            "LLMWRAP__LOG__LEVEL": "error",
            "LLMWRAP__log": "{ level = 'debug', format = 'text' }",
        },
    )

    assert loaded.settings.log.level == "error"
    assert loaded.settings.log.format == "text"
    assert loaded.origins["log.format"] == "LLMWRAP__log"


def test_prefixed_names_beat_the_older_ones(load):
    loaded = load(
        "",
        {
            "LLMWRAP__SERVER__BIND": "127.0.0.1:9000",
            "HTTP_PORT": "8080",
            "LLMWRAP__MEDIA": "{ timeout_s = 3 }",
            "MEDIA_RESOLVE_URL": "http://m",
        },
    )

    assert loaded.settings.server.bind == "127.0.0.1:9000"
    assert loaded.settings.media.timeout_s == 3
    assert loaded.settings.media.resolve_url == ""
    assert loaded.origins["media.resolve_url"] == "default"


def test_http_port_keeps_the_host_of_the_file(load):
    settings = load("[server]\nbind = '[::1]:1'\n", {"HTTP_PORT": "8080"}).settings

    assert settings.server.bind == "[::1]:8080"


def test_an_empty_variable_counts_as_unset(load, tmp_path):
    (tmp_path / ".env").write_text("LOG_LEVEL=error\nBARE\n")

    loaded = load("", {"LOG_LEVEL": "", "HTTP_PORT": "", "LLMWRAP__NONSENSE": ""})

    assert loaded.settings.log.level == "error"
    assert loaded.origins["log.level"] == ".env"
    assert loaded.settings.server.bind == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"LLMWRAP__SERVER__WORKER": "2"},
            "server.worker: no such setting (LLMWRAP__SERVER__WORKER); did you mean "
            "server.workers?",
        ),
        (
            {"LLMWRAP__SERVR__WORKERS": "2"},
            "servr: no such setting (LLMWRAP__SERVR__WORKERS); did you mean server?",
        ),
        (
            {"LLMWRAP__SERVER__WORKERS": "two"},
            'server.workers: "two" (LLMWRAP__SERVER__WORKERS) is not accepted; give a '
            "whole number, 1 or more",
        ),
        (
            {"LLMWRAP__SERVER__WORKERS": "1\nthreads = 2"},
            'server.workers: "1\\nthreads = 2" (LLMWRAP__SERVER__WORKERS) is not '
            "accepted; give a whole number, 1 or more",
        ),
        (
            {"LLMWRAP__OTEL__ENABLED": "yes"},
            'otel.enabled: "yes" (LLMWRAP__OTEL__ENABLED) is not accepted; give true or '
            "false",
        ),
        (
            {"LLMWRAP__POOLS__0__NAME": "p"},
            "pools: the given value (LLMWRAP__POOLS__0__NAME) is not accepted; give a "
            "list of tables, each under [[pools]]",
        ),
        (
            {"LLMWRAP__SERVER__BIND__PORT": "1"},
            "server.bind: the given value (LLMWRAP__SERVER__BIND__PORT) is not "
            "accepted; give host:port (port 1-65535) or unix:/path",
        ),
        (
            {"HTTP_PORT": "80a"},
            'server.bind: "127.0.0.1:80a" (HTTP_PORT) is not accepted; give host:port '
            "(port 1-65535) or unix:/path",
        ),
        (
            {"MEDIA_RESOLVE_TIMEOUT": "5 s"},
            'media.timeout_s: "5 s" (MEDIA_RESOLVE_TIMEOUT) is not accepted; give '
            "seconds above 0 (MEDIA_RESOLVE_TIMEOUT also takes 5s, 500ms or 1m)",
        ),
        (
            {"OLLAMA_URL": "http://[h"},
            'pools[0].upstreams[0].url: "http://[h" (OLLAMA_URL) is not accepted; '
            "give an http:// or https:// address without credentials, query or fragment",
        ),
        (
            {"LLMWRAP_DISCOVERED": "{"},
            "pools: the given value (discovery) is not accepted; give a list of tables, "
            "each under [[pools]]",
        ),
    ],
)
def test_a_bad_variable_is_named_with_the_path_it_sets(problems, environ, line):
    assert problems("", environ) == (line,)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434"),
        ("http://localhost:11434/", "http://localhost:11434"),
        ("http://localhost:11434/api/chat", "http://localhost:11434"),
        ("http://localhost:11434/api", "http://localhost:11434"),
        ("https://api/ollama/api/generate", "https://api/ollama"),
        ("https://api.example", "https://api.example"),
    ],
)
def test_ollama_url_becomes_a_pool_of_each_kind_in_ollamas_dialect(load, text, url):
    loaded = load("", {"OLLAMA_URL": text})

    embed, code, chat = loaded.settings.pools
    for pool, name, kind in (
        (embed, "ollama-embed", "embed"),
        (code, "ollama-code", "code"),
        (chat, "ollama", "chat"),
    ):
        upstream = UpstreamSettings(name, url, "ollama")
        assert pool == PoolSettings(name, kind, pool.models, (upstream,))
    assert "*[Ee]mbed*" in embed.models
    assert "*[!en]code*" in code.models
    assert chat.models == ("*",)
    assert loaded.origins["pools[2].upstreams[0].url"] == "OLLAMA_URL"
    assert loaded.notices == ()


def pool(name):
    upstream = {"name": f"{name}-1", "url": "http://h/v1"}
    return {"name": name, "kind": "chat", "models": ["*"], "upstreams": [upstream]}


def toml_pool(name):
    return (
        f"[[pools]]\nname = '{name}'\nkind = 'chat'\nmodels = ['*']\n"
        f"[[pools.upstreams]]\nname = '{name}-1'\nurl = 'http://h/v1'\n"
    )


def test_ollama_url_comes_after_the_pools_of_the_file(load):
    loaded = load(toml_pool("mine"), {"OLLAMA_URL": "http://h"})

    names = [pool.name for pool in loaded.settings.pools]
    assert names == ["mine", "ollama-embed", "ollama-code", "ollama"]
    assert loaded.origins["pools[0].name"] == "config.toml"
    assert loaded.origins["pools[1].name"] == "OLLAMA_URL"


def test_ollama_url_yields_to_a_pool_of_that_name(load):
    loaded = load(toml_pool("ollama"), {"OLLAMA_URL": "http://elsewhere"})

    assert [pool.upstreams[0].url for pool in loaded.settings.pools] == ["http://h/v1"]


def test_ollama_url_leaves_out_the_pool_that_the_operator_wrote(load):
    loaded = load(toml_pool("ollama-code"), {"OLLAMA_URL": "http://elsewhere"})

    urls = {pool.name: pool.upstreams[0].url for pool in loaded.settings.pools}
    assert urls == {
        "ollama-code": "http://h/v1",
        "ollama-embed": "http://elsewhere",
        "ollama": "http://elsewhere",
    }


def test_ollama_url_does_not_hide_pools_of_the_wrong_shape(problems):
    (line,) = problems("pools = 5\n", {"OLLAMA_URL": "http://h"})

    assert line.startswith("pools: ")


@pytest.mark.parametrize("toml", ["", "pools = []\n"])
def test_discovered_pools_serve_while_none_is_configured(load, toml):
    loaded = load(toml, {"LLMWRAP_DISCOVERED": json.dumps([pool("found")])})

    assert [pool.name for pool in loaded.settings.pools] == ["found"]
    assert loaded.origins["pools[0].name"] == "discovery"


@pytest.mark.parametrize(
    ("toml", "environ"), [(toml_pool("mine"), {}), ("", {"OLLAMA_URL": "http://h"})]
)
def test_discovered_pools_yield_to_configured_ones(load, toml, environ):
    found = {"LLMWRAP_DISCOVERED": json.dumps([pool("found")])}

    names = {pool.name for pool in load(toml, environ | found).settings.pools}

    assert names in ({"mine"}, {"ollama-embed", "ollama-code", "ollama"})


def test_other_variables_are_left_alone(load):
    assert set(load("", {"PATH": "/bin", "LLMWRAP_": "x"}).origins.values()) == {
        "default"
    }
