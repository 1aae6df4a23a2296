"""The start banner: what it says, and that its examples can be pasted."""

import json
import shlex

import pytest

from llmwrap import __version__
from llmwrap.banner import banner
from llmwrap.demo import demo_pools
from llmwrap.settings.values import (
    Auth,
    Kind,
    PoolSettings,
    Settings,
    UpstreamSettings,
)

LOCAL = "127.0.0.1:8000"


def pool(
    *models: str, kind: Kind = "chat", default: str = "", listed: tuple[str, ...] = ()
) -> PoolSettings:
    upstream = UpstreamSettings("u", "http://10.0.0.11:8000/v1", models=listed)
    return PoolSettings(
        f"ollama-{kind}", kind, models, (upstream,), default_model=default
    )


def line_with(text: str, word: str) -> str:
    lines = [line for line in text.splitlines() if word in line]
    assert len(lines) == 1
    return lines[0]


def curl_words(settings: Settings, bind: str = LOCAL) -> list[str]:
    return shlex.split(line_with(banner(settings, bind), "curl "))


OPEN = Settings(pools=(pool("llama3:8b", "qwen3"), pool("bge-m3", kind="embed")))
CLOSED = Settings(auth=Auth(mode="required"), pools=OPEN.pools)


def test_whole_banner_of_an_open_gateway() -> None:
    assert banner(OPEN, LOCAL) == (
        f"llmwrap {__version__}\n"
        "  address   http://127.0.0.1:8000\n"
        "  access    open: no credential is asked for, and only this machine may call\n"
        "  chat      ollama-chat: llama3:8b, qwen3\n"
        "  embed     ollama-embed: bge-m3\n"
        "\n"
        "Try:\n"
        "  curl http://127.0.0.1:8000/api/v1/chat/completions"
        " -H 'content-type: application/json'"
        ' -d \'{"model":"llama3:8b","messages":[{"role":"user","content":"Hello"}]}\'\n'
        "  python -c 'from openai import OpenAI;"
        ' print(OpenAI(base_url="http://127.0.0.1:8000/api/v1", api_key="unused")'
        ".models.list().data)'\n"
        "  OLLAMA_HOST=http://127.0.0.1:8000/ollama ollama list\n"
    )


def test_curl_line_splits_into_its_parts() -> None:
    words = curl_words(OPEN)
    assert words[:4] == [
        "curl",
        "http://127.0.0.1:8000/api/v1/chat/completions",
        "-H",
        "content-type: application/json",
    ]
    assert words[4] == "-d"
    assert json.loads(words[5]) == {
        "model": "llama3:8b",
        "messages": [{"role": "user", "content": "Hello"}],
    }
    assert len(words) == 6


def test_curl_carries_the_key_where_auth_is_required() -> None:
    line = line_with(banner(CLOSED, LOCAL), "curl ")
    assert '-H "Authorization: Bearer $KEY"' in line
    assert shlex.split(line)[4:6] == ["-H", "Authorization: Bearer $KEY"]


def test_python_line_takes_the_key_from_the_environment() -> None:
    words = shlex.split(line_with(banner(CLOSED, LOCAL), "python -c"))
    assert words == [
        "python",
        "-c",
        "import os; from openai import OpenAI;"
        ' print(OpenAI(base_url="http://127.0.0.1:8000/api/v1",'
        ' api_key=os.environ["KEY"]).models.list().data)',
    ]


def test_curl_over_a_unix_socket_is_the_only_example() -> None:
    text = banner(OPEN, "unix:/run/llm wrap.sock")
    words = shlex.split(line_with(text, "curl "))
    assert words[:4] == [
        "curl",
        "--unix-socket",
        "/run/llm wrap.sock",
        "http://localhost/api/v1/chat/completions",
    ]
    assert "  address   unix:/run/llm wrap.sock\n" in text
    assert "only this machine may call" in text
    assert "OpenAI" not in text
    assert "ollama list" not in text


def test_model_name_with_a_quote_can_be_pasted() -> None:
    words = curl_words(Settings(pools=(pool("it's $(id)"),)))
    assert json.loads(words[-1])["model"] == "it's $(id)"


@pytest.mark.parametrize(
    ("pools", "model"),
    [
        ((pool("Mistral-*", default="Mistral-Small"),), "Mistral-Small"),
        ((pool("Mistral-*", listed=("Mistral-Large",)),), "Mistral-Large"),
        ((pool("Mistral-*", "gemma"),), "gemma"),
        ((pool("Mistral-*"), pool("devstral", kind="code")), "devstral"),
        ((pool("bge-m3", kind="embed"), pool("llama3")), "llama3"),
        ((pool("Mistral-*"),), "MODEL"),
        ((pool("bge-m3", kind="embed", default="bge-m3"),), "MODEL"),
        ((), "MODEL"),
    ],
)
def test_example_asks_a_model_that_exists(
    pools: tuple[PoolSettings, ...], model: str
) -> None:
    assert json.loads(curl_words(Settings(pools=pools))[-1])["model"] == model


@pytest.mark.parametrize(
    ("bind", "shown", "root"),
    [
        (
            "0.0.0.0:80",
            "http://127.0.0.1:80 (on every address of this machine)",
            "http://127.0.0.1:80",
        ),
        (
            "[::]:80",
            "http://[::1]:80 (on every address of this machine)",
            "http://[::1]:80",
        ),
        (
            ":80",
            "http://127.0.0.1:80 (on every address of this machine)",
            "http://127.0.0.1:80",
        ),
        ("[::1]:80", "http://[::1]:80", "http://[::1]:80"),
        ("10.0.0.5:80", "http://10.0.0.5:80", "http://10.0.0.5:80"),
    ],
)
def test_examples_use_an_address_that_this_machine_reaches(
    bind: str, shown: str, root: str
) -> None:
    text = banner(OPEN, bind)
    assert f"  address   {shown}\n" in text
    assert f"OLLAMA_HOST={root}/ollama ollama list\n" in text
    assert curl_words(OPEN, bind)[1] == f"{root}/api/v1/chat/completions"


@pytest.mark.parametrize(
    ("auth", "bind", "access"),
    [
        (Auth(), LOCAL, "open: no credential is asked for, and only this machine"),
        (Auth(mode="off"), LOCAL, "open: no credential is asked for, and only this"),
        (Auth(api_key="s3cret"), LOCAL, "every request needs a credential\n"),
        (Auth(mode="required"), "0.0.0.0:80", "every request needs a credential\n"),
        (Auth(mode="off"), "0.0.0.0:80", "OPEN TO EVERYONE who reaches this address"),
        (Auth(), "0.0.0.0:80", "closed: no credential source is configured;"),
    ],
)
def test_access_is_told_truthfully(auth: Auth, bind: str, access: str) -> None:
    text = banner(Settings(auth=auth), bind)
    assert f"  access    {access}" in text
    assert "s3cret" not in text


def test_demo_is_announced_with_the_way_out() -> None:
    text = banner(Settings(pools=demo_pools("http://127.0.0.1:1/v1")), LOCAL)
    assert "  models    none is connected: the built-in demo answers;\n" in text
    assert "add a [[pools]] entry to config.toml, or start Ollama, vLLM,\n" in text
    assert "  chat      demo-chat: llmwrap-demo-chat\n" in text
    assert '"model":"llmwrap-demo-chat"' in text


def test_no_pool_at_all_is_announced_too() -> None:
    text = banner(Settings(), LOCAL)
    assert "  models    none: no pool is configured;\n" in text
    assert "add a [[pools]] entry to config.toml" in text


def test_connected_models_are_not_called_a_demo() -> None:
    mixed = Settings(pools=(*demo_pools("http://127.0.0.1:1/v1"), pool("llama3")))
    assert "demo answers" not in banner(OPEN, LOCAL)
    assert "demo answers" not in banner(mixed, LOCAL)


def test_long_model_lists_are_shortened() -> None:
    text = banner(Settings(pools=(pool(*"abcdefg"),)), LOCAL)
    assert "ollama-chat: a, b, c, d, e and 2 more\n" in text


def test_upstream_addresses_are_not_shown() -> None:
    assert "10.0.0.11" not in banner(OPEN, LOCAL)


def test_notices_are_shown_in_order() -> None:
    text = banner(OPEN, LOCAL, notices=("pool 'x' is left out", "second"))
    assert "  notice    pool 'x' is left out\n  notice    second\n" in text


def test_ollama_line_is_a_command() -> None:
    line = line_with(banner(OPEN, LOCAL), "ollama list")
    assert shlex.split(line) == [
        "OLLAMA_HOST=http://127.0.0.1:8000/ollama",
        "ollama",
        "list",
    ]
