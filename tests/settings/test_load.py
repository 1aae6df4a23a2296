import pytest

from llmwrap.settings import CHECKOUT, SettingsError, load_settings, load_with_origins
from llmwrap.settings.values import (
    PoolSettings,
    ServiceSettings,
    Settings,
    UpstreamSettings,
    User,
)

FULL_POOL = """
[[pools]]
name = "mistral"
kind = "chat"
models = ["Mistral-*"]
policy = "first"
owned_by = "vllm"
default_model = "Mistral-Small"
aliases = { "gpt-4o" = "Mistral-Small" }
inject_defaults = false
[[pools.upstreams]]
name = "vllm-1"
url = "http://10.0.0.11:8000/v1"
max_in_flight = 4
models = ["Mistral-Small"]
"""


def test_without_any_source_everything_has_its_default(load):
    loaded = load()

    assert loaded.settings == Settings()
    assert loaded.settings.data_dir == CHECKOUT / "var"
    assert set(loaded.origins.values()) == {"default"}
    assert loaded.notices == ()


def test_a_missing_config_toml_beside_the_package_is_fine(tmp_path):
    assert load_with_origins(environ={}, folder=tmp_path).settings == Settings()


def test_the_file_becomes_frozen_values(load):
    settings = load(
        FULL_POOL + "[[users]]\nusername = 'alice'\ngroups = ['admin', 'user']\n"
        "email = 'a@example.com'\npassword_hash = 'scrypt:32768:8:1$salt$00ff'\n"
    ).settings

    upstream = UpstreamSettings(
        name="vllm-1",
        url="http://10.0.0.11:8000/v1",
        max_in_flight=4,
        models=("Mistral-Small",),
    )
    assert settings.pools == (
        PoolSettings(
            name="mistral",
            kind="chat",
            models=("Mistral-*",),
            upstreams=(upstream,),
            policy="first",
            owned_by="vllm",
            default_model="Mistral-Small",
            aliases={"gpt-4o": "Mistral-Small"},
            inject_defaults=False,
        ),
    )
    assert settings.users == (
        User("alice", "scrypt:32768:8:1$salt$00ff", "a@example.com", ("admin", "user")),
    )


def test_a_service_keeps_its_own_defaults_key_by_key(load):
    services = load(
        "[services.v1]\ndefault_model = 'llama3'\n[services.chat]\ndefault_top_p = 0.9\n"
    ).settings.services

    assert services["v1"].default_model == "llama3"
    assert services["v1"].upstream_error_status == 500
    assert services["v1"].default_temperature == 0.7
    assert services["chat"] == ServiceSettings(default_top_p=0.9)
    assert services["code"] == ServiceSettings()


@pytest.mark.parametrize(
    ("toml", "plain_s"),
    [
        ("", 600),
        ("first_byte_s = 5", 5),
        ("first_byte_s = 5\nplain_s = 90", 90),
        ("plain_s = 90", 90),
    ],
)
def test_who_bounds_the_first_byte_bounds_plain_answers_too(load, toml, plain_s):
    assert load(f"[timeouts]\n{toml}").settings.timeouts.plain_s == plain_s


def test_the_word_none_takes_an_injected_default_away(load):
    service = load("[services.v1]\ndefault_temperature = 'none'\n").settings.services[
        "v1"
    ]

    assert service.default_temperature is None
    assert service.default_top_p == 1.0


def test_the_environment_beats_dotenv_and_dotenv_beats_the_file(load, tmp_path):
    (tmp_path / ".env").write_text(
        "LLMWRAP__SERVER__THREADS=3\nLLMWRAP__SERVER__WORKERS=1\nEMPTY=\n"
    )
    loaded = load(
        "[server]\nthreads = 2\ndata_dir = 'd'\n", {"LLMWRAP__SERVER__WORKERS": "1"}
    )

    assert loaded.settings.server.threads == 3
    assert loaded.origins["server.threads"] == ".env"
    assert loaded.origins["server.workers"] == "LLMWRAP__SERVER__WORKERS"
    assert loaded.origins["server.data_dir"] == "config.toml"
    assert loaded.origins["server.bind"] == "default"


def test_dotenv_values_are_taken_as_they_stand(load, tmp_path):
    (tmp_path / ".env").write_text("DEFAULT_MODEL='${HOME}$x'\n")

    assert load().settings.services["v1"].default_model == "${HOME}$x"


def test_origins_reach_into_lists_of_tables(load):
    origins = load(FULL_POOL).origins

    assert origins["pools[0].upstreams[0].url"] == "config.toml"
    assert origins["pools[0].aliases.gpt-4o"] == "config.toml"
    assert origins["pools[0].upstreams[0].dialect"] == "default"


def test_llmwrap_config_names_another_file(tmp_path):
    file = tmp_path / "other.toml"
    file.write_text("[server]\nthreads = 5\n")
    (tmp_path / "config.toml").write_text("[server]\nthreads = 6\n")

    loaded = load_with_origins(environ={"LLMWRAP_CONFIG": str(file)}, folder=tmp_path)

    assert loaded.settings.server.threads == 5
    assert loaded.origins["server.threads"] == "other.toml"


def test_a_file_that_dotenv_names_is_beside_it(tmp_path):
    (tmp_path / ".env").write_text("LLMWRAP_CONFIG=other.toml\n")
    (tmp_path / "other.toml").write_text("[server]\nthreads = 5\n")

    loaded = load_with_origins(environ={}, folder=tmp_path)

    assert loaded.settings.server.threads == 5


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbfserver.threads = 5\n")

    loaded = load_with_origins(environ={}, folder=tmp_path)

    assert loaded.settings.server.threads == 5


def test_a_given_path_beats_llmwrap_config(tmp_path):
    file = tmp_path / "given.toml"
    file.write_text("[server]\nthreads = 7\n")

    settings = load_settings(file, {"LLMWRAP_CONFIG": "/nonexistent.toml"})

    assert settings.server.threads == 7


def test_the_file_that_llmwrap_config_names_must_exist(tmp_path):
    with pytest.raises(SettingsError) as caught:
        load_with_origins(
            environ={"LLMWRAP_CONFIG": "/nonexistent.toml"}, folder=tmp_path
        )

    assert caught.value.problems == (
        "/nonexistent.toml: cannot be read: No such file or directory",
    )


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[server]\nbind = \n", "Invalid value (at line 2, column 8)"),
        ("[server]\nbind = 'x", 'Expected "\'" (at line 2, column 10)'),
    ],
)
def test_a_syntax_error_names_file_line_and_column(problems, tmp_path, toml, words):
    assert problems(toml) == (f"{tmp_path}/config.toml: {words}",)


@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_a_file_that_is_not_utf8_is_reported(tmp_path, name):
    (tmp_path / name).write_bytes(b"x = '\xff'\n")

    with pytest.raises(SettingsError) as caught:
        load_with_origins(environ={}, folder=tmp_path)

    assert caught.value.problems == (f"{tmp_path}/{name}: not UTF-8",)


@pytest.mark.parametrize("name", ["config.toml", ".env"])
def test_a_file_that_cannot_be_read_is_reported(tmp_path, name):
    (tmp_path / name).mkdir()

    with pytest.raises(SettingsError) as caught:
        load_with_origins(environ={}, folder=tmp_path)

    assert caught.value.problems == (
        f"{tmp_path}/{name}: cannot be read: Is a directory",
    )


def test_the_checkout_is_the_folder_of_wsgi():
    assert (CHECKOUT / "wsgi.py").is_file()
