import pytest

CANARY = "canary-7f3a91c2-canary"

UPSTREAM = """
[[pools]]
name = "p"
kind = "chat"
models = ["*"]
[[pools.upstreams]]
name = "u"
url = "http://h/v1"
"""


@pytest.fixture
def secret_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(f"  {CANARY}\n")
    file.chmod(0o600)
    return file


def test_a_secret_is_read_from_a_file_and_stripped(load, secret_file):
    loaded = load(f"[auth]\napi_key_file = '{secret_file}'\n")

    assert loaded.settings.auth.api_key == CANARY
    assert loaded.origins["auth.api_key"] == "config.toml"


def test_a_secret_is_read_from_the_variable_that_the_file_names(load):
    loaded = load(f"{UPSTREAM}api_key_env = 'VLLM_KEY'\n", {"VLLM_KEY": CANARY})

    assert loaded.settings.pools[0].upstreams[0].api_key == CANARY
    assert loaded.origins["pools[0].upstreams[0].api_key"] == "VLLM_KEY"


def test_a_secret_may_come_from_dotenv(load, tmp_path):
    (tmp_path / ".env").write_text(f"VLLM_KEY={CANARY}\n")

    loaded = load(f"{UPSTREAM}api_key_env = 'VLLM_KEY'\n")

    assert loaded.settings.pools[0].upstreams[0].api_key == CANARY
    assert loaded.origins["pools[0].upstreams[0].api_key"] == ".env"


def test_the_database_address_is_a_secret_with_all_forms(load):
    loaded = load("[database]\nurl_env = 'DSN'\n", {"DSN": "postgres://u:p@h/d"})

    assert loaded.settings.database.url == "postgresql://u:p@h/d"


def test_a_variable_may_name_the_file(load, secret_file):
    loaded = load("", {"LLMWRAP__AUTH__API_KEY_FILE": str(secret_file)})

    assert loaded.settings.auth.api_key == CANARY
    assert loaded.origins["auth.api_key"] == "LLMWRAP__AUTH__API_KEY_FILE"


def test_a_form_in_a_higher_source_beats_another_form_below(load, secret_file):
    below = f"[auth]\napi_key_file = '{secret_file}'\n"

    assert load(below, {"API_KEY": "from-the-environment"}).settings.auth.api_key == (
        "from-the-environment"
    )
    assert (
        load(
            "[auth]\napi_key = 'from-the-file-here'\n",
            {"LLMWRAP__AUTH__API_KEY_FILE": str(secret_file)},
        ).settings.auth.api_key
        == CANARY
    )


def test_an_empty_form_counts_as_not_given(load):
    settings = load(
        f"[auth]\napi_key = '{CANARY}'\napi_key_file = ''\napi_key_env = ''\n"
    ).settings

    assert settings.auth.api_key == CANARY


def test_two_forms_in_one_source_are_refused(problems, secret_file):
    assert problems(
        f"[auth]\napi_key = '{CANARY}'\napi_key_file = '{secret_file}'\n"
    ) == ("auth.api_key: also given as auth.api_key_file; give one of them",)
    assert problems(
        "",
        {
            "LLMWRAP__AUTH__API_KEY": CANARY,
            "LLMWRAP__AUTH__API_KEY_ENV": "KEY",
            "KEY": "x",
        },
    ) == ("auth.api_key: also given as auth.api_key_env; give one of them",)


def test_a_variable_that_is_not_set_is_refused_without_showing_its_name(problems):
    # Somebody may have put the secret where its variable's name belongs.
    assert problems(f"[auth]\napi_key_env = '{CANARY}'\n") == (
        "auth.api_key_env (config.toml): the variable of that name is not set, or is "
        "empty",
    )


def test_a_variable_that_is_not_set_is_named_where_its_name_looks_like_one(problems):
    assert problems("[auth]\napi_key_env = 'TEAM_KEY'\n") == (
        "auth.api_key_env (config.toml): the variable TEAM_KEY is not set, or is empty",
    )


def test_a_reference_that_is_no_string_is_refused(problems):
    assert problems("[auth]\napi_key_env = 5\n") == (
        "auth.api_key_env (config.toml): not accepted; give a string",
    )


def test_a_secret_file_that_does_not_exist_is_refused(problems):
    assert problems(f"[auth]\napi_key_file = '/nonexistent/{CANARY}'\n") == (
        "auth.api_key_file (config.toml): the file cannot be read: No such file or "
        "directory",
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_secret_file_open_to_others_is_refused(problems, secret_file, mode):
    secret_file.chmod(mode)

    assert problems(f"[auth]\napi_key_file = '{secret_file}'\n") == (
        f"auth.api_key_file (config.toml): the file is open to others (mode {mode:04o}); "
        "chmod 600",
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [(b" \n", "the file is empty"), (b"\xff", "the file is not UTF-8")],
)
def test_a_secret_file_without_text_is_refused(problems, secret_file, content, words):
    secret_file.write_bytes(content)

    assert problems(f"[auth]\napi_key_file = '{secret_file}'\n") == (
        f"auth.api_key_file (config.toml): {words}",
    )


def test_a_bad_reference_is_the_only_problem_of_a_required_secret(problems):
    found = problems(
        "[server]\nbind = '0.0.0.0:80'\n"
        "[[users]]\nusername = 'a'\npassword_hash_env = 'UNSET'\n"
    )

    assert found == (
        "users[0].password_hash_env (config.toml): the variable UNSET is not set, or is "
        "empty",
    )


@pytest.mark.parametrize(
    ("toml", "path"),
    [
        (f'[auth]\napi_key = "{CANARY}\\n"', "auth.api_key"),
        (f"[auth]\napi_key = ' {CANARY}'", "auth.api_key"),
        (f"[auth]\napi_key = ['{CANARY}']", "auth.api_key"),
        (f"[auth]\napi_key = '{CANARY}ü'", "auth.api_key"),
        (f"auth = '{CANARY}'", "auth"),
        (f"[database]\nurl = 'mysql://u:{CANARY}@h/d'", "database.url"),
        (f"database = 'postgresql://u:{CANARY}@h/d'", "database"),
        (f"[limits]\nstorage_url = 'mongodb://u:{CANARY}@h/d'", "limits.storage_url"),
        (f"[otel]\nendpoint = 'http://u:{CANARY}@h'", "otel.endpoint"),
        (f"[auth]\napi_kee = '{CANARY}'", "auth.api_kee"),
        (
            f"[[users]]\nusername = 'a'\npassword_hash = '{CANARY}'",
            "users[0].password_hash",
        ),
        (
            UPSTREAM.replace("//h", f"//u:{CANARY}@h"),
            "pools[0].upstreams[0].url",
        ),
        (f'{UPSTREAM}api_key = "{CANARY}\\u0000"', "pools[0].upstreams[0].api_key"),
        (f"pools = [['{CANARY}']]", "pools[0]"),
    ],
)
def test_a_refused_secret_is_not_in_the_message(problems, toml, path):
    (line,) = problems(toml)

    assert line.startswith(f"{path}: ")
    assert CANARY not in line


def test_repr_hides_every_secret(load):
    loaded = load(
        f"[auth]\napi_key = '{CANARY}'\n"
        f"[database]\nurl = 'postgresql://u:{CANARY}@h/d'\n"
        f"[limits]\nstorage_url = 'redis://:{CANARY}@h/0'\n"
        f"[[users]]\nusername = 'a'\npassword_hash = 'scrypt:1:1:1${CANARY}$00'\n"
        f"{UPSTREAM}api_key = '{CANARY}'\n"
    )

    assert loaded.settings.auth.api_key == CANARY
    assert CANARY not in repr(loaded)
    assert CANARY not in str(loaded.settings)
