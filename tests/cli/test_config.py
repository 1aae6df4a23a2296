import json
import subprocess
import sys

import pytest

from llmwrap.settings import CHECKOUT

CANARY = "canary-7f3a91c2-canary"

GOOD = f"""
[auth]
api_key = "{CANARY}"
[database]
url = "postgresql://u:{CANARY}@h/d"
[limits]
storage_url = "redis://:{CANARY}@h/0"
groups = {{ guest = "5/minute" }}
[chat_log]
level = "off"
[[users]]
username = "alice"
password_hash = "scrypt:1:1:1${CANARY}$00"
[[pools]]
name = "p"
kind = "chat"
models = ["*", "b"]
aliases = {{ "gpt-4o" = "b" }}
[[pools.upstreams]]
name = "u"
url = "http://h/v1"
api_key = "{CANARY}"
"""


@pytest.fixture
def good(tmp_path):
    (tmp_path / "config.toml").write_text(GOOD)


def test_check_config_counts_what_is_configured(run, good):
    result = run("check-config")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == (
        "configuration is good: 1 pools, 1 users, auth required"
    )
    assert result.stderr == ""


def test_check_config_tells_what_has_no_effect(run, good):
    assert (
        "chat_log.level is set in config.toml, but the chat log is not built yet: "
        "it has no effect\n"
    ) in run("check-config").stdout


def test_check_config_without_a_file_is_good(run):
    result = run("check-config")

    assert result.exit_code == 0
    assert result.stdout == "configuration is good: 0 pools, 0 users, auth off\n"


def test_check_config_looks_at_another_file(run, good, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text("")

    assert run("check-config", str(other)).stdout == (
        "configuration is good: 0 pools, 0 users, auth off\n"
    )


@pytest.mark.parametrize("command", [("check-config",), ("config", "show")])
def test_problems_go_to_stderr_one_per_line(run, tmp_path, command):
    (tmp_path / "config.toml").write_text("[server]\nworkers = 0\nthread = 1\n")

    result = run(*command)

    assert result.exit_code == 78
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "server.thread: no such setting (config.toml); did you mean server.threads?",
        "server.workers: 0 (config.toml) is not accepted; give a whole number, 1 or more",
    ]


def test_show_prints_every_value_with_its_origin(run, good):
    lines = run("config", "show").stdout.splitlines()

    assert 'server.bind = "127.0.0.1:8000"   # default' in lines
    assert 'pools[0].models = ["*", "b"]   # config.toml' in lines
    assert 'pools[0].aliases.gpt-4o = "b"   # config.toml' in lines
    assert "pools[0].upstreams[0].models = []   # default" in lines
    assert "auth.guest.enabled = false   # default" in lines
    assert 'services.chat.default_top_p = "none"   # default' in lines


def test_show_prints_an_empty_table_as_toml(run):
    assert "limits.groups = {}   # default" in run("config", "show").stdout.splitlines()


def test_show_masks_a_secret_that_is_set_and_leaves_an_unset_one_empty(run, good):
    lines = run("config", "show").stdout.splitlines()

    assert 'auth.api_key = "********"   # config.toml' in lines
    assert 'database.url = "********"   # config.toml' in lines
    assert 'users[0].password_hash = "********"   # config.toml' in lines
    assert 'pools[0].upstreams[0].api_key = "********"   # config.toml' in lines
    assert 'limits.storage_url = "redis://********@h/0"   # config.toml' in lines


def test_show_leaves_an_unset_secret_empty(run):
    lines = run("config", "show").stdout.splitlines()

    assert 'auth.api_key = ""   # default' in lines
    assert 'database.url = ""   # default' in lines


def test_show_json_has_value_and_origin_by_path(run, good):
    shown = json.loads(run("config", "show", "--json").stdout)

    assert shown["server.threads"] == {"value": 16, "origin": "default"}
    assert shown["auth.api_key"] == {"value": "********", "origin": "config.toml"}
    assert shown["pools[0].models"] == {"value": ["*", "b"], "origin": "config.toml"}


@pytest.mark.parametrize(
    "command", [("check-config",), ("config", "show"), ("config", "show", "--json")]
)
def test_no_output_holds_a_secret(run, good, command):
    result = run(*command)

    assert result.exit_code == 0
    assert CANARY not in result.output


def test_an_unknown_option_is_wrong_usage(run):
    assert run("config", "show", "--yaml").exit_code == 2


def test_version_names_the_program(run):
    assert run("version").stdout == "llmwrap 0.1.0\n"


def llmwrap(*args, **environ):
    """The command in a process of its own; answers with status, stdout and stderr."""
    program = "import sys; from llmwrap.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, *args],
        cwd=CHECKOUT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_bad_settings_end_the_process_with_status_78(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[server]\nworkers = 'four'\n")

    status, out, err = llmwrap("check-config", LLMWRAP_CONFIG=str(file))

    assert (status, out) == (78, "")
    assert err == (
        'server.workers: "four" (bad.toml) is not accepted; give a whole number, 1 or '
        "more\n"
    )


def test_a_server_finds_a_file_that_is_named_from_where_it_was_called(tmp_path):
    file = tmp_path / "bad.toml"
    file.write_text("[server]\nworkers = 'four'\n")
    program = "import sys; from llmwrap.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "serve"],
        cwd=tmp_path,
        env={"LLMWRAP_CONFIG": "bad.toml", "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 78
    assert done.stderr.startswith('server.workers: "four" (bad.toml)')


def test_the_process_environment_counts(tmp_path):
    file = tmp_path / "good.toml"
    file.write_text("")

    _, out, _ = llmwrap(
        "config", "show", LLMWRAP_CONFIG=str(file), LLMWRAP__SERVER__THREADS="3"
    )

    assert "server.threads = 3   # LLMWRAP__SERVER__THREADS\n" in out


def test_the_command_line_does_not_load_flask():
    program = "import sys, llmwrap.cli; print('flask' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout == "False\n"
