"""The `options` of a request: which there are, their types, and what they mean for sampling.

Names, types and words of refusal: Ollama 0.33 (2026-08), which answers 500 to a wrong type; here
it is 400.
"""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.tasks import Sampling, Target
from llmwrap.errors import InvalidRequest

_TYPES = {
    "num_keep": "integer",
    "seed": "integer",
    "num_predict": "integer",
    "top_k": "integer",
    "top_p": "float32",
    "min_p": "float32",
    "typical_p": "float32",
    "repeat_last_n": "integer",
    "temperature": "float32",
    "repeat_penalty": "float32",
    "presence_penalty": "float32",
    "frequency_penalty": "float32",
    "stop": "array",
    "num_ctx": "integer",
    "num_batch": "integer",
    "num_gpu": "integer",
    "main_gpu": "integer",
    "use_mmap": "boolean",
    "num_thread": "integer",
    "draft_num_predict": "integer",
}

_SHARED = (
    "repeat_last_n",
    "typical_p",
    "num_keep",
    "mirostat",
    "mirostat_tau",
    "mirostat_eta",
)
"""What another server may know by the same name, and nothing but a number."""


def normal_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that say something, each of its type; others than Ollama's as they are."""
    return {
        name: _normal(name, value)
        for name, value in options.items()
        if value is not None
    }


def _normal(name: str, value: Any) -> Any:
    kind = _TYPES.get(name)
    if kind == "integer" and type(value) is float:
        return int(value)
    if name == "stop" and type(value) is str:
        return [value]
    if kind is None or type(value) in _FITTING[kind]:
        if kind == "array" and not all(type(item) is str for item in value):
            raise _refusal(name, "an array of strings")
        return value
    raise _refusal(name, kind)


_FITTING: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "float32": (int, float),
    "boolean": (bool,),
    "array": (list,),
}


def _refusal(name: str, kind: str) -> InvalidRequest:
    return InvalidRequest(
        f'option "{name}" must be of type {kind}', param=f"options.{name}"
    )


def read_sampling(body: Mapping[str, Any]) -> Sampling:
    """What the options of a body that was judged mean; Ollama's own defaults are not assumed.

    `num_predict` below 1 and a negative `seed` say that nothing is asked for.
    """
    options: Mapping[str, Any] = body.get("options") or {}
    most = options.get("num_predict")
    seed = options.get("seed")
    return Sampling(
        max_tokens=most if most and most > 0 else None,
        temperature=options.get("temperature"),
        top_p=options.get("top_p"),
        top_k=options.get("top_k"),
        min_p=options.get("min_p"),
        seed=seed if seed is not None and seed >= 0 else None,
        stop=tuple(filter(None, options.get("stop") or ())),
        presence_penalty=options.get("presence_penalty"),
        frequency_penalty=options.get("frequency_penalty"),
        repetition_penalty=options.get("repeat_penalty"),
        top_logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        extra={
            name: options[name]
            for name in _SHARED
            if type(options.get(name)) in (int, float)
        },
    )


def render_options(sampling: Sampling, target: Target, number: int) -> dict[str, Any]:
    """The options for answer `number` of several: each has a seed of its own."""
    options = {
        "num_ctx": target.context_length or None,
        "num_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "seed": None if sampling.seed is None else sampling.seed + number,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_penalty": sampling.repetition_penalty,
        **{name: sampling.extra.get(name) for name in _SHARED},
    }
    return {name: value for name, value in options.items() if value is not None}
