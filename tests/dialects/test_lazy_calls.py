"""The calls of a request that is several: one body at a time, whatever the request."""

import tracemalloc
from collections.abc import Sequence

import orjson
import pytest

from llmwrap.canonical.tasks import (
    Chat,
    Embedding,
    Message,
    Sampling,
    Target,
    Task,
    Text,
    TextCompletion,
)
from llmwrap.dialects import DIALECTS
from llmwrap.dialects.base import Call
from llmwrap.dialects.lazy_calls import Calls, changed
from llmwrap.errors import InvalidRequest

MEGABYTE = 1 << 20
LONG = "x" * MEGABYTE
CHAT = Chat((Message("user", (Text(LONG),)),), n=128)
TARGET = Target("m", engine="tgi", embed_batch=1)


def made(numbers: list[int], count: int = 3) -> Calls:
    """`count` calls, whose numbers are noted as they are written."""

    def make(number: int) -> Call:
        numbers.append(number)
        return Call("POST", "/", (), str(number).encode())

    return Calls(count, make)


def test_call_is_written_when_its_turn_has_come_and_once() -> None:
    numbers: list[int] = []
    calls = made(numbers)
    assert (len(calls), numbers) == (3, [0])
    assert [calls[0].body, calls[0].body, calls[1].body] == [b"0", b"0", b"1"]
    assert numbers == [0, 1]


def test_calls_are_a_sequence() -> None:
    calls = made([])
    assert [call.body for call in calls] == [b"0", b"1", b"2"]
    assert calls[-1].body == b"2"
    assert [call.body for call in calls[1:]] == [b"1", b"2"]
    with pytest.raises(IndexError):
        calls[3]


def test_change_of_all_is_made_one_at_a_time() -> None:
    numbers: list[int] = []
    calls = changed(made(numbers), lambda call: Call("GET", "/", (), call.body * 2))
    assert (len(calls), numbers) == (3, [0])
    assert [call.body for call in calls] == [b"00", b"11", b"22"]
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize(
    ("dialect", "task", "count"),
    [
        ("ollama", CHAT, 128),
        ("ollama", Chat(CHAT.messages, sampling=Sampling(seed=1), n=128), 128),
        ("ollama", TextCompletion((LONG,), sampling=Sampling(seed=1), n=128), 128),
        ("ollama", TextCompletion(("a", LONG), n=64), 128),
        ("ollama", Embedding((LONG,) * 100), 100),
        ("openai", TextCompletion((LONG,) * 100), 100),
        ("openai", TextCompletion(("a",) * 100, suffix=LONG), 100),
        ("openai", Embedding((LONG,) * 100), 100),
    ],
)
def test_many_calls_take_the_memory_of_few(
    dialect: str, task: Task, count: int
) -> None:
    target = Target("m", "tgi", embed_batch=1, fill_in_middle="{prefix}{suffix}")
    tracemalloc.start()
    try:
        calls = DIALECTS[dialect].render_task(task, target, stream=False)
        assert sum(1 for _ in calls) == count
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 48 * MEGABYTE  # orjson asks for 8 bytes a character, for a moment


def bodies(calls: Sequence[Call]) -> list[object]:
    return [orjson.loads(call.body) for call in calls]


def test_answers_to_one_prompt_stand_together_each_with_its_seed() -> None:
    task = TextCompletion(("a", "b"), sampling=Sampling(seed=5, top_p=0.5), n=2)
    calls = DIALECTS["ollama"].render_task(task, TARGET, stream=True)
    backwards = [orjson.loads(calls[n].body) for n in (3, 2, 1, 0)]
    assert bodies(calls) == backwards[::-1]
    assert [(each["prompt"], each["options"]) for each in backwards[::-1]] == [
        (prompt, {"top_p": 0.5, "seed": seed})
        for prompt in ("a", "b")
        for seed in (5, 6)
    ]


def test_prompt_that_is_refused_is_refused_before_the_first_call() -> None:
    with pytest.raises(InvalidRequest, match="prompt is empty"):
        DIALECTS["ollama"].render_task(TextCompletion(("a", "")), TARGET, stream=False)


@pytest.mark.parametrize(("seed", "n"), [(2**63 - 1, 2), (2**64 - 1, 1)])
def test_seed_that_would_count_beyond_what_json_holds_is_refused(
    seed: int, n: int
) -> None:
    task = Chat((), sampling=Sampling(seed=seed), n=n)
    with pytest.raises(InvalidRequest) as caught:
        DIALECTS["ollama"].render_task(task, TARGET, stream=False)
    assert caught.value.param == "seed"
    fits = Chat((), sampling=Sampling(seed=2**63 - 2), n=2)
    calls = DIALECTS["ollama"].render_task(fits, TARGET, stream=False)
    assert b'"seed":9223372036854775807' in calls[1].body
