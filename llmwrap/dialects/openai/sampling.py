"""How the model chooses its tokens, between JSON and values."""

from collections.abc import Mapping
from typing import Any

from llmwrap.canonical.tasks import Sampling
from llmwrap.dialects.openai.engines import Engine
from llmwrap.dialects.openai.schemas import refuse
from llmwrap.errors import InvalidRequest

_NUMBERS = (
    "temperature",
    "top_p",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
)
_COUNTS = ("top_k", "seed")
_MOST_LOGPROBS = 20

_EXTRA = {
    "repeat_last_n": "repeat_last_n",
    "typical_p": "typical_p",
    "n_keep": "num_keep",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
}
"""Options that llama.cpp's clients send (2026-11) -> what a task calls them."""


def read_sampling(body: Mapping[str, Any], top_logprobs: int | None) -> Sampling:
    """The options of a validated request; `top_logprobs` is read by its operation's rules."""
    said: dict[str, Any] = {name: number(body, name) for name in _NUMBERS}
    said |= {name: count(body, name) for name in _COUNTS}
    repetition = number(body, "repetition_penalty")
    if repetition is None:
        repetition = number(body, "repeat_penalty")
    extra = {ours: number(body, name) for name, ours in _EXTRA.items()}
    return Sampling(
        **said,
        max_tokens=_max_tokens(body),
        stop=_stop(body.get("stop")),
        repetition_penalty=repetition,
        top_logprobs=top_logprobs,
        extra={name: value for name, value in extra.items() if value is not None},
    )


def _max_tokens(body: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        most = count(body, name)
        if most == 0:
            raise InvalidRequest(
                f"{name} is 0; accepted for this model: at least 1", param=name
            )
        if most is not None:
            return most
    return None


def _stop(told: str | list[str] | None) -> tuple[str, ...]:
    return tuple(filter(None, [told] if isinstance(told, str) else told or ()))


def chat_logprobs(body: Mapping[str, Any]) -> int | None:
    """How many alternatives a chat asks for beside each token, None for no probabilities."""
    asked = body.get("logprobs")
    if asked is not None and type(asked) is not bool:
        refuse("logprobs", asked, "true or false")
    top = _alternatives(body, "top_logprobs")
    if top and not asked:
        raise InvalidRequest(
            "top_logprobs is only accepted with logprobs: true", param="top_logprobs"
        )
    return (top or 0) if asked else None


def completion_logprobs(body: Mapping[str, Any]) -> int | None:
    """The same for a text completion, where `logprobs` is that number."""
    return _alternatives(body, "logprobs")


def _alternatives(body: Mapping[str, Any], name: str) -> int | None:
    asked = count(body, name)
    if asked is not None and not 0 <= asked <= _MOST_LOGPROBS:
        refuse(name, asked, f"an integer from 0 to {_MOST_LOGPROBS}")
    return asked


def number(body: Mapping[str, Any], name: str) -> float | None:
    """A JSON number, None where it is absent."""
    value = body.get(name)
    if value is not None and type(value) not in (int, float):
        refuse(name, value, "a number")
    return value


def count(body: Mapping[str, Any], name: str) -> int | None:
    """A JSON integer, None where it is absent."""
    value = body.get(name)
    if value is not None and type(value) is not int:
        refuse(name, value, "an integer")
    return value


def render_sampling(sampling: Sampling, engine: Engine) -> dict[str, Any]:
    """The options as a server of this make knows them; those that it does not know are left out.

    Not the log probabilities and the length, which the operations call differently.
    """
    told: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "stop": list(sampling.stop) or None,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    if engine.samples_more:
        told |= {"top_k": sampling.top_k, "min_p": sampling.min_p}
    if engine.repetition:
        told[engine.repetition] = sampling.repetition_penalty
    for ours, name in engine.options.items():
        told[name] = sampling.extra.get(ours)
    if engine.no_top_p_1 and told["top_p"] == 1:
        del told["top_p"]
    return {name: value for name, value in told.items() if value is not None}
