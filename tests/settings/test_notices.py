import pytest

from llmwrap.settings import usable_pools
from llmwrap.settings.notices import NOT_BUILT
from llmwrap.settings.places import leaves
from llmwrap.settings.values import PoolSettings, Settings, UpstreamSettings


def pool(name, *dialects):
    upstreams = [
        UpstreamSettings(f"{name}-{dialect}", "http://h", dialect)
        for dialect in dialects
    ]
    return PoolSettings(name, "chat", ("*",), tuple(upstreams))


def test_a_setting_without_effect_is_named_with_its_source(load):
    loaded = load(
        "[chat_log]\ndir = '/logs'\n[server]\nthreads = 4\n",
        {"OTEL_ENABLED": "true", "LLMWRAP__SERVICES__V1__RESPONSES": "simple"},
    )

    assert loaded.notices == (
        "chat_log.dir is set in config.toml, but the chat log is not built yet: it has no "
        "effect",
        "otel.enabled is set in OTEL_ENABLED, but traces are not built yet: it has no "
        "effect",
        "services.v1.responses is set in LLMWRAP__SERVICES__V1__RESPONSES, but the "
        "responses endpoint is not built yet: it has no effect",
    )


def test_a_section_without_keys_is_no_notice(load):
    assert load("[limits]\n[limits.groups]\n[chat_log]\n").notices == ()


@pytest.mark.parametrize("pattern", sorted(NOT_BUILT))
def test_what_is_not_built_names_settings_that_exist(pattern):
    head = tuple(pattern.replace("*", "v1").split("."))

    assert any(where[: len(head)] == head for where, _ in leaves(Settings()))


def test_a_short_shared_key_is_told_without_showing_it(load):
    loaded = load("", {"API_KEY": "fifteen-letters"})

    assert loaded.settings.auth.api_key == "fifteen-letters"
    assert loaded.notices == (
        "auth.api_key is shorter than 16 characters: it can be guessed",
    )


def test_a_key_of_16_characters_is_no_notice(load):
    assert load("", {"API_KEY": "sixteen-letters-"}).notices == ()


@pytest.mark.parametrize("given", ["", "issuer = 'i'", "audience = 'a'"])
def test_an_identity_provider_needs_an_issuer_and_an_audience(load, given):
    loaded = load(f"[auth.oidc]\njwks_url = 'http://kc/certs'\n{given}\n")

    assert loaded.notices[0] == (
        "auth.oidc.jwks_url is set without issuer and audience: no token of the identity "
        "provider is accepted"
    )


def test_an_identity_provider_with_all_three_is_no_notice_of_its_own(load):
    loaded = load(
        "[auth.oidc]\njwks_url = 'http://kc/certs'\nissuer = 'i'\naudience = 'a'\n"
    )

    assert [line for line in loaded.notices if "without issuer" in line] == []


def test_a_pool_of_a_dialect_that_is_not_built_is_left_out_whole(load):
    loaded = load(
        "[[pools]]\nname = 'claude'\nkind = 'chat'\nmodels = ['claude-*']\n"
        "[[pools.upstreams]]\nname = 'a'\nurl = 'https://h'\ndialect = 'anthropic'\n"
        "[[pools.upstreams]]\nname = 'b'\nurl = 'https://h/v1'\n"
    )

    assert usable_pools(loaded.settings) == ()
    assert loaded.notices == (
        "pool claude is left out: dialect anthropic is not built yet; the rest serves",
    )


def test_the_other_pools_stay_usable():
    settings = Settings(
        pools=(
            pool("a", "openai"),
            pool("b", "ollama", "anthropic"),
            pool("c", "openai"),
        )
    )

    assert [pool.name for pool in usable_pools(settings)] == ["a", "c"]
