"""What is refused because the model cannot do it, in Ollama's words (0.33)."""

from dataclasses import replace
from typing import Any

import pytest

from llmwrap.canonical.messages import Request
from llmwrap.dialects.ollama.capabilities import check_capabilities
from llmwrap.errors import InvalidRequest
from llmwrap.settings.values import PoolSettings
from tests.dialects.ollama import OLLAMA, chat, generate, read

CHAT = PoolSettings("p", "chat", ("*",), ())
EMBED = PoolSettings("p", "embed", ("*",), ())
TOOLS = [{"type": "function", "function": {"name": "f"}}]
EVERYTHING = ("tools", "thinking", "vision", "insert", "audio")


def _refusal(request: Request, pool: PoolSettings) -> str:
    with pytest.raises(InvalidRequest) as caught:
        OLLAMA.check_model(request, pool)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize("think", [True, "low"])
def test_thinking_is_refused_where_the_model_cannot(think: Any) -> None:  # C20
    pool = replace(CHAT, capabilities=("tools",))
    request = chat(model="foo:8b", think=think)
    assert _refusal(request, pool) == '"foo:8b" does not support thinking'


def test_not_thinking_is_never_refused() -> None:  # C20
    OLLAMA.check_model(chat(think=False), replace(CHAT, capabilities=("tools",)))


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("x", "registry.ollama.ai/library/x:latest"),
        ("x:8b", "registry.ollama.ai/library/x:8b"),
        ("Qwen/Qwen3-8B", "registry.ollama.ai/Qwen/Qwen3-8B:latest"),
        ("hf.co/a/b:Q4", "hf.co/a/b:Q4"),
    ],
)
def test_tools_are_refused_under_the_full_name(name: str, full: str) -> None:
    pool = replace(CHAT, capabilities=("thinking",))
    told = _refusal(chat(model=name, tools=TOOLS), pool)
    assert told == f"{full} does not support tools"


def test_no_tools_are_never_refused() -> None:
    OLLAMA.check_model(chat(tools=[]), replace(CHAT, capabilities=("thinking",)))


def test_gap_is_refused_where_the_model_cannot_fill_it() -> None:  # C33
    pool = replace(CHAT, capabilities=("tools",))
    told = _refusal(generate(suffix="x"), pool)
    assert told == "registry.ollama.ai/library/m:latest does not support insert"
    OLLAMA.check_model(generate(suffix="x"), replace(pool, fill_in_middle="{prefix}"))
    OLLAMA.check_model(generate(suffix="x"), replace(pool, capabilities=("insert",)))


def test_nothing_is_refused_while_nothing_is_known() -> None:
    OLLAMA.check_model(chat(think=True, tools=TOOLS), CHAT)
    OLLAMA.check_model(generate(suffix="x"), CHAT)


def test_nothing_is_refused_of_a_model_that_can_do_all() -> None:
    pool = replace(CHAT, capabilities=EVERYTHING)
    OLLAMA.check_model(chat(think="max", tools=TOOLS), pool)
    OLLAMA.check_model(generate(suffix="x", think=True), pool)


def test_embedding_models_answer_nothing() -> None:
    assert _refusal(chat(model="e"), EMBED) == '"e" does not support chat'
    assert _refusal(generate(model="e"), EMBED) == '"e" does not support generate'
    assert _refusal(generate(prompt=""), EMBED) == '"m" does not support generate'


def test_embedding_models_can_be_unloaded_either_way() -> None:
    OLLAMA.check_model(generate(prompt="", keep_alive=0), EMBED)


def test_vectors_are_for_embedding_models() -> None:
    request = read("embed", {"model": "m", "input": "x"})
    OLLAMA.check_model(request, EMBED)
    assert _refusal(request, CHAT) == "this model does not support embeddings"


def test_check_takes_any_collection() -> None:
    check_capabilities(chat(think=True), frozenset({"thinking"}), "chat")
