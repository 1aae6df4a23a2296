"""What another dialect's client asks for, as calls to a server of this dialect."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llmwrap.canonical.tasks import Chat, Embedding, Target, Task, TextCompletion
from llmwrap.dialects.base import Call
from llmwrap.dialects.lazy_calls import Calls
from llmwrap.dialects.openai.engines import Engine, engine_of
from llmwrap.dialects.openai.mending import MENDABLE
from llmwrap.dialects.openai.request import call_to
from llmwrap.dialects.openai.sampling import render_sampling
from llmwrap.dialects.openai.tools import render_tools
from llmwrap.dialects.openai.turns import render_turns
from llmwrap.errors import InvalidRequest

_USUAL_CONTEXT = 4096
"""Tokens, where nobody said how many the model takes."""

_LEAST_TOKENS = 256
"""An answer may be so long, whatever is left of the context."""

_BYTES_PER_TOKEN = 3
"""Fewer than texts in natural languages have (4), so that a prompt is not thought too short."""


def render_task(task: Task, target: Target, *, stream: bool) -> Sequence[Call]:
    """The calls, one after another; InvalidRequest for what the server has no words for."""
    engine = engine_of(target.engine)
    if isinstance(task, Embedding):
        return _embeddings(task, target, engine)
    streaming: dict[str, Any] = {"stream": stream}
    if stream:
        streaming["stream_options"] = {"include_usage": True}
    if isinstance(task, Chat):
        return (call_to("chat", _chat(task, target, engine) | streaming, MENDABLE),)

    def of_prompts(number: int) -> Call:
        prompts = (
            task.prompts if engine.takes_lists else task.prompts[number : number + 1]
        )
        body = _completion(replace(task, prompts=prompts), target, engine) | streaming
        return call_to("text_completion", body, MENDABLE)

    return Calls(1 if engine.takes_lists else len(task.prompts), of_prompts)


def _chat(task: Chat, target: Target, engine: Engine) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": target.model,
        "messages": render_turns(task.messages, engine),
        **render_tools(task),
        **_format(task, engine),
        **_think(task, target, engine),
        **render_sampling(task.sampling, engine),
    }
    if task.sampling.max_tokens:
        body[engine.max_tokens] = task.sampling.max_tokens
    if task.sampling.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": task.sampling.top_logprobs}
    if task.n > 1:
        body["n"] = task.n
    if task.prefilled and engine.must_be_told:
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    return body


def _format(task: Chat, engine: Engine) -> dict[str, Any]:
    schema = task.format
    if schema == "":
        return {}
    if schema == "json":
        if not engine.json_by_schema:
            return {"response_format": {"type": "json_object"}}
        schema = {"type": "object"}
    named = {"name": "schema", "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _think(task: Chat, target: Target, engine: Engine) -> dict[str, Any]:
    """Templates name the switch `enable_thinking` (Qwen) or `thinking` (DeepSeek, Granite).

    gpt-oss cannot be switched off, and knows three efforts (2026-11).
    """
    think = task.think
    if think is None or not engine.most_effort:
        return {}
    told: dict[str, Any] = {}
    if engine.by_template:
        switch = think is not False
        told = {"chat_template_kwargs": {"enable_thinking": switch, "thinking": switch}}
    gpt_oss = "gpt-oss" in target.model.lower()
    if isinstance(think, str):
        most = "high" if gpt_oss else engine.most_effort
        told["reasoning_effort"] = most if think == "max" else think
    elif not think and gpt_oss:
        told["reasoning_effort"] = "low"
    elif not think and not engine.by_template:
        told["reasoning_effort"] = "none"
    return told


def _completion(task: TextCompletion, target: Target, engine: Engine) -> dict[str, Any]:
    """Some prompts at once, with the gap that is to be filled where there is one."""
    prompts = task.prompts
    if task.suffix and not engine.fills_gaps:
        prompts = tuple(_with_gap(each, task.suffix, target) for each in prompts)
    body: dict[str, Any] = {
        "model": target.model,
        "prompt": prompts[0] if len(prompts) == 1 else list(prompts),
        **render_sampling(task.sampling, engine),
    }
    most = task.sampling.max_tokens
    if most or engine.stops_early:
        body["max_tokens"] = most or _room_after(prompts, target)
    if task.suffix and engine.fills_gaps:
        body["suffix"] = task.suffix
    if task.sampling.top_logprobs is not None:
        body["logprobs"] = task.sampling.top_logprobs
    if task.n > 1:
        body["n"] = task.n
    return body


def _with_gap(prefix: str, suffix: str, target: Target) -> str:
    """The prompt of a model that was taught to fill gaps, by the template of its pool."""
    if not target.fill_in_middle:
        raise InvalidRequest(f"{target.model} does not support insert", param="suffix")
    texts = {"{prefix}": prefix, "{suffix}": suffix}
    return re.sub(
        r"\{(?:prefix|suffix)\}", lambda found: texts[found[0]], target.fill_in_middle
    )


def _room_after(prompts: tuple[str, ...], target: Target) -> int:
    """How long an answer may be, where the client said nothing.

    vLLM, OpenAI and TGI stop after 16 or 100 tokens unless told; more than the context is
    refused by vLLM before 0.9.
    """
    longest = max(len(each.encode()) for each in prompts)
    context = target.context_length or _USUAL_CONTEXT
    return max(_LEAST_TOKENS, context - longest // _BYTES_PER_TOKEN - 1)


def _embeddings(task: Embedding, target: Target, engine: Engine) -> Sequence[Call]:
    """One call for each batch; vectors are cut here, since most models cannot."""
    size = max(1, target.embed_batch)
    rest: dict[str, Any] = {"encoding_format": "float"}
    if task.truncate and engine.truncates:
        rest["truncate_prompt_tokens"] = -1

    def of_batch(number: int) -> Call:
        texts = task.inputs[number * size : (number + 1) * size]
        body = {"model": target.model, "input": texts, **rest}
        return call_to("embeddings", body, MENDABLE)

    return Calls(-(-len(task.inputs) // size), of_batch)
