"""What the servers of this dialect take beyond what all of them do.

vLLM 0.8-0.16, llama.cpp, TGI 3 and OpenAI's own API, as their documents and sources stood in
2026-11. A server that nobody named is taken for vLLM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Engine:
    """One make of server; strings are names in its JSON, "" = it has none."""

    samples_more: bool = False  # top_k and min_p too
    repetition: str = ""
    options: Mapping[str, str] = field(default_factory=dict)  # of a task -> its names
    max_tokens: str = "max_tokens"
    stops_early: bool = (
        True  # a text completion is short unless told how long it may be
    )
    no_top_p_1: bool = False  # it refuses 1, which says nothing
    by_template: bool = False  # thinking is a variable of the chat template
    most_effort: str = ""
    reads_reasoning: bool = True  # earlier thoughts may be sent back
    must_be_told: bool = False  # that it shall go on with the assistant's last message
    json_by_schema: bool = False  # some JSON is asked for by a schema only
    fills_gaps: bool = False  # it knows `suffix`
    takes_lists: bool = True  # several prompts at once
    truncates: bool = False  # texts for vectors can be cut on demand


_VLLM = Engine(
    samples_more=True,
    repetition="repetition_penalty",
    by_template=True,
    most_effort="max",
    must_be_told=True,
    truncates=True,
)
_LLAMACPP = Engine(
    samples_more=True,
    repetition="repeat_penalty",
    options={
        "repeat_last_n": "repeat_last_n",
        "typical_p": "typical_p",
        "num_keep": "n_keep",
        "mirostat": "mirostat",
        "mirostat_tau": "mirostat_tau",
        "mirostat_eta": "mirostat_eta",
    },
    by_template=True,
    most_effort="high",
    stops_early=False,
)
_TGI = Engine(
    repetition="repetition_penalty",
    takes_lists=False,
    json_by_schema=True,
    no_top_p_1=True,
)
_TEI = Engine()
_OPENAI = Engine(
    max_tokens="max_completion_tokens",
    most_effort="high",
    reads_reasoning=False,
    fills_gaps=True,
)

_ENGINES = {
    "vllm": _VLLM,
    "llamacpp": _LLAMACPP,
    "tgi": _TGI,
    "tei": _TEI,
    "openai": _OPENAI,
}


def engine_of(name: str) -> Engine:
    """The engine called `name`, vLLM for any other name."""
    return _ENGINES.get(name, _VLLM)
