"""What was found, sorted into pools."""

import json

import pytest

from llmwrap.discovery import Found, kind_of, pools_from


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("llama3.2:3b", "chat"),
        ("Mistral-Small-3.2-24B-Instruct-2506", "chat"),
        ("some-encoder-decoder", "chat"),
        ("gemma-e5b", "chat"),
        ("qwen2.5-coder:7b", "code"),
        ("codellama", "code"),
        ("Codestral-22B-v0.1", "code"),
        ("Devstral-Small-2507", "code"),
        ("bigcode/starcoder2-15b", "code"),
        ("nomic-embed-text:latest", "embed"),
        ("nomic-embed-code", "embed"),
        ("all-MiniLM-L6-v2", "embed"),
        ("BAAI/bge-m3", "embed"),
        ("intfloat/multilingual-e5-large", "embed"),
        ("thenlper/gte-small", "embed"),
    ],
)
def test_kind_by_name(model: str, kind: str) -> None:
    assert kind_of(model) == kind


def test_pools_are_one_per_server_and_kind() -> None:
    ollama = Found(
        "ollama",
        "http://127.0.0.1:11434/v1",
        ("llama3:8b", "nomic-embed-text", "qwen3:4b", "qwen2.5-coder:7b"),
    )
    tables = pools_from([ollama])
    assert tables[0] == {
        "name": "ollama-chat",
        "kind": "chat",
        "models": ["llama3:8b", "qwen3:4b"],
        "owned_by": "ollama",
        "default_model": "llama3:8b",
        "upstreams": [
            {
                "name": "ollama-chat",
                "url": "http://127.0.0.1:11434/v1",
                "dialect": "openai",
            }
        ],
    }
    assert [(table["name"], table["models"]) for table in tables[1:]] == [
        ("ollama-code", ["qwen2.5-coder:7b"]),
        ("ollama-embed", ["nomic-embed-text"]),
    ]
    assert json.loads(json.dumps(tables)) == tables


def test_pool_names_are_plain_and_unique() -> None:
    found = [
        Found("My Engine/2", "http://127.0.0.1:1/v1", ("a",)),
        Found("vllm", "http://127.0.0.1:2/v1", ("b",)),
        Found("vllm", "http://127.0.0.1:3/v1", ("c",)),
        Found("vllm", "http://127.0.0.1:4/v1", ("d",)),
        Found("日本", "http://127.0.0.1:5/v1", ("e",)),
    ]
    assert [table["name"] for table in pools_from(found)] == [
        "my-engine-2-chat",
        "vllm-chat",
        "vllm-chat-2",
        "vllm-chat-3",
        "local-chat",
    ]
