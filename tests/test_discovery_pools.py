"""What was found, sorted into pools."""

import json

import pytest

from llmwrap.discovery import Found, pools_from
from llmwrap.settings.model_kinds import kind_of


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
        ("opencoder:8b", "code"),
        ("dolphincoder", "code"),
        ("decoder", "chat"),
        ("Devstral-Small-2507", "code"),
        ("bigcode/starcoder2-15b", "code"),
        ("nomic-embed-text:latest", "embed"),
        ("nomic-embed-code", "embed"),
        ("all-MiniLM-L6-v2", "embed"),
        ("BAAI/bge-m3", "embed"),
        ("intfloat/multilingual-e5-large", "embed"),
        ("thenlper/gte-small", "embed"),
        ("BGE-M3", "embed"),
        ("bge:latest", "embed"),
        ("paraphrase-multilingual:latest", "embed"),
        ("hf.co/Qwen/Qwen3-Embedding-0.6B-GGUF:Q8_0", "embed"),
    ],
)
def test_kind_by_name(model: str, kind: str) -> None:
    assert kind_of(model) == kind


def test_pools_are_one_per_server_and_kind() -> None:
    ollama = Found(
        "ollama",
        "http://127.0.0.1:11434",
        {
            "llama3:8b": "chat",
            "nomic-embed-text": "embed",
            "qwen3:4b": "chat",
            "qwen2.5-coder:7b": "code",
        },
        "ollama",
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
                "url": "http://127.0.0.1:11434",
                "dialect": "ollama",
            }
        ],
    }
    assert [(table["name"], table["models"]) for table in tables[1:]] == [
        ("ollama-code", ["qwen2.5-coder:7b"]),
        ("ollama-embed", ["nomic-embed-text"]),
    ]
    assert json.loads(json.dumps(tables)) == tables


def test_other_servers_are_asked_in_openais_dialect() -> None:
    (table,) = pools_from([Found("vllm", "http://127.0.0.1:1/v1", {"a": "chat"})])
    assert table["upstreams"] == [
        {"name": "vllm-chat", "url": "http://127.0.0.1:1/v1", "dialect": "openai"}
    ]


def test_pool_names_are_plain_and_unique() -> None:
    found = [
        Found("My Engine/2", "http://127.0.0.1:1/v1", {"a": "chat"}),
        Found("vllm", "http://127.0.0.1:2/v1", {"b": "chat"}),
        Found("vllm", "http://127.0.0.1:3/v1", {"c": "chat"}),
        Found("vllm", "http://127.0.0.1:4/v1", {"d": "chat"}),
        Found("日本", "http://127.0.0.1:5/v1", {"e": "chat"}),
    ]
    assert [table["name"] for table in pools_from(found)] == [
        "my-engine-2-chat",
        "vllm-chat",
        "vllm-chat-2",
        "vllm-chat-3",
        "local-chat",
    ]
